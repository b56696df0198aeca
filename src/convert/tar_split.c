#include "convert/tar_split.h"

#include <endian.h>
#include <errno.h>

#include "convert/json_text.h"
#include "codec/tar.h"
#include "codec/zstd_encoder.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

enum { GROUP = 3, FLUSH_BYTES = 64 << 10 };

struct tar_split {
	struct zstd_packer *packer;
	struct buf text; /* not yet given to it */
	uint64_t position;
	bool is_open;        /* a line of bytes */
	uint8_t held[GROUP]; /* of it, for whole groups of base 64 */
	size_t n_held;
};

struct tar_split *
tar_split_new(int level, struct err *e)
{
	struct tar_split *t = calloc(1, sizeof *t);

	if (t == NULL) {
		err_set(e, ENOMEM, "tar-split: out of memory");
		return NULL;
	}
	buf_init(&t->text, LIMIT_TOC_BYTES);
	t->packer = zstd_packer_new(level, LIMIT_TOC_BYTES, e);
	if (t->packer == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
tar_split_free(struct tar_split *t)
{
	if (t == NULL)
		return;
	zstd_packer_free(t->packer);
	buf_release(&t->text);
	free(t);
}

static int
flush(struct tar_split *t, size_t above, struct err *e)
{
	if (t->text.len <= above)
		return 0;
	if (zstd_packer_add(t->packer, t->text.data, t->text.len, e) < 0)
		return -1;
	t->text.len = 0;
	return 0;
}

static int
open_bytes(struct tar_split *t, struct err *e)
{
	if (t->is_open)
		return 0;
	t->is_open = true;
	return buf_append_str(&t->text, "{\"type\":2,\"payload\":\"", e);
}

static int
close_bytes(struct tar_split *t, struct err *e)
{
	if (!t->is_open)
		return 0;
	t->is_open = false;
	if (base64_encode(&t->text, t->held, t->n_held, e) < 0)
		return -1;
	t->n_held = 0;
	return buf_printf(
	    &t->text, e, "\",\"position\":%ju}\n", (uintmax_t)t->position++);
}

int
tar_split_bytes(struct tar_split *t, const void *p, size_t n, struct err *e)
{
	const uint8_t *at = p;

	if (n == 0)
		return 0;
	if (open_bytes(t, e) < 0)
		return -1;
	while (n > 0 && t->n_held > 0 && t->n_held < GROUP) {
		t->held[t->n_held++] = *at++;
		n--;
	}
	if (t->n_held == GROUP) {
		if (base64_encode(&t->text, t->held, GROUP, e) < 0)
			return -1;
		t->n_held = 0;
	}
	if (n > 0) {
		size_t whole = n / GROUP * GROUP;

		if (base64_encode(&t->text, at, whole, e) < 0)
			return -1;
		t->n_held = n - whole;
		memcpy(t->held, at + whole, t->n_held);
	}
	return flush(t, FLUSH_BYTES, e);
}

static int
append_contents(
    struct tar_split *t, const struct tar_entry *x, uint64_t crc, struct err *e)
{
	uint64_t big = htobe64(crc);

	if (x->size == 0)
		return buf_append_str(&t->text, ",\"payload\":null", e);
	if (buf_printf(&t->text, e,
		",\"size\":%ju,\"payload\":", (uintmax_t)x->size) < 0)
		return -1;
	return json_text_base64(&t->text, &big, sizeof big, e);
}

int
tar_split_entry(
    struct tar_split *t, const struct tar_entry *x, uint64_t crc, struct err *e)
{
	if (close_bytes(t, e) < 0 ||
	    buf_append_str(&t->text, "{\"type\":1,\"name\":", e) < 0 ||
	    json_text_string(&t->text, x->path, x->path_len, e) < 0 ||
	    append_contents(t, x, crc, e) < 0 ||
	    buf_printf(&t->text, e, ",\"position\":%ju}\n",
		(uintmax_t)t->position++) < 0)
		return -1;
	return flush(t, FLUSH_BYTES, e);
}

int
tar_split_end(
    struct tar_split *t, struct buf *frame, uint64_t *text_len, struct err *e)
{
	if (open_bytes(t, e) < 0 || close_bytes(t, e) < 0 || flush(t, 0, e) < 0)
		return -1;
	return zstd_packer_end(t->packer, frame, text_len, e);
}
