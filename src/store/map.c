#include "store/map.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "store/map_format.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

struct map {
	void *base;
	size_t bytes;
	const struct disk_object *objects;
	const struct disk_chunk *chunks;
	const uint32_t *order;
	uint32_t n_objects;
	uint32_t n_chunks;
	struct digest blob;
	uint64_t blob_size;
	uint64_t prefetch_end;
	uint64_t checksum; /* while it is checked: of the records so far */
};

/* ---- checking, once ---- */

static int
check_header(struct map *m, struct err *e)
{
	const struct disk_header *h = m->base;
	static const uint8_t zero[sizeof h->reserved_end];
	uint64_t chunks_off, order_off;

	if (memcmp(h->magic, MAP_MAGIC, sizeof h->magic) != 0)
		return err_set(e, EBADMSG, "no map");
	if (le32toh(h->version) != MAP_VERSION)
		return err_set(
		    e, EBADMSG, "map of version %" PRIu32, le32toh(h->version));
	m->n_objects = le32toh(h->n_objects);
	m->n_chunks = le32toh(h->n_chunks);
	m->blob_size = le64toh(h->blob_size);
	m->prefetch_end = le64toh(h->prefetch_end);
	memcpy(&m->blob, h->blob, sizeof m->blob);
	if (m->n_objects > LIMIT_ENTRIES || m->n_chunks > LIMIT_CHUNKS)
		return err_set(e, EBADMSG,
		    "map of %" PRIu32 " objects, %" PRIu32 " chunks",
		    m->n_objects, m->n_chunks);
	chunks_off = sizeof *h + m->n_objects * sizeof *m->objects;
	order_off = chunks_off + m->n_chunks * sizeof *m->chunks;
	if (le64toh(h->objects_off) != sizeof *h ||
	    le64toh(h->chunks_off) != chunks_off ||
	    le64toh(h->order_off) != order_off ||
	    m->bytes != order_off + m->n_chunks * sizeof *m->order)
		return err_set(e, EBADMSG, "sections do not fill the map");
	if (m->blob_size > LIMIT_BLOB_BYTES || m->prefetch_end > m->blob_size)
		return err_set(
		    e, EBADMSG, "blob of %" PRIu64 " bytes", m->blob_size);
	if (h->reserved != 0 || memcmp(h->reserved_end, zero, sizeof zero) != 0)
		return err_set(e, EBADMSG, "reserved bytes");
	m->objects = (const void *)((const char *)m->base + sizeof *h);
	m->chunks = (const void *)((const char *)m->base + chunks_off);
	m->order = (const void *)((const char *)m->base + order_off);
	return 0;
}

static int
check_object_chunks(struct map *m, const struct object *o, struct err *e)
{
	uint64_t covered = 0;

	for (uint32_t i = 0; i < o->n_chunks; i++) {
		const struct disk_chunk *d = &m->chunks[o->first_chunk + i];
		struct chunk c;

		m->checksum = disk_checksum(m->checksum, d, sizeof *d);
		disk_get_chunk(d, &c);
		if ((d->flags & ~DISK_CHUNK_HAS_DIGEST) != 0 ||
		    d->reserved != 0)
			return err_set(e, EBADMSG, "a chunk's reserved bits");
		if (chunk_check(&c, m->blob_size, e) < 0)
			return -1;
		if (c.object_off != covered || c.len > o->size - covered)
			return err_set(e, EBADMSG,
			    "chunk at %" PRIu64 " of its object, not %" PRIu64,
			    c.object_off, covered);
		covered += c.len;
	}
	if (covered != o->size)
		return err_set(e, EBADMSG,
		    "chunks cover %" PRIu64 " of an object's %" PRIu64 " bytes",
		    covered, o->size);
	return 0;
}

static int
check_objects(struct map *m, struct err *e)
{
	uint32_t next_chunk = 0;
	uint64_t end = 0;

	for (uint32_t i = 0; i < m->n_objects; i++) {
		struct object o;

		m->checksum = disk_checksum(
		    m->checksum, &m->objects[i], sizeof *m->objects);
		disk_get_object(&m->objects[i], &o);
		if (object_check_place(&o, &end, e) < 0)
			return -1;
		if (o.first_chunk != next_chunk ||
		    o.n_chunks > m->n_chunks - next_chunk)
			return err_set(e, EBADMSG, "an object's chunks");
		next_chunk += o.n_chunks;
	}
	if (next_chunk != m->n_chunks)
		return err_set(e, EBADMSG, "chunks of no object");
	return 0;
}

static int
check_chunks(struct map *m, struct err *e)
{
	for (uint32_t i = 0; i < m->n_objects; i++) {
		struct object o;

		disk_get_object(&m->objects[i], &o);
		if (check_object_chunks(m, &o, e) < 0)
			return -1;
	}
	return 0;
}

/* Strictly ascending and as many as there are chunks: hence every chunk
 * once. */
static int
check_order(struct map *m, struct err *e)
{
	struct blob_place last, place;

	for (uint32_t i = 0; i < m->n_chunks; i++) {
		uint32_t n = le32toh(m->order[i]);
		struct chunk c;

		m->checksum =
		    disk_checksum(m->checksum, &m->order[i], sizeof *m->order);
		if (n >= m->n_chunks)
			return err_set(e, EBADMSG, "order names no chunk");
		disk_get_chunk(&m->chunks[n], &c);
		place = blob_place_of(&c, n);
		if (i > 0 && blob_place_compare(&last, &place) >= 0)
			return err_set(e, EBADMSG, "not in the blob's order");
		last = place;
	}
	return 0;
}

static int
check_checksum(struct map *m, struct err *e)
{
	struct disk_header h = *(const struct disk_header *)m->base;
	uint64_t wanted = le64toh(h.checksum);

	h.checksum = 0;
	if (disk_checksum(m->checksum, &h, sizeof h) != wanted)
		return err_set(e, EBADMSG, "the map's checksum is wrong");
	return 0;
}

/* ---- opening ---- */

static int
map_file(struct map *m, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat");
	if (!S_ISREG(st.st_mode) ||
	    st.st_size < (off_t)sizeof(struct disk_header))
		return err_set(e, EBADMSG, "too short for a map");
	m->bytes = st.st_size;
	m->base = mmap(NULL, m->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (m->base == MAP_FAILED) {
		m->base = NULL;
		return err_sys(e, "map %zu bytes", m->bytes);
	}
	return 0;
}

struct map *
map_open(int fd, struct err *e)
{
	AUTO_MAP struct map *m = calloc(1, sizeof *m);

	if (m == NULL) {
		err_set(e, ENOMEM, "a map");
		return NULL;
	}
	if (map_file(m, fd, e) < 0 || check_header(m, e) < 0 ||
	    check_objects(m, e) < 0 || check_chunks(m, e) < 0 ||
	    check_order(m, e) < 0 || check_checksum(m, e) < 0)
		return NULL;
	map_let_go(m);
	return take_ptr(&m);
}

void
map_let_go(const struct map *m)
{
	madvise(m->base, m->bytes, MADV_DONTNEED);
}

void
map_close(struct map *m)
{
	if (m == NULL)
		return;
	if (m->base != NULL)
		munmap(m->base, m->bytes);
	free(m);
}

/* ---- reading ---- */

const struct digest *
map_blob(const struct map *m, uint64_t *size)
{
	if (size != NULL)
		*size = m->blob_size;
	return &m->blob;
}

uint64_t
map_checksum(const struct map *m)
{
	const struct disk_header *h = m->base;

	return le64toh(h->checksum);
}

uint64_t
map_prefetch_end(const struct map *m)
{
	return m->prefetch_end;
}

uint32_t
map_n_objects(const struct map *m)
{
	return m->n_objects;
}

uint32_t
map_n_chunks(const struct map *m)
{
	return m->n_chunks;
}

void
map_object(const struct map *m, uint32_t i, struct object *out)
{
	assert(i < m->n_objects);
	disk_get_object(&m->objects[i], out);
}

void
map_chunk(const struct map *m, uint32_t i, struct chunk *out)
{
	assert(i < m->n_chunks);
	disk_get_chunk(&m->chunks[i], out);
}

/* How many objects begin at or before the position. */
static uint32_t
count_objects_to(const struct map *m, uint64_t data_off)
{
	uint32_t lo = 0, hi = m->n_objects;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (le64toh(m->objects[mid].data_off) <= data_off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
map_find_object(const struct map *m, uint64_t data_off, uint32_t *object)
{
	uint32_t n = count_objects_to(m, data_off);
	struct object o;

	if (n == 0)
		return false;
	map_object(m, n - 1, &o);
	*object = n - 1;
	return data_off - o.data_off < align_up(o.size, MAP_BLOCK);
}

/* The object's chunk that holds a byte of it. */
static uint32_t
find_chunk(const struct map *m, const struct object *o, uint64_t object_off)
{
	uint32_t lo = o->first_chunk, hi = lo + o->n_chunks;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (le64toh(m->chunks[mid].object_off) <= object_off)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

void
map_object_chunks(const struct map *m, const struct object *o, uint64_t from,
    uint64_t to, uint32_t *first, uint32_t *last)
{
	assert(from < to && o->n_chunks > 0);
	*first = find_chunk(m, o, from);
	*last = find_chunk(m, o, to - 1);
}

uint64_t
map_object_blob_bytes(
    const struct map *m, const struct object *o, uint64_t most)
{
	uint64_t sum = 0;
	struct chunk c;

	for (uint32_t n = 0; n < o->n_chunks && sum <= most; n++) {
		map_chunk(m, o->first_chunk + n, &c);
		sum += c.blob_len;
	}
	return sum;
}

uint32_t
map_chunk_in_blob_order(const struct map *m, uint32_t i)
{
	assert(i < m->n_chunks);
	return le32toh(m->order[i]);
}

uint32_t
map_blob_rank(const struct map *m, uint32_t chunk)
{
	uint32_t lo = 0, hi = m->n_chunks;
	struct blob_place wanted, place;
	struct chunk c;

	map_chunk(m, chunk, &c);
	wanted = blob_place_of(&c, chunk);
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;
		uint32_t n = map_chunk_in_blob_order(m, mid);

		map_chunk(m, n, &c);
		place = blob_place_of(&c, n);
		if (blob_place_compare(&place, &wanted) <= 0)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}
