/* Writes a built and placed map.  Records go out through one buffer; the header
 * comes last, when the checksum is known, so a file that was cut short has
 * none. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "store/map_builder.h"
#include "store/map_format.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

struct writer {
	int fd;
	uint64_t off; /* of buf's first byte */
	uint64_t checksum;
	struct buf buf;
};

static int
flush(struct writer *w, struct err *e)
{
	if (fs_pwrite(w->fd, w->buf.data, w->buf.len, w->off, e) < 0)
		return -1;
	w->off += w->buf.len;
	w->buf.len = 0;
	return 0;
}

static int
put_record(struct writer *w, const void *record, size_t n, struct err *e)
{
	w->checksum = disk_checksum(w->checksum, record, n);
	if (w->buf.len + n > w->buf.max && flush(w, e) < 0)
		return -1;
	return buf_append(&w->buf, record, n, e);
}

/* ---- orders ---- */

/* An object's place and its ordinal. */
struct placed {
	uint64_t data_off;
	uint32_t ordinal;
};

static int
compare_placed(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	return x->data_off < y->data_off ? -1 : x->data_off > y->data_off;
}

/* glibc's qsort() sorts what is sorted no faster; most layers are. */
static void
sort_unless_sorted(
    void *at, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	const char *p = at;

	for (size_t i = 1; i < n; i++)
		if (compare(p + (i - 1) * size, p + i * size) > 0) {
			qsort(at, n, size, compare);
			return;
		}
}

static struct placed *
sort_objects(const struct map_builder *b, struct err *e)
{
	struct placed *order = malloc((b->n_objects + 1) * sizeof *order);

	if (order == NULL) {
		err_set(e, ENOMEM, "a map's objects");
		return NULL;
	}
	for (uint32_t i = 0; i < b->n_objects; i++) {
		assert(b->objects[i].data_off != MAP_NOWHERE);
		order[i] = (struct placed){ b->objects[i].data_off, i };
	}
	sort_unless_sorted(order, b->n_objects, sizeof *order, compare_placed);
	return order;
}

/* ---- sections ---- */

static int
put_objects(struct writer *w, const struct map_builder *b,
    const struct placed *order, struct err *e)
{
	uint32_t first_chunk = 0;
	uint64_t end = 0;

	for (uint32_t i = 0; i < b->n_objects; i++) {
		struct object o = b->objects[order[i].ordinal];
		struct disk_object d;

		if (object_check_place(&o, &end, e) < 0)
			return -1;
		o.first_chunk = first_chunk;
		first_chunk += o.n_chunks;
		disk_put_object(&d, &o);
		if (put_record(w, &d, sizeof d, e) < 0)
			return -1;
	}
	return 0;
}

/* The chunks of one object; `places` learns where they stand in the blob. */
static int
put_object_chunks(struct writer *w, const struct chunk *c, uint32_t n,
    struct blob_place *places, uint32_t first, uint64_t blob_size,
    struct err *e)
{
	for (uint32_t i = 0; i < n; i++) {
		struct disk_chunk d;

		if (chunk_check(&c[i], blob_size, e) < 0)
			return -1;
		places[first + i] = blob_place_of(&c[i], first + i);
		disk_put_chunk(&d, &c[i]);
		if (put_record(w, &d, sizeof d, e) < 0)
			return -1;
	}
	return 0;
}

static int
put_chunks(struct writer *w, const struct map_builder *b,
    const struct placed *order, uint64_t blob_size, struct err *e)
{
	AUTO_FREE struct blob_place *places =
	    malloc((b->n_chunks + 1) * sizeof *places);
	uint32_t next = 0;

	if (places == NULL)
		return err_set(e, ENOMEM, "a map's chunks");
	for (uint32_t i = 0; i < b->n_objects; i++) {
		const struct object *o = &b->objects[order[i].ordinal];

		if (put_object_chunks(w, b->chunks + o->first_chunk,
			o->n_chunks, places, next, blob_size, e) < 0)
			return -1;
		next += o->n_chunks;
	}
	sort_unless_sorted(
	    places, b->n_chunks, sizeof *places, blob_place_compare);
	for (uint32_t i = 0; i < b->n_chunks; i++) {
		uint32_t chunk = htole32(places[i].chunk);

		if (put_record(w, &chunk, sizeof chunk, e) < 0)
			return -1;
	}
	return 0;
}

static int
put_header(struct writer *w, const struct map_builder *b,
    const struct digest *blob, uint64_t blob_size, struct err *e)
{
	uint64_t chunks_off = sizeof(struct disk_header) +
			      b->n_objects * sizeof(struct disk_object);
	struct disk_header h = {
		.magic = MAP_MAGIC,
		.version = htole32(MAP_VERSION),
		.n_objects = htole32(b->n_objects),
		.n_chunks = htole32(b->n_chunks),
		.objects_off = htole64(sizeof h),
		.chunks_off = htole64(chunks_off),
		.order_off = htole64(
		    chunks_off + b->n_chunks * sizeof(struct disk_chunk)),
		.blob_size = htole64(blob_size),
		.prefetch_end = htole64(min_u64(b->prefetch_end, blob_size)),
	};

	memcpy(h.blob, blob, sizeof h.blob);
	h.checksum = htole64(disk_checksum(w->checksum, &h, sizeof h));
	return fs_pwrite(w->fd, &h, sizeof h, 0, e);
}

static void
release_writer(struct writer *w)
{
	buf_release(&w->buf);
}

int
map_write(const struct map_builder *b, const struct digest *blob,
    uint64_t blob_size, int fd, struct err *e)
{
	AUTO_FREE struct placed *order = sort_objects(b, e);
	CLEANUP(release_writer)
	struct writer w = { .fd = fd,
		.off = sizeof(struct disk_header),
		.buf = BUF_INIT(KIB(256)) };

	assert(!b->is_in_object);
	if (order == NULL)
		return -1;
	if (blob_size > LIMIT_BLOB_BYTES)
		return err_set(
		    e, E2BIG, "blob of %" PRIu64 " bytes", blob_size);
	if (put_objects(&w, b, order, e) < 0 ||
	    put_chunks(&w, b, order, blob_size, e) < 0 || flush(&w, e) < 0 ||
	    put_header(&w, b, blob, blob_size, e) < 0)
		return err_wrap(e, "map of %s", DIGEST_HEX(blob));
	return 0;
}
