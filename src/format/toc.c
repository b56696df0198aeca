#include "format/toc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/entry.h"
#include "format/format.h"
#include "format/toc_entry.h"
#include "index/tree.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/json_pull.h"
#include "base/limits.h"

#define PREFETCH_LANDMARK ".prefetch.landmark"

/* A file whose chunks are known but for where the last ends. */
struct waiting {
	uint64_t size;
	uint32_t first_chunk, n_chunks; /* of parser.chunks */
};

/* Files wait in `files`, their chunks in `chunks`, until an entry with a larger
 * offset (or the file's endOffset, or the end) shows where the last range ends;
 * then they become objects of the map.  A node's content is its file's number
 * until the end, when ordinals[] makes it the object's. */
struct parser {
	const struct toc *toc;
	struct json_pull json;
	struct toc_entry entry;
	struct contents out;
	struct hasher *hasher;

	struct buf chunks;   /* struct chunk */
	struct buf files;    /* struct waiting */
	struct buf ordinals; /* uint32_t a file */
	uint64_t n_files;
	uint64_t total;       /* of their sizes */
	uint64_t last_offset; /* the largest of any entry so far */

	/* The file that chunk entries go on with. */
	enum { NO_FILE, IN_FILE, IN_HIDDEN_FILE } where;
	struct buf path;
	struct waiting file;
	uint64_t covered; /* bytes that its chunks cover so far */
	uint64_t end_offset;
	bool has_digest;
	struct digest digest;
};

static struct chunk *
chunk_at(struct parser *p, uint32_t i)
{
	return (struct chunk *)p->chunks.data + i;
}

static uint32_t
n_chunks(const struct parser *p)
{
	return p->chunks.len / sizeof(struct chunk);
}

/* ---- objects ---- */

/* What proves the object: its chunks, nothing that the table claims beside
 * them. */
static void
identify(struct parser *p, const struct waiting *w, struct digest *out)
{
	static const char domain[] = "layerfs object of chunks";
	const struct chunk *c = chunk_at(p, w->first_chunk);

	if (w->n_chunks == 1 && c->codec != CHUNK_ZEROS) {
		*out = c->digest;
		return;
	}
	hasher_update(p->hasher, domain, sizeof domain);
	for (uint32_t i = 0; i < w->n_chunks; i++, c++) {
		static const struct digest zeros;
		uint8_t len[8];

		put_le64(len, c->len);
		hasher_update(p->hasher, len, sizeof len);
		hasher_update(p->hasher,
		    c->codec == CHUNK_ZEROS ? &zeros : &c->digest,
		    DIGEST_BYTES);
	}
	hasher_end(p->hasher, out);
}

static int
add_object(struct parser *p, const struct waiting *w, struct err *e)
{
	struct digest id;
	uint32_t ordinal;
	bool is_new;

	identify(p, w, &id);
	if (map_builder_begin_object(
		p->out.map, &id, w->size, &ordinal, &is_new, e) < 0)
		return -1;
	if (is_new) {
		for (uint32_t i = 0; i < w->n_chunks; i++)
			if (map_builder_add_chunk(p->out.map,
				chunk_at(p, w->first_chunk + i), e) < 0)
				return -1;
		if (map_builder_end_object(p->out.map, e) < 0)
			return -1;
	}
	return buf_append(&p->ordinals, &ordinal, sizeof ordinal, e);
}

/* Every chunk's range ends where the next larger offset begins; the last at
 * `end`. */
static int
set_range_ends(struct parser *p, uint64_t end, struct err *e)
{
	for (uint32_t i = n_chunks(p); i > 0; i--) {
		struct chunk *c = chunk_at(p, i - 1);

		if (c->codec != CHUNK_ZEROS) {
			uint64_t len = end - c->blob_off;

			if (c->blob_off >= end)
				return err_set(e, EBADMSG,
				    "chunk without bytes in the blob");
			if (len > LIMIT_CHUNK_BLOB_BYTES)
				return err_set(e, ENOTSUP,
				    "chunk too large to be fetched alone");
			c->blob_len = len;
		}
		if (i > 1 && chunk_at(p, i - 2)->blob_off < c->blob_off)
			end = c->blob_off;
		if (c->codec == CHUNK_ZEROS)
			c->blob_off = 0;
	}
	return 0;
}

/* What waited for the end of its range has it. */
static int
settle(struct parser *p, uint64_t end, struct err *e)
{
	if (p->chunks.len == 0)
		return 0;
	if (set_range_ends(p, end, e) < 0)
		return -1;
	for (size_t at = 0; at < p->files.len; at += sizeof(struct waiting))
		if (add_object(p, (struct waiting *)(p->files.data + at), e) <
		    0)
			return -1;
	p->files.len = 0;
	p->chunks.len = 0;
	return 0;
}

/* ---- chunks of a file ---- */

static int
note_offset(struct parser *p, uint64_t offset, struct err *e)
{
	if (offset < p->last_offset)
		return err_set(e, EBADMSG,
		    "offset %llu lies before the entry before it",
		    (unsigned long long)offset);
	if (offset >= p->toc->data_end)
		return err_set(e, EBADMSG, "offset %llu lies past the data",
		    (unsigned long long)offset);
	p->last_offset = offset;
	return 0;
}

/* The length that the entry says or leaves out: what is left of the file. */
static int
chunk_len(const struct parser *p, uint64_t *len, struct err *e)
{
	const struct toc_entry *x = &p->entry;
	uint64_t left = p->file.size - p->covered;

	if (x->chunk_offset != p->covered)
		return err_set(e, EBADMSG, "chunks do not cover the file");
	*len = x->chunk_size > 0 ? x->chunk_size : left;
	if (*len == 0 || *len > left)
		return err_set(e, EBADMSG, "chunk reaches past the file");
	return 0;
}

static int
set_digest(const struct parser *p, struct chunk *c, struct err *e)
{
	const struct toc_entry *x = &p->entry;
	bool is_whole = c->len == p->file.size;

	if (x->has_chunk_digest)
		c->digest = x->chunk_digest;
	else if (is_whole && p->has_digest)
		c->digest = p->digest;
	else
		return err_set(e, EBADMSG, "chunk without a digest");
	if (is_whole && p->has_digest && !digest_equal(&c->digest, &p->digest))
		return err_set(e, EBADMSG, "two digests for the same bytes");
	c->has_digest = true;
	return 0;
}

/* Zeros need no fetch, so they may be longer than one: cut. */
static int
add_zeros(struct parser *p, uint64_t len, struct err *e)
{
	while (len > 0) {
		struct chunk c = {
			.codec = CHUNK_ZEROS,
			.blob_off = p->last_offset,
			.object_off = p->covered,
			.len = min_u64(len, LIMIT_CHUNK_BYTES),
		};

		if (buf_append(&p->chunks, &c, sizeof c, e) < 0)
			return -1;
		p->covered += c.len;
		len -= c.len;
	}
	return 0;
}

static int
add_bytes(struct parser *p, uint64_t len, struct err *e)
{
	const struct toc_entry *x = &p->entry;
	struct chunk c = {
		.codec = p->toc->codec,
		.blob_off = x->offset,
		.object_off = p->covered,
		.len = len,
		.inner_off = x->inner_offset,
	};

	if (len > LIMIT_CHUNK_BYTES ||
	    x->inner_offset > LIMIT_CHUNK_BYTES - len)
		return err_set(e, ENOTSUP,
		    "chunk of %llu bytes is too large to be fetched alone",
		    (unsigned long long)len);
	if (note_offset(p, x->offset, e) < 0 || set_digest(p, &c, e) < 0)
		return -1;
	p->covered += len;
	return buf_append(&p->chunks, &c, sizeof c, e);
}

static int
add_chunk(struct parser *p, struct err *e)
{
	uint64_t len = 0;

	if (chunk_len(p, &len, e) < 0)
		return -1;
	if (!p->entry.is_zeros)
		return add_bytes(p, len, e);
	if (p->entry.offset > 0 && note_offset(p, p->entry.offset, e) < 0)
		return -1;
	return add_zeros(p, len, e);
}

static int
begin_file(struct parser *p, struct err *e)
{
	const struct toc_entry *x = &p->entry;

	if (x->tar.size > LIMIT_FILE_BYTES ||
	    x->tar.size > LIMIT_DATA_BYTES - p->total)
		return err_set(e, EBADMSG, "size out of range");
	p->total += x->tar.size;
	/* Files of one offset share a range: they wait together. */
	if (x->offset > p->last_offset && settle(p, x->offset, e) < 0)
		return -1;
	p->where = IN_FILE;
	p->file.size = x->tar.size;
	p->file.first_chunk = n_chunks(p);
	p->covered = 0;
	p->end_offset = x->end_offset;
	p->has_digest = x->has_digest;
	p->digest = x->digest;
	return add_chunk(p, e);
}

/* No chunk entry follows any more. */
static int
end_file(struct parser *p, struct err *e)
{
	if (p->where != IN_FILE) {
		p->where = NO_FILE;
		return 0;
	}
	p->where = NO_FILE;
	if (p->covered != p->file.size)
		return err_set(e, EBADMSG, "chunks do not cover the file");
	p->file.n_chunks = n_chunks(p) - p->file.first_chunk;
	if (buf_append(&p->files, &p->file, sizeof p->file, e) < 0)
		return -1;
	if (p->end_offset == 0)
		return 0;
	if (p->end_offset > p->toc->data_end)
		return err_set(e, EBADMSG, "endOffset lies past the data");
	if (settle(p, p->end_offset, e) < 0)
		return -1;
	p->last_offset = p->end_offset;
	return 0;
}

/* Errors found at a file's end are the file's, not the next entry's. */
static int
end_file_named(struct parser *p, struct err *e)
{
	if (end_file(p, e) < 0)
		return entry_wrap(e, (char *)p->path.data, p->path.len);
	return 0;
}

/* ---- entries ---- */

static bool
is_name(const struct tar_entry *x, const char *name)
{
	return x->path_len == strlen(name) &&
	       memcmp(x->path, name, x->path_len) == 0;
}

/* Stargz's own additions to the layer.  What precedes the landmark is what a
 * start reads. */
static bool
is_hidden(const struct tar_entry *x)
{
	return is_name(x, PREFETCH_LANDMARK) ||
	       is_name(x, ".no.prefetch.landmark") ||
	       is_name(x, "stargz.index.json");
}

static int
take_chunk(struct parser *p, struct err *e)
{
	const struct tar_entry *x = &p->entry.tar;

	if (p->where == IN_HIDDEN_FILE)
		return 0;
	if (p->where != IN_FILE ||
	    (x->path_len > 0 &&
		(x->path_len != p->path.len ||
		    memcmp(x->path, p->path.data, x->path_len) != 0)))
		return err_set(e, EBADMSG, "chunk without its file");
	return add_chunk(p, e);
}

/* A file without contents for us may still bound its neighbour's range. */
static int
pass_offset(struct parser *p, struct err *e)
{
	uint64_t offset = p->entry.offset;

	p->where = p->entry.tar.type == TAR_FILE ? IN_HIDDEN_FILE : NO_FILE;
	if (offset <= p->last_offset)
		return 0;
	if (settle(p, offset, e) < 0)
		return -1;
	return note_offset(p, offset, e);
}

static int
take_named(struct parser *p, struct err *e)
{
	const struct tar_entry *x = &p->entry.tar;
	uint64_t content = p->n_files;

	p->path.len = 0;
	if (buf_append(&p->path, x->path, x->path_len, e) < 0)
		return -1;
	if (p->toc->is_stargz && is_hidden(x)) {
		if (pass_offset(p, e) < 0)
			return -1;
		if (is_name(x, PREFETCH_LANDMARK))
			map_builder_set_prefetch(p->out.map, p->entry.offset);
		return 0;
	}
	if (!entry_has_contents(x)) {
		if (pass_offset(p, e) < 0)
			return -1;
	} else if (begin_file(p, e) < 0) {
		return -1;
	}
	if (p->where == IN_FILE)
		p->n_files++;
	return entry_add(p->out.tree, x, content, &p->out.dropped_xattrs, e);
}

static int
take_entry(struct parser *p, struct err *e)
{
	const struct toc_entry *x = &p->entry;

	if (!x->has_type)
		return err_set(e, EBADMSG, "entry without a type");
	if (x->is_chunk) {
		if (take_chunk(p, e) < 0)
			return entry_wrap(e, x->tar.path, x->tar.path_len);
		return 0;
	}
	if (end_file_named(p, e) < 0)
		return -1;
	if (take_named(p, e) < 0)
		return entry_wrap(e, x->tar.path, x->tar.path_len);
	return 0;
}

static int
read_entries(struct parser *p, struct err *e)
{
	enum json_token t = json_pull_next(&p->json, e);

	if (t == JSON_NULL_VALUE)
		return 0;
	if (t == JSON_FAILED)
		return -1;
	if (t != JSON_BEGIN_ARRAY)
		return err_set(e, EBADMSG, "\"entries\" is no array");
	while ((t = json_pull_next(&p->json, e)) == JSON_BEGIN_OBJECT) {
		if (toc_entry_read(&p->entry, &p->json, e) < 0 ||
		    take_entry(p, e) < 0)
			return -1;
	}
	if (t == JSON_FAILED)
		return -1;
	if (t != JSON_END_ARRAY)
		return err_set(e, EBADMSG, "entry is no object");
	return 0;
}

static int
read_document(struct parser *p, struct err *e)
{
	enum json_token t = json_pull_next(&p->json, e);
	int64_t version = 0;

	if (t == JSON_FAILED)
		return -1;
	if (t != JSON_BEGIN_OBJECT)
		return err_set(e, EBADMSG, "no object");
	while ((t = json_pull_next(&p->json, e)) == JSON_KEY) {
		int rc;

		if (strcmp(p->json.text, "version") == 0)
			rc = json_pull_integer(&p->json, &version, e);
		else if (strcmp(p->json.text, "entries") == 0)
			rc = read_entries(p, e);
		else
			rc = json_pull_skip(&p->json, e);
		if (rc < 0)
			return -1;
	}
	if (t == JSON_FAILED || json_pull_next(&p->json, e) == JSON_FAILED)
		return -1;
	if (version != 1)
		return err_set(
		    e, ENOTSUP, "version %lld is unknown", (long long)version);
	return 0;
}

/* ---- all of it ---- */

static int
set_content(void *ctx, uint64_t size, uint64_t *content)
{
	const struct parser *p = ctx;

	(void)size;
	assert(*content < p->n_files);
	*content = ((uint32_t *)p->ordinals.data)[*content];
	return 0;
}

static int
parse(struct parser *p, struct err *e)
{
	if (read_document(p, e) < 0 || end_file_named(p, e) < 0 ||
	    settle(p, p->toc->data_end, e) < 0 ||
	    tree_finish(p->out.tree, e) < 0)
		return -1;
	tree_each_file(p->out.tree, set_content, p);
	return 0;
}

static int
init(struct parser *p, const struct toc *toc, struct err *e)
{
	memset(p, 0, sizeof *p);
	p->toc = toc;
	json_pull_init(&p->json, toc->json, toc->json_len);
	toc_entry_init(&p->entry);
	buf_init(&p->chunks, (size_t)LIMIT_CHUNKS * sizeof(struct chunk));
	buf_init(&p->files, (size_t)LIMIT_ENTRIES * sizeof(struct waiting));
	buf_init(&p->ordinals, (size_t)LIMIT_ENTRIES * sizeof(uint32_t));
	buf_init(&p->path, LIMIT_JSON_STRING_BYTES);
	p->hasher = hasher_new();
	p->out.tree = tree_new(e);
	p->out.map = p->out.tree == NULL ? NULL : map_builder_new(e);
	return p->out.map == NULL ? -1 : 0;
}

static void
release(struct parser *p)
{
	json_pull_release(&p->json);
	toc_entry_release(&p->entry);
	buf_release(&p->chunks);
	buf_release(&p->files);
	buf_release(&p->ordinals);
	buf_release(&p->path);
	hasher_free(p->hasher);
	contents_release(&p->out);
}

int
toc_parse(const struct toc *toc, struct contents *out, struct err *e)
{
	struct parser p;
	int rc = init(&p, toc, e) < 0 ? -1 : parse(&p, e);

	if (rc == 0) {
		*out = p.out;
		p.out = (struct contents){ 0 };
	}
	release(&p);
	return rc < 0 ? err_wrap(e, "table of contents") : 0;
}
