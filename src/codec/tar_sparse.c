#include "codec/tar_sparse.h"

#include <errno.h>
#include <string.h>

#include "codec/tar.h"
#include "codec/tar_header.h"
#include "codec/tar_pax.h"
#include "base/err.h"
#include "base/limits.h"

enum { PAIR_BYTES = 16, GNU_PAIR_BYTES = 2 * TAR_NUMBER_LEN };

void
tar_sparse_init(struct tar_sparse *s)
{
	memset(s, 0, sizeof *s);
	buf_init(&s->pairs, (size_t)LIMIT_SPARSE_SEGMENTS * PAIR_BYTES);
}

void
tar_sparse_release(struct tar_sparse *s)
{
	buf_release(&s->pairs);
}

void
tar_sparse_clear(struct tar_sparse *s)
{
	s->is_sparse = false;
	s->pairs.len = 0;
	s->n_digits = 0;
}

static int
add_number(struct tar_sparse *s, uint64_t v, struct err *e)
{
	s->is_sparse = true;
	if (buf_append(&s->pairs, &v, sizeof v, e) < 0)
		return err_set(e, EBADMSG, "sparse map has too many segments");
	return 0;
}

int
tar_sparse_add_pairs(
    struct tar_sparse *s, const uint8_t *p, size_t n, struct err *e)
{
	s->is_sparse = true;
	for (; n > 0 && p[0] != 0; n--, p += GNU_PAIR_BYTES) {
		int64_t off, len;

		if (tar_number(p, TAR_NUMBER_LEN, &off, e) < 0 ||
		    tar_number(p + TAR_NUMBER_LEN, TAR_NUMBER_LEN, &len, e) <
			0 ||
		    off < 0 || len < 0)
			return err_set(e, EBADMSG, "sparse map is damaged");
		if (add_number(s, off, e) < 0 || add_number(s, len, e) < 0)
			return -1;
	}
	return 0;
}

int
tar_sparse_take_pax(
    struct tar_sparse *s, const struct tar_pax *p, struct err *e)
{
	s->is_sparse = true;
	s->pairs.len = 0;
	return buf_append(&s->pairs, p->sparse_map.data, p->sparse_map.len, e);
}

void
tar_sparse_begin_text(struct tar_sparse *s)
{
	s->is_sparse = true;
	s->numbers_left = UINT64_MAX;
}

/* A number of the text is complete. */
static int
end_number(struct tar_sparse *s, struct err *e)
{
	uint64_t v;

	if (tar_decimal(s->digits, s->n_digits, &v, e) < 0)
		return err_wrap(e, "sparse map");
	s->n_digits = 0;
	if (s->numbers_left != UINT64_MAX) {
		s->numbers_left--;
		return add_number(s, v, e);
	}
	if (v > LIMIT_SPARSE_SEGMENTS)
		return err_set(e, EBADMSG, "sparse map has too many segments");
	s->numbers_left = 2 * v;
	return 0;
}

int
tar_sparse_add_text(struct tar_sparse *s, const uint8_t *block,
    bool *is_complete, struct err *e)
{
	for (int i = 0; i < TAR_BLOCK && s->numbers_left > 0; i++) {
		if (block[i] == '\n') {
			if (end_number(s, e) < 0)
				return -1;
		} else if (s->n_digits == sizeof s->digits) {
			return err_set(e, EBADMSG, "sparse map is damaged");
		} else {
			s->digits[s->n_digits++] = block[i];
		}
	}
	*is_complete = s->numbers_left == 0;
	return 0;
}

static void
get_pair(const struct tar_sparse *s, uint32_t i, uint64_t *off, uint64_t *len)
{
	memcpy(off, s->pairs.data + (size_t)i * PAIR_BYTES, sizeof *off);
	memcpy(len, s->pairs.data + (size_t)i * PAIR_BYTES + sizeof *off,
	    sizeof *len);
}

bool
tar_sparse_segment(
    const struct tar_sparse *s, uint32_t i, uint64_t *start, uint64_t *end)
{
	uint64_t len;

	if (!s->is_sparse || i >= s->pairs.len / PAIR_BYTES)
		return false;
	get_pair(s, i, start, &len);
	*end = *start + len;
	return true;
}

int
tar_sparse_check(
    const struct tar_sparse *s, uint64_t stored, uint64_t size, struct err *e)
{
	uint64_t at = 0, sum = 0;

	if (!s->is_sparse)
		return 0;
	if (s->pairs.len % PAIR_BYTES != 0)
		return err_set(e, EBADMSG, "sparse map has half a segment");
	if (size > LIMIT_FILE_BYTES)
		return err_set(e, EBADMSG, "size out of range");
	for (uint32_t i = 0; i < s->pairs.len / PAIR_BYTES; i++) {
		uint64_t off, len;

		get_pair(s, i, &off, &len);
		if (off < at || off > size || len > size - off)
			return err_set(e, EBADMSG,
			    "sparse segment %u overlaps or lies outside", i);
		at = off + len;
		sum += len;
	}
	if (sum != stored)
		return err_set(
		    e, EBADMSG, "sparse map does not match what is stored");
	return 0;
}
