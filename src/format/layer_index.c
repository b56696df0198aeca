#include "layerfs/layer_index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "format/entry.h"
#include "format/format.h"
#include "format/identity.h"
#include "format/layer_index.h"
#include "format/layer_index_parts.h"
#include "codec/decode.h"
#include "codec/points.h"
#include "codec/zstd.h"
#include "index/tree.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/limits.h"

struct reader {
	const struct descriptor *layer;
	struct layerfs_layer_index_header header; /* counts: this machine's */
	struct cursor tables, windows;
	uint64_t total;       /* of the objects' sizes */
	uint32_t n_digests;   /* that were taken */
	uint32_t chunks_left; /* of all that the header counts */
	struct contents out;

	uint32_t *ordinals; /* an object's, by its number */
	uint64_t *sizes;
	struct chunk *chunks; /* of the object at hand */
	struct hasher *hasher;

	struct index_entries entries;
};

static int
too_short(struct err *e)
{
	return err_set(e, EBADMSG, "its tables are cut off");
}

/* ---- header and tables ---- */

static int
check_header(struct reader *r, struct err *e)
{
	struct layerfs_layer_index_header *h = &r->header;
	static const uint8_t zeros[sizeof h->reserved_end];

	if (memcmp(h->magic, LAYERFS_LAYER_INDEX_MAGIC, sizeof h->magic) != 0)
		return err_set(e, EBADMSG, "no layer's index");
	if (le32toh(h->version) != LAYERFS_LAYER_INDEX_VERSION)
		return err_set(e, ENOTSUP, "version %" PRIu32 " is unknown",
		    le32toh(h->version));
	if (memcmp(h->blob, &r->layer->digest, sizeof h->blob) != 0 ||
	    le64toh(h->blob_size) != r->layer->size)
		return err_set(e, EBADMSG, "it is another layer's");
	h->n_objects = le32toh(h->n_objects);
	h->n_chunks = le32toh(h->n_chunks);
	h->n_points = le32toh(h->n_points);
	h->n_entries = le32toh(h->n_entries);
	h->frame_len = le64toh(h->frame_len);
	h->tables_len = le64toh(h->tables_len);
	if (h->n_objects > LIMIT_ENTRIES || h->n_entries > LIMIT_ENTRIES ||
	    h->n_chunks > LIMIT_CHUNKS || h->n_points > LIMIT_POINTS ||
	    h->tables_len > LIMIT_TOC_BYTES)
		return err_set(e, EBADMSG, "it claims too much");
	if (h->reserved != 0 ||
	    memcmp(h->reserved_end, zeros, sizeof zeros) != 0)
		return err_set(e, EBADMSG, "reserved bytes");
	return 0;
}

/* The rows must be there before memory is given to what they claim. */
static int
check_rows(const struct reader *r, struct err *e)
{
	const struct layerfs_layer_index_header *h = &r->header;
	uint64_t rows =
	    (uint64_t)h->n_objects * sizeof(struct layerfs_layer_index_object) +
	    (uint64_t)h->n_chunks * sizeof(struct layerfs_layer_index_chunk) +
	    (uint64_t)h->n_points * sizeof(struct layerfs_layer_index_point) +
	    (uint64_t)h->n_entries * sizeof(struct layerfs_layer_index_entry);

	return rows > h->tables_len ? too_short(e) : 0;
}

static int
unpack(struct reader *r, const uint8_t *p, size_t n, uint8_t **tables,
    struct err *e)
{
	struct cursor c = { p, n };
	const uint8_t *header = cursor_take(&c, sizeof r->header), *frame;
	AUTO_DECODER struct decoder *d = NULL;
	struct decode_part part = { .is_all = true };

	if (header == NULL)
		return err_set(e, EBADMSG, "no layer's index");
	memcpy(&r->header, header, sizeof r->header);
	if (check_header(r, e) < 0 || check_rows(r, e) < 0)
		return -1;
	frame = cursor_take(&c, r->header.frame_len);
	if (frame == NULL)
		return err_set(e, EBADMSG, "it is cut off");
	r->windows = c;
	*tables = malloc(r->header.tables_len + 1);
	d = zstd_decoder_new(e);
	if (*tables == NULL || d == NULL)
		return err_set(e, ENOMEM, "a layer's index");
	part.in = frame;
	part.in_len = r->header.frame_len;
	part.out = *tables;
	part.out_len = r->header.tables_len;
	r->tables = (struct cursor){ *tables, r->header.tables_len };
	return decoder_read_part(d, &part, e);
}

/* ---- objects ---- */

static enum chunk_codec
codec_of(uint8_t codec)
{
	static const enum chunk_codec codecs[LAYERFS_CHUNK_CODECS] = {
		[LAYERFS_CHUNK_RAW] = CHUNK_RAW,
		[LAYERFS_CHUNK_ZSTD] = CHUNK_ZSTD,
		[LAYERFS_CHUNK_GZIP] = CHUNK_GZIP,
		[LAYERFS_CHUNK_ZEROS] = CHUNK_ZEROS,
		[LAYERFS_CHUNK_SPAN] = CHUNK_SPAN,
	};

	return codec < LAYERFS_CHUNK_CODECS ? codecs[codec] : CHUNK_CODECS;
}

/* What it may say else the map's builder knows. */
static int
read_chunk(struct reader *r, const struct layerfs_layer_index_chunk *row,
    const struct digest *digest, struct chunk *c, struct err *e)
{
	static const uint8_t zeros[sizeof row->reserved];

	*c = (struct chunk){
		.blob_off = le64toh(row->blob_off),
		.blob_len = le32toh(row->blob_len),
		.len = le32toh(row->len),
		.inner_off = le32toh(row->inner_off),
		.codec = codec_of(row->codec),
	};
	if (memcmp(row->reserved, zeros, sizeof zeros) != 0)
		return err_set(e, EBADMSG, "reserved bytes");
	if (c->codec == CHUNK_ZEROS)
		return 0;
	if (digest == NULL)
		return too_short(e);
	c->digest = *digest;
	c->has_digest = true;
	r->n_digests++;
	return 0;
}

static int
add_object(
    struct reader *r, uint32_t number, uint64_t size, uint32_t n, struct err *e)
{
	struct digest id;
	bool is_new;

	identity_of(r->hasher, r->chunks, n, &id);
	if (map_builder_begin_object(
		r->out.map, &id, size, &r->ordinals[number], &is_new, e) < 0)
		return -1;
	r->sizes[number] = size;
	if (!is_new)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		if (map_builder_add_chunk(r->out.map, &r->chunks[i], e) < 0)
			return -1;
	return map_builder_end_object(r->out.map, e);
}

/* The rows lie where they may not be aligned. */
static int
read_object(struct reader *r, uint32_t number,
    const struct layerfs_layer_index_object *row, struct cursor *chunks,
    struct cursor *digests, struct err *e)
{
	uint32_t n = le32toh(row->n_chunks);
	uint64_t size = le64toh(row->size), off = 0;

	if (n == 0 || n > r->chunks_left || row->reserved != 0 ||
	    size > LIMIT_FILE_BYTES || size > LIMIT_DATA_BYTES - r->total)
		return err_set(e, EBADMSG, "object %" PRIu32, number);
	r->chunks_left -= n;
	r->total += size;
	for (uint32_t i = 0; i < n; i++) {
		struct layerfs_layer_index_chunk c;
		const void *digest = NULL;

		memcpy(&c, cursor_take(chunks, sizeof c), sizeof c);
		if (c.codec != LAYERFS_CHUNK_ZEROS)
			digest = cursor_take(digests, DIGEST_BYTES);
		if (read_chunk(r, &c, digest, &r->chunks[i], e) < 0)
			return -1;
		r->chunks[i].object_off = off;
		off += r->chunks[i].len;
	}
	return add_object(r, number, size, n, e);
}

static int
read_objects(struct reader *r, struct err *e)
{
	const struct layerfs_layer_index_header *h = &r->header;
	struct cursor objects = r->tables, chunks, digests;

	cursor_take(&r->tables,
	    (size_t)h->n_objects * sizeof(struct layerfs_layer_index_object));
	chunks = r->tables;
	cursor_take(&r->tables,
	    (size_t)h->n_chunks * sizeof(struct layerfs_layer_index_chunk));
	digests = r->tables;
	r->chunks_left = h->n_chunks;
	for (uint32_t i = 0; i < h->n_objects; i++) {
		struct layerfs_layer_index_object o;

		memcpy(&o, cursor_take(&objects, sizeof o), sizeof o);
		if (read_object(r, i, &o, &chunks, &digests, e) < 0)
			return -1;
	}
	if (r->chunks_left != 0)
		return err_set(e, EBADMSG, "chunks of no object");
	r->tables = digests;
	return 0;
}

/* ---- points ---- */

static int
read_point(struct reader *r, struct err *e)
{
	struct layerfs_layer_index_point row;
	static const uint8_t zeros[sizeof row.reserved];
	const void *p = cursor_take(&r->tables, sizeof row), *frame;
	struct restart_point point;

	if (p == NULL)
		return too_short(e);
	memcpy(&row, p, sizeof row);
	point = (struct restart_point){
		.blob_off = le64toh(row.blob_off),
		.stream_off = le64toh(row.stream_off),
		.window_len = le16toh(row.window_len),
		.bits = row.bits,
	};
	frame = cursor_take(&r->windows, le32toh(row.frame_len));
	if (frame == NULL || memcmp(row.reserved, zeros, sizeof zeros) != 0)
		return err_set(e, EBADMSG, "a restart point");
	return points_add_packed(
	    r->out.points, &point, frame, le32toh(row.frame_len), e);
}

static int
read_points(struct reader *r, struct err *e)
{
	for (uint32_t i = 0; i < r->header.n_points; i++)
		if (read_point(r, e) < 0)
			return -1;
	if (r->windows.left > 0)
		return err_set(e, EBADMSG, "windows of no restart point");
	return 0;
}

/* ---- entries ---- */

static int
add_entry(struct reader *r, struct index_read *x, struct err *e)
{
	uint64_t content = 0;

	if (x->is_opaque)
		return tree_add_opaque(
		    r->out.tree, x->tar.path, x->tar.path_len, e);
	if (x->object != LAYERFS_NO_OBJECT) {
		if (x->object >= r->header.n_objects)
			return err_set(e, EBADMSG, "file of no object");
		x->tar.size = r->sizes[x->object];
		content = r->ordinals[x->object];
	}
	return entry_add(
	    r->out.tree, &x->tar, content, &r->out.dropped_xattrs, e);
}

static int
read_entries(struct reader *r, struct err *e)
{
	struct index_read x;

	r->entries.left = r->tables;
	for (uint32_t i = 0; i < r->header.n_entries; i++)
		if (index_entries_next(&r->entries, &x, e) < 0 ||
		    add_entry(r, &x, e) < 0)
			return entry_wrap(
			    e, r->entries.path, r->entries.path_len);
	if (r->entries.left.left > 0)
		return err_set(e, EBADMSG, "bytes behind its tables");
	return 0;
}

/* ---- all of it ---- */

static int
make_room(struct reader *r, struct err *e)
{
	const struct layerfs_layer_index_header *h = &r->header;

	r->ordinals = calloc(h->n_objects + 1, sizeof *r->ordinals);
	r->sizes = calloc(h->n_objects + 1, sizeof *r->sizes);
	r->chunks = calloc(h->n_chunks + 1, sizeof *r->chunks);
	r->hasher = hasher_new();
	buf_init(&r->entries.xattrs, h->tables_len + sizeof(struct tar_xattr));
	if (r->ordinals == NULL || r->sizes == NULL || r->chunks == NULL)
		return err_set(e, ENOMEM, "a layer's index");
	r->out.tree = tree_new(e);
	r->out.map = map_builder_new(e);
	r->out.points = points_builder_new(e);
	return r->out.tree == NULL || r->out.map == NULL ||
		       r->out.points == NULL
		   ? -1
		   : 0;
}

static void
release(struct reader *r)
{
	free(r->ordinals);
	free(r->sizes);
	free(r->chunks);
	hasher_free(r->hasher);
	buf_release(&r->entries.xattrs);
	contents_release(&r->out);
	free(r);
}

static int
read_all(struct reader *r, const uint8_t *p, size_t n, struct err *e)
{
	AUTO_FREE uint8_t *tables = NULL;

	if (unpack(r, p, n, &tables, e) < 0 || make_room(r, e) < 0 ||
	    read_objects(r, e) < 0 || read_points(r, e) < 0 ||
	    read_entries(r, e) < 0)
		return -1;
	return tree_finish(r->out.tree, e);
}

static int
parse(const struct descriptor *layer, const struct toc_place *place,
    const uint8_t *p, size_t n, struct contents *out, struct err *e)
{
	struct digest got;
	struct reader *r;
	int rc;

	digest_of(&got, p, n);
	if (!digest_equal(&got, &place->digest))
		return err_set(e, EBADMSG, "its digest is %s, not %s",
		    DIGEST_TEXT(&got), DIGEST_TEXT(&place->digest));
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return err_set(e, ENOMEM, "a layer's index");
	r->layer = layer;
	rc = read_all(r, p, n, e);
	if (rc == 0) {
		*out = r->out;
		r->out = (struct contents){ 0 };
	}
	release(r);
	return rc;
}

const struct format format_layer_index = {
	.name = "layer-index",
	.parse = parse,
};
