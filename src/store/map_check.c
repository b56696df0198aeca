/* What objects and chunks may say: one set of rules for who writes a map and
 * for who reads it. */
#include <errno.h>
#include <inttypes.h>

#include "store/map_format.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

int
blob_place_compare(const void *a, const void *b)
{
	const struct blob_place *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->blob_off != y->blob_off)
		return x->blob_off < y->blob_off ? -1 : 1;
	if (x->inner_off != y->inner_off)
		return x->inner_off < y->inner_off ? -1 : 1;
	return x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
}

static int
bad_chunk(const struct chunk *c, const char *why, struct err *e)
{
	return err_set(e, EBADMSG,
	    "chunk of %" PRIu32 " bytes at %" PRIu64 " of the blob: %s", c->len,
	    c->blob_off, why);
}

static int
check_blob_range(const struct chunk *c, uint64_t blob_size, struct err *e)
{
	if (c->blob_len == 0 || c->blob_len > LIMIT_CHUNK_BLOB_BYTES)
		return bad_chunk(c, "its length in the blob", e);
	if (c->blob_off > blob_size || c->blob_len > blob_size - c->blob_off)
		return bad_chunk(c, "it lies behind the blob's end", e);
	if (c->codec == CHUNK_RAW && c->blob_len != c->len)
		return bad_chunk(c, "raw, but of two lengths", e);
	return 0;
}

int
chunk_check(const struct chunk *c, uint64_t blob_size, struct err *e)
{
	if ((unsigned)c->codec >= CHUNK_CODECS)
		return bad_chunk(c, "an unknown codec", e);
	if (c->len == 0 || c->len > LIMIT_CHUNK_BYTES)
		return bad_chunk(c, "its length", e);
	if (c->inner_off > LIMIT_CHUNK_BYTES - c->len)
		return bad_chunk(c, "too far into its frame", e);
	if (c->inner_off != 0 && c->codec != CHUNK_ZSTD &&
	    c->codec != CHUNK_GZIP && c->codec != CHUNK_SPAN)
		return bad_chunk(c, "inside a frame that is none", e);
	/* What vouches for a span may be its point's. */
	if (!c->has_digest && c->codec != CHUNK_ZEROS && c->codec != CHUNK_SPAN)
		return bad_chunk(c, "no digest vouches for it", e);
	if (chunk_codec_has_range(c->codec))
		return check_blob_range(c, blob_size, e);
	if (c->blob_len != 0)
		return bad_chunk(c, "a length in the blob", e);
	if (c->blob_off > LIMIT_DATA_BYTES)
		return bad_chunk(c, "its place in the stream", e);
	return 0;
}

int
object_check_place(const struct object *o, uint64_t *end, struct err *e)
{
	if (o->size == 0 || o->size > LIMIT_FILE_BYTES)
		return err_set(
		    e, EBADMSG, "object of %" PRIu64 " bytes", o->size);
	if (o->data_off % MAP_BLOCK != 0 ||
	    o->data_off > LIMIT_DATA_BYTES - align_up(o->size, MAP_BLOCK))
		return err_set(e, EBADMSG,
		    "object at %" PRIu64 ": no place of data", o->data_off);
	if (o->data_off < *end)
		return err_set(e, EBADMSG,
		    "object at %" PRIu64 " overlaps the one before",
		    o->data_off);
	*end = o->data_off + align_up(o->size, MAP_BLOCK);
	return 0;
}
