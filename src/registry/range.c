#include "registry/range.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/head.h"
#include "base/err.h"

/* ---- asking ---- */

static uint64_t
gap_len(const struct source_gap *g)
{
	return g->end - g->off;
}

void
range_pass_gap(struct range *r)
{
	for (unsigned i = 0; i < r->n_gaps; i++)
		if (r->pos >= r->gaps[i].off && r->pos < r->gaps[i].end)
			r->pos = r->gaps[i].end;
}

/* The first gap in [from, end) that is larger; NULL: none is. */
static const struct source_gap *
find_gap(const struct range *r, uint64_t from, uint64_t end, uint64_t larger)
{
	for (unsigned i = 0; i < r->n_gaps; i++) {
		const struct source_gap *g = &r->gaps[i];

		if (g->off >= from && g->off < end && gap_len(g) > larger)
			return g;
	}
	return NULL;
}

void
range_ask(struct range *r, bool may_have_parts)
{
	const struct source_gap *g =
	    find_gap(r, r->pos, r->end, may_have_parts ? 0 : SOURCE_SMALL_GAP);

	r->has_parts = may_have_parts && g != NULL;
	r->ask_end = g == NULL || may_have_parts ? r->end : g->off;
}

void
range_write(const struct range *r, char text[static RANGE_TEXT_BYTES])
{
	uint64_t from = r->pos;
	const struct source_gap *g;
	size_t n = 0;

	while (r->has_parts && (g = find_gap(r, from, r->end, 0)) != NULL) {
		n += snprintf(text + n, RANGE_TEXT_BYTES - n, "%ju-%ju,",
		    (uintmax_t)from, (uintmax_t)g->off - 1);
		assert(n < RANGE_TEXT_BYTES);
		from = g->end;
	}
	snprintf(text + n, RANGE_TEXT_BYTES - n, "%ju-%ju", (uintmax_t)from,
	    (uintmax_t)r->ask_end - 1);
}

/* ---- the answer ---- */

static int
wrong_size(uint64_t is, uint64_t should_be, int code, struct err *e)
{
	return err_set(e, code,
	    "the blob has %ju bytes there, the manifest says %ju",
	    (uintmax_t)is, (uintmax_t)should_be);
}

/* A captive portal or a proxy's error page comes as 200 text/html. */
static int
check_is_blob(const struct http_head *h, struct err *e)
{
	if (h->content_type != NULL &&
	    strcmp(h->content_type, "text/html") == 0)
		return err_set(e, EPROTO,
		    "a web page instead of the blob: is a proxy or a network "
		    "login in between?");
	return 0;
}

static int
plan_part(struct range_plan *p, const struct range *r,
    const struct http_head *h, struct err *e)
{
	uint64_t n;

	if (!r->was_asked || !h->has_range || h->range.first == HEAD_UNKNOWN)
		return err_set(
		    e, EPROTO, "a part (206) that was not asked for");
	n = h->range.last - h->range.first + 1;
	if (h->range.total != HEAD_UNKNOWN && h->range.total != r->size)
		return wrong_size(h->range.total, r->size, EPROTO, e);
	if (h->range.first != r->pos || h->range.last >= r->ask_end)
		return err_set(e, EPROTO,
		    "asked for bytes %ju-%ju, it sent %ju-%ju",
		    (uintmax_t)r->pos, (uintmax_t)r->ask_end - 1,
		    (uintmax_t)h->range.first, (uintmax_t)h->range.last);
	if (h->content_length != HEAD_UNKNOWN && h->content_length != n)
		return err_set(
		    e, EPROTO, "Content-Length and Content-Range disagree");
	p->take = n;
	return 0;
}

static int
plan_whole(struct range_plan *p, const struct range *r,
    const struct http_head *h, struct err *e)
{
	if (check_is_blob(h, e) < 0)
		return -1;
	if (h->content_length != HEAD_UNKNOWN && h->content_length != r->size)
		return wrong_size(h->content_length, r->size, EPROTO, e);
	p->skip = r->pos;
	p->take = r->end - r->pos;
	p->ignores_ranges = r->was_asked;
	return 0;
}

/* Begins where what is wanted does, ends within it, and brings no large gap. */
static bool
is_next(const struct range *r, const struct byte_range *got)
{
	return got->first == r->pos && got->last < r->ask_end &&
	       find_gap(r, r->pos, got->last + 1, SOURCE_SMALL_GAP) == NULL &&
	       (got->total == HEAD_UNKNOWN || got->total == r->size);
}

int
range_check_part(
    const struct range *r, const struct byte_range *part, struct err *e)
{
	if (is_next(r, part))
		return 0;
	return err_set(e, EPROTO,
	    "it sent bytes %ju-%ju where those from %ju on are next",
	    (uintmax_t)part->first, (uintmax_t)part->last, (uintmax_t)r->pos);
}

/* Servers that lack it answer in many ways; what is wrong is found out when one
 * range is asked for. */
static void
plan_parts(
    struct range_plan *p, const struct range *r, const struct http_head *h)
{
	bool is_multipart =
	    h->content_type != NULL &&
	    strcmp(h->content_type, "multipart/byteranges") == 0;

	p->verdict = RANGE_ASK_ONE;
	if (h->status != 206)
		return;
	if (is_multipart && h->boundary != NULL && !h->has_range) {
		p->verdict = RANGE_TAKE_PARTS;
	} else if (!is_multipart && h->has_range && is_next(r, &h->range)) {
		p->verdict = RANGE_TAKE;
		p->take = h->range.last - h->range.first + 1;
	}
}

int
range_plan(struct range_plan *p, const struct range *r,
    const struct http_head *h, struct err *e)
{
	*p = (struct range_plan){ .verdict = RANGE_TAKE };
	if (r->has_parts) {
		plan_parts(p, r, h);
		return 0;
	}
	switch (h->status) {
	case 206:
		return plan_part(p, r, h, e);
	case 200:
		return plan_whole(p, r, h, e);
	case 416:
		if (h->has_range && h->range.total != HEAD_UNKNOWN &&
		    h->range.total != r->size)
			return wrong_size(h->range.total, r->size, ENOENT, e);
		return err_set(e, EPROTO,
		    "it refuses bytes %ju-%ju of a blob that has them (416)",
		    (uintmax_t)r->pos, (uintmax_t)r->ask_end - 1);
	default:
		if (!r->was_asked)
			return err_set(e, EPROTO, "it answered %d", h->status);
		p->verdict = RANGE_ASK_WHOLE;
		p->ignores_ranges = true;
		return 0;
	}
}
