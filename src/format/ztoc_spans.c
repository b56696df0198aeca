#include "format/ztoc_spans.h"

#include <errno.h>
#include <stdlib.h>

#include "format/flatbuffer.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

enum {
	SLOT_ALGORITHM = 0,
	SLOT_LAST_SPAN = 1,
	SLOT_DIGESTS = 2,
	SLOT_CHECKPOINTS = 3,

	SLOT_SPAN_SIZE = 1,
	SLOT_SIZE = 2,

	ALGORITHM_GZIP = 1,
	ALGORITHM_NONE = 2,

	HEAD_BYTES = 4 + 8,
	RECORD_BYTES = 8 + 8 + 1 + ZTOC_WINDOW_BYTES,

	GZIP_HEADER_BYTES = 10, /* at least */
};

void
ztoc_spans_release(struct ztoc_spans *s)
{
	free(s->at);
}

/* ---- where they begin ---- */

static int
read_record(struct ztoc_span *s, const uint8_t *p, struct err *e)
{
	s->blob_off = get_le64(p);
	s->tar_off = get_le64(p + 8);
	s->bits = p[16];
	s->window = p + 17;
	if (s->bits > 7 || s->blob_off < GZIP_HEADER_BYTES)
		return err_set(e, EBADMSG, "impossible checkpoint");
	if (s->bits > 0)
		s->blob_off--;
	return 0;
}

static int
read_gzip(
    struct ztoc_spans *s, const struct flat_text *checkpoints, struct err *e)
{
	const uint8_t *p = (const uint8_t *)checkpoints->p;
	uint64_t records = (uint64_t)s->n * RECORD_BYTES;
	bool is_first_implied =
	    checkpoints->len == HEAD_BYTES + records - RECORD_BYTES;

	if (checkpoints->len != HEAD_BYTES + records && !is_first_implied)
		return err_set(e, EBADMSG,
		    "%zu bytes of checkpoints for %u spans", checkpoints->len,
		    s->n);
	if (get_le32(p) != s->n)
		return err_set(e, EBADMSG, "%u checkpoints for %u spans",
		    get_le32(p), s->n);
	p += HEAD_BYTES;
	if (is_first_implied)
		s->at[0].blob_off = GZIP_HEADER_BYTES;
	for (uint32_t i = is_first_implied; i < s->n; i++, p += RECORD_BYTES)
		if (read_record(&s->at[i], p, e) < 0)
			return -1;
	return 0;
}

static int
read_plain(struct ztoc_spans *s, const struct flat_text *checkpoints,
    uint64_t blob_size, uint64_t tar_size, struct err *e)
{
	struct flatbuffer f;
	struct flat_table t;
	uint64_t span_size = 0, size = 0;

	flatbuffer_init(&f, checkpoints->p, checkpoints->len);
	if (flatbuffer_root(&f, &t, e) < 0 ||
	    flat_number(&f, &t, SLOT_SPAN_SIZE, 8, &span_size, e) < 0 ||
	    flat_number(&f, &t, SLOT_SIZE, 8, &size, e) < 0)
		return -1;
	if (size != blob_size || size == 0 || tar_size > size ||
	    span_size == 0 || s->n - 1 > (size - 1) / span_size)
		return err_set(e, EBADMSG, "spans do not fit the tar");
	for (uint32_t i = 0; i < s->n; i++)
		s->at[i].blob_off = s->at[i].tar_off = i * span_size;
	return 0;
}

/* ---- where they end ---- */

/* A span's last byte may be the next one's first.  Spans without contents are
 * possible, as blocks may be empty; and spans behind the tar's end, which its
 * writer may have filled up. */
static int
set_ends(
    struct ztoc_spans *s, uint64_t blob_size, uint64_t tar_size, struct err *e)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct ztoc_span *x = &s->at[i];
		const struct ztoc_span *next = i + 1 < s->n ? x + 1 : NULL;

		x->blob_end = next == NULL ? blob_size
					   : next->blob_off + (next->bits > 0);
		x->tar_end = next == NULL ? max_u64(tar_size, x->tar_off)
					  : next->tar_off;
		if (x->blob_end <= x->blob_off || x->blob_end > blob_size ||
		    x->tar_end < x->tar_off || x->tar_end > LIMIT_LAYER_BYTES)
			return err_set(e, EBADMSG,
			    "span %u does not end behind its start", i);
	}
	if (s->at[0].tar_off != 0)
		return err_set(e, EBADMSG, "the tar's start has no span");
	return 0;
}

/* ---- their digests ---- */

static int
read_digests(struct ztoc_spans *s, struct flatbuffer *f,
    const struct flat_table *info, struct err *e)
{
	struct flat_vector digests = { 0 };

	if (flat_vector(f, info, SLOT_DIGESTS, &digests, e) < 0)
		return -1;
	if (digests.n != s->n || s->n > f->len / DIGEST_TEXT_SIZE)
		return err_set(
		    e, EBADMSG, "%u digests for %u spans", digests.n, s->n);
	s->at = calloc(s->n, sizeof *s->at);
	if (s->at == NULL)
		return err_set(e, ENOMEM, "out of memory");
	for (uint32_t i = 0; i < s->n; i++) {
		struct flat_text text;

		if (flat_vector_string(f, &digests, i, &text, e) < 0 ||
		    digest_parse(&s->at[i].digest, text.p, e) < 0)
			return err_set(
			    e, EBADMSG, "span %u has no sha256 digest", i);
	}
	return 0;
}

int
ztoc_spans_read(struct ztoc_spans *s, struct flatbuffer *f,
    const struct flat_table *info, uint64_t blob_size, uint64_t tar_size,
    struct err *e)
{
	uint64_t algorithm = ALGORITHM_GZIP, last = 0;
	struct flat_text checkpoints = { "", 0 };

	if (flat_number(f, info, SLOT_ALGORITHM, 1, &algorithm, e) < 0 ||
	    flat_number(f, info, SLOT_LAST_SPAN, 4, &last, e) < 0 ||
	    flat_bytes(f, info, SLOT_CHECKPOINTS, &checkpoints, e) < 0)
		return -1;
	if (algorithm != ALGORITHM_GZIP && algorithm != ALGORITHM_NONE)
		return err_set(e, ENOTSUP, "compression %u is unknown",
		    (unsigned)algorithm);
	if (last > INT32_MAX)
		return err_set(e, EBADMSG, "no spans");
	s->n = last + 1;
	s->is_plain = algorithm == ALGORITHM_NONE;
	if (read_digests(s, f, info, e) < 0 ||
	    (s->is_plain ? read_plain(s, &checkpoints, blob_size, tar_size, e)
			 : read_gzip(s, &checkpoints, e)) < 0)
		return -1;
	return set_ends(s, blob_size, tar_size, e);
}
