#include "convert/toc_writer.h"

#include <errno.h>
#include <string.h>

#include "convert/json_text.h"
#include "codec/tar.h"
#include "codec/tar_header.h"
#include "codec/zstd_encoder.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

enum { FLUSH_BYTES = 64 << 10 };

struct toc_writer {
	struct zstd_packer *packer;
	struct buf text; /* not yet given to it */
	bool has_entries;

	/* The file whose chunks come. */
	struct buf file;   /* its entry's text */
	struct buf chunks; /* struct toc_chunk */
};

/* ---- what a header says ---- */

static const char *
type_name(enum tar_type type)
{
	static const char *const names[] = {
		[TAR_FILE] = "reg",
		[TAR_HARDLINK] = "hardlink",
		[TAR_SYMLINK] = "symlink",
		[TAR_CHAR] = "char",
		[TAR_BLOCK_DEVICE] = "block",
		[TAR_DIR] = "dir",
		[TAR_FIFO] = "fifo",
	};

	return names[type];
}

/* Zeros are left out. */
static int
append_number(struct buf *out, const char *key, uint64_t v, struct err *e)
{
	if (v == 0)
		return 0;
	return buf_printf(out, e, ",\"%s\":%ju", key, (uintmax_t)v);
}

static int
append_time(
    struct buf *out, const char *key, const struct tar_time *t, struct err *e)
{
	if (!t->is_set)
		return 0;
	if (buf_printf(out, e, ",\"%s\":", key) < 0)
		return -1;
	return json_text_time(out, t->s, t->ns, e);
}

static int
append_xattrs(struct buf *out, const struct tar_entry *x, struct err *e)
{
	if (x->n_xattrs == 0)
		return 0;
	if (buf_append_str(out, ",\"xattrs\":{", e) < 0)
		return -1;
	for (size_t i = 0; i < x->n_xattrs; i++) {
		const struct tar_xattr *a = &x->xattrs[i];

		if ((i > 0 && buf_append(out, ",", 1, e) < 0) ||
		    json_text_string(out, a->name, strlen(a->name), e) < 0 ||
		    buf_append(out, ":", 1, e) < 0 ||
		    json_text_base64(out, a->value, a->len, e) < 0)
			return -1;
	}
	return buf_append(out, "}", 1, e);
}

/* With the type's bits, where the header has them. */
static int
append_mode(struct buf *out, const struct tar_entry *x, struct err *e)
{
	int64_t mode;

	if (tar_number(x->header + TAR_MODE, TAR_ID_LEN, &mode, e) < 0)
		return -1;
	return append_number(out, "mode", mode, e);
}

int
toc_entry_text(struct buf *out, const struct tar_entry *x, struct err *e)
{
	const struct tar_time mtime = { true, x->mtime_s, x->mtime_ns };

	if (buf_printf(
		out, e, "{\"type\":\"%s\",\"name\":", type_name(x->type)) < 0 ||
	    json_text_string(out, x->path, x->path_len, e) < 0)
		return -1;
	if (x->link_len > 0 &&
	    (buf_append_str(out, ",\"linkName\":", e) < 0 ||
		json_text_string(out, x->link, x->link_len, e) < 0))
		return -1;
	if (append_mode(out, x, e) < 0 ||
	    append_number(out, "size", x->size, e) < 0 ||
	    append_number(out, "uid", x->uid, e) < 0 ||
	    append_number(out, "gid", x->gid, e) < 0 ||
	    append_time(out, "modtime", &mtime, e) < 0 ||
	    append_time(out, "accesstime", &x->atime, e) < 0 ||
	    append_time(out, "changetime", &x->ctime, e) < 0 ||
	    append_number(out, "devMajor", x->major, e) < 0 ||
	    append_number(out, "devMinor", x->minor, e) < 0)
		return -1;
	return append_xattrs(out, x, e);
}

/* ---- the table ---- */

struct toc_writer *
toc_writer_new(int level, struct err *e)
{
	struct toc_writer *w = calloc(1, sizeof *w);

	if (w == NULL) {
		err_set(e, ENOMEM, "table of contents: out of memory");
		return NULL;
	}
	buf_init(&w->text, LIMIT_TOC_BYTES);
	buf_init(&w->file, LIMIT_TOC_BYTES);
	buf_init(&w->chunks, LIMIT_TOC_BYTES);
	w->packer = zstd_packer_new(level, LIMIT_TOC_BYTES, e);
	if (w->packer == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

void
toc_writer_free(struct toc_writer *w)
{
	if (w == NULL)
		return;
	zstd_packer_free(w->packer);
	buf_release(&w->text);
	buf_release(&w->file);
	buf_release(&w->chunks);
	free(w);
}

static int
begin_entry(struct toc_writer *w, struct err *e)
{
	const char *before =
	    w->has_entries ? "," : "{\"version\":1,\"entries\":[";

	w->has_entries = true;
	return buf_append_str(&w->text, before, e);
}

static int
end_entry(struct toc_writer *w, struct err *e)
{
	if (buf_append(&w->text, "}", 1, e) < 0)
		return -1;
	if (w->text.len < FLUSH_BYTES)
		return 0;
	if (zstd_packer_add(w->packer, w->text.data, w->text.len, e) < 0)
		return -1;
	w->text.len = 0;
	return 0;
}

int
toc_writer_entry(
    struct toc_writer *w, const char *text, size_t len, struct err *e)
{
	if (begin_entry(w, e) < 0 || buf_append(&w->text, text, len, e) < 0)
		return -1;
	return end_entry(w, e);
}

/* ---- files ---- */

int
toc_writer_file(
    struct toc_writer *w, const char *text, size_t len, struct err *e)
{
	w->file.len = 0;
	w->chunks.len = 0;
	return buf_append(&w->file, text, len, e);
}

int
toc_writer_chunk(struct toc_writer *w, const struct toc_chunk *c, struct err *e)
{
	return buf_append(&w->chunks, c, sizeof *c, e);
}

static int
append_chunk(struct toc_writer *w, const struct toc_chunk *c, uint64_t file_off,
    struct err *e)
{
	if (append_number(&w->text, "offset", c->blob_off, e) < 0 ||
	    append_number(&w->text, "chunkSize", c->size, e) < 0 ||
	    append_number(&w->text, "chunkOffset", file_off, e) < 0)
		return -1;
	return buf_printf(&w->text, e, ",\"chunkDigest\":\"%s\"%s",
	    DIGEST_TEXT(&c->digest),
	    c->is_zeros ? ",\"chunkType\":\"zeros\"" : "");
}

/* The text begins {"type":"reg","name":"...", and a quote in the name is \u0022.
 */
static size_t
name_end(const struct buf *text)
{
	size_t at = strlen("{\"type\":\"reg\",\"name\":\"");

	while (text->data[at] != '"')
		at++;
	return at + 1;
}

/* All chunks but the first, each with the name of its file. */
static int
append_more_chunks(struct toc_writer *w, const struct toc_chunk *chunks,
    size_t n, struct err *e)
{
	static const char type[] = "{\"type\":\"chunk\"";
	size_t from = strlen("{\"type\":\"reg\""), end = name_end(&w->file);
	uint64_t file_off = 0;

	for (size_t i = 1; i < n; i++) {
		file_off += chunks[i - 1].size;
		if (begin_entry(w, e) < 0 ||
		    buf_append_str(&w->text, type, e) < 0 ||
		    buf_append(&w->text, w->file.data + from, end - from, e) <
			0 ||
		    append_chunk(w, &chunks[i], file_off, e) < 0 ||
		    end_entry(w, e) < 0)
			return -1;
	}
	return 0;
}

int
toc_writer_end_file(struct toc_writer *w, const struct digest *whole,
    uint64_t blob_end, struct err *e)
{
	const struct toc_chunk *chunks = (const void *)w->chunks.data;
	size_t n = w->chunks.len / sizeof *chunks;

	if (begin_entry(w, e) < 0 ||
	    buf_append(&w->text, w->file.data, w->file.len, e) < 0 ||
	    buf_printf(&w->text, e, ",\"digest\":\"%s\",\"endOffset\":%ju",
		DIGEST_TEXT(whole), (uintmax_t)blob_end) < 0)
		return -1;
	if (n == 1 &&
	    append_number(&w->text, "offset", chunks->blob_off, e) < 0)
		return -1;
	if (n > 1 && append_chunk(w, chunks, 0, e) < 0)
		return -1;
	if (end_entry(w, e) < 0)
		return -1;
	return append_more_chunks(w, chunks, n, e);
}

int
toc_writer_end(struct toc_writer *w, const struct digest *tar_split,
    struct buf *frame, uint64_t *text_len, struct err *e)
{
	if (!w->has_entries &&
	    buf_append_str(&w->text, "{\"version\":1,\"entries\":[", e) < 0)
		return -1;
	if (buf_printf(&w->text, e, "],\"tarSplitDigest\":\"%s\"}",
		DIGEST_TEXT(tar_split)) < 0 ||
	    zstd_packer_add(w->packer, w->text.data, w->text.len, e) < 0)
		return -1;
	return zstd_packer_end(w->packer, frame, text_len, e);
}
