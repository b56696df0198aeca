#include <errno.h>
#include <stdlib.h>

#include "format/layer_index.h"
#include "format/layer_index_parts.h"
#include "codec/points.h"
#include "codec/zstd.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

#include "layerfs/layer_index.h"

/* It is written once and read by every node. */
enum { PACK_LEVEL = 12 };

/* Where an object stands among others: by its first bytes in the blob, then by
 * its digest, so that the order is the layer's, not the store's. */
struct standing {
	uint64_t blob_off;
	uint32_t inner_off;
	uint32_t object; /* of the map */
	struct digest digest;
	uint64_t size;
};

struct writer {
	const struct index *x;
	const struct map *m;
	const struct points *points;
	struct standing *order; /* of the objects */
	uint32_t *numbers;      /* an object's, by its number in the map */
	struct buf tables, digests;
	struct tree_writing tree;
	struct err *e;
};

/* ---- objects ---- */

static int
stand(const struct map *m, uint32_t i, struct standing *s, struct err *e)
{
	struct object o;

	map_object(m, i, &o);
	*s = (struct standing){
		.object = i, .digest = o.digest, .size = o.size
	};
	for (uint32_t n = o.n_chunks; n > 0; n--) {
		struct chunk c;

		map_chunk(m, o.first_chunk + n - 1, &c);
		if (c.codec == CHUNK_STREAM ||
		    (c.codec != CHUNK_ZEROS && !c.has_digest))
			return err_set(e, ENOTSUP,
			    "parts of the layer cannot be fetched alone");
		if (c.codec == CHUNK_ZEROS)
			continue;
		s->blob_off = c.blob_off;
		s->inner_off = c.inner_off;
	}
	return 0;
}

static int
compare_standings(const void *a, const void *b)
{
	const struct standing *x = a, *y = b;

	if (x->blob_off != y->blob_off)
		return x->blob_off < y->blob_off ? -1 : 1;
	if (x->inner_off != y->inner_off)
		return x->inner_off < y->inner_off ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return memcmp(&x->digest, &y->digest, sizeof x->digest);
}

static int
order_objects(struct writer *w)
{
	uint32_t n = map_n_objects(w->m);

	w->order = calloc(n + 1, sizeof *w->order);
	w->numbers = calloc(n + 1, sizeof *w->numbers);
	if (w->order == NULL || w->numbers == NULL)
		return err_set(w->e, ENOMEM, "a layer's index");
	for (uint32_t i = 0; i < n; i++)
		if (stand(w->m, i, &w->order[i], w->e) < 0)
			return -1;
	qsort(w->order, n, sizeof *w->order, compare_standings);
	for (uint32_t i = 0; i < n; i++)
		w->numbers[w->order[i].object] = i;
	return 0;
}

static uint8_t
code_of(enum chunk_codec codec)
{
	switch (codec) {
	case CHUNK_RAW:
		return LAYERFS_CHUNK_RAW;
	case CHUNK_ZSTD:
		return LAYERFS_CHUNK_ZSTD;
	case CHUNK_GZIP:
		return LAYERFS_CHUNK_GZIP;
	case CHUNK_ZEROS:
		return LAYERFS_CHUNK_ZEROS;
	case CHUNK_SPAN:
		return LAYERFS_CHUNK_SPAN;
	default:
		return LAYERFS_CHUNK_CODECS;
	}
}

static int
put_chunk(struct writer *w, const struct chunk *c)
{
	bool is_zeros = c->codec == CHUNK_ZEROS;
	struct layerfs_layer_index_chunk row = {
		.blob_off = htole64(is_zeros ? 0 : c->blob_off),
		.blob_len = htole32(c->blob_len),
		.len = htole32(c->len),
		.inner_off = htole32(c->inner_off),
		.codec = code_of(c->codec),
	};

	if (buf_append(&w->tables, &row, sizeof row, w->e) < 0)
		return -1;
	return is_zeros
		   ? 0
		   : buf_append(&w->digests, &c->digest, DIGEST_BYTES, w->e);
}

static int
put_chunks(struct writer *w, const struct standing *s)
{
	struct object o;

	map_object(w->m, s->object, &o);
	for (uint32_t i = 0; i < o.n_chunks; i++) {
		struct chunk c;

		map_chunk(w->m, o.first_chunk + i, &c);
		if (put_chunk(w, &c) < 0)
			return -1;
	}
	return 0;
}

static int
put_objects(struct writer *w)
{
	uint32_t n = map_n_objects(w->m);

	for (uint32_t i = 0; i < n; i++) {
		struct layerfs_layer_index_object row = { 0 };
		struct object o;

		map_object(w->m, w->order[i].object, &o);
		row.size = htole64(o.size);
		row.n_chunks = htole32(o.n_chunks);
		if (buf_append(&w->tables, &row, sizeof row, w->e) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < n; i++)
		if (put_chunks(w, &w->order[i]) < 0)
			return -1;
	return buf_append(&w->tables, w->digests.data, w->digests.len, w->e);
}

/* ---- points ---- */

static int
put_points(struct writer *w)
{
	uint32_t n = w->points != NULL ? points_count(w->points) : 0;

	for (uint32_t i = 0; i < n; i++) {
		struct layerfs_layer_index_point row = { 0 };
		struct restart_point p;
		uint32_t frame_len;

		points_get(w->points, i, &p);
		if (p.is_stored)
			return err_set(w->e, ENOTSUP, "a stored span");
		points_packed_window(w->points, i, &frame_len);
		row.blob_off = htole64(p.blob_off);
		row.stream_off = htole64(p.stream_off);
		row.frame_len = htole32(frame_len);
		row.window_len = htole16(p.window_len);
		row.bits = p.bits;
		if (buf_append(&w->tables, &row, sizeof row, w->e) < 0)
			return -1;
	}
	return 0;
}

static int
put_windows(struct writer *w, struct buf *out)
{
	uint32_t n = w->points != NULL ? points_count(w->points) : 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len;
		const void *p = points_packed_window(w->points, i, &len);

		if (buf_append(out, p, len, w->e) < 0)
			return -1;
	}
	return 0;
}

/* ---- all of it ---- */

static int
put_tree(struct writer *w)
{
	w->tree = (struct tree_writing){
		.x = w->x,
		.m = w->m,
		.numbers = w->numbers,
		.tables = &w->tables,
	};
	return layer_index_put_tree(&w->tree, w->e);
}

static int
put_together(struct writer *w, struct buf *out)
{
	size_t start = out->len;
	struct layerfs_layer_index_header h = {
		.version = htole32(LAYERFS_LAYER_INDEX_VERSION),
		.tables_len = htole64(w->tables.len),
		.n_objects = htole32(map_n_objects(w->m)),
		.n_chunks = htole32(map_n_chunks(w->m)),
		.n_points =
		    htole32(w->points != NULL ? points_count(w->points) : 0),
		.n_entries = htole32(w->tree.n_entries),
	};
	uint64_t blob_size;

	memcpy(h.magic, LAYERFS_LAYER_INDEX_MAGIC, sizeof h.magic);
	memcpy(h.blob, map_blob(w->m, &blob_size), sizeof h.blob);
	h.blob_size = htole64(blob_size);
	if (buf_append(out, &h, sizeof h, w->e) < 0 ||
	    zstd_pack(out, w->tables.data, w->tables.len, PACK_LEVEL, w->e) < 0)
		return -1;
	h.frame_len = htole64(out->len - start - sizeof h);
	memcpy(out->data + start, &h, sizeof h);
	return put_windows(w, out);
}

static void
release(struct writer *w)
{
	free(w->order);
	free(w->numbers);
	buf_release(&w->tables);
	buf_release(&w->digests);
}

int
layer_index_write(const struct index *x, const struct map *m,
    const struct points *p, struct buf *out, struct err *e)
{
	CLEANUP(release)
	struct writer w = {
		.x = x,
		.m = m,
		.points = p,
		.tables = BUF_INIT(LIMIT_TOC_BYTES),
		.digests = BUF_INIT(LIMIT_TOC_BYTES),
		.e = e,
	};

	if (order_objects(&w) < 0 || put_objects(&w) < 0 ||
	    put_points(&w) < 0 || put_tree(&w) < 0 || put_together(&w, out) < 0)
		return err_wrap(e, "a layer's index");
	return 0;
}
