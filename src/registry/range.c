#include "registry/range.h"

#include <errno.h>
#include <string.h>

#include "net/head.h"
#include "base/err.h"

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

	if (!r->was_asked || !h->has_range || h->range_first == HEAD_UNKNOWN)
		return err_set(
		    e, EPROTO, "a part (206) that was not asked for");
	n = h->range_last - h->range_first + 1;
	if (h->range_total != HEAD_UNKNOWN && h->range_total != r->size)
		return wrong_size(h->range_total, r->size, EPROTO, e);
	if (h->range_first != r->pos || h->range_last >= r->end)
		return err_set(e, EPROTO,
		    "asked for bytes %ju-%ju, it sent %ju-%ju",
		    (uintmax_t)r->pos, (uintmax_t)r->end - 1,
		    (uintmax_t)h->range_first, (uintmax_t)h->range_last);
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

int
range_plan(struct range_plan *p, const struct range *r,
    const struct http_head *h, struct err *e)
{
	*p = (struct range_plan){ .verdict = RANGE_TAKE };
	switch (h->status) {
	case 206:
		return plan_part(p, r, h, e);
	case 200:
		return plan_whole(p, r, h, e);
	case 416:
		if (h->has_range && h->range_total != HEAD_UNKNOWN &&
		    h->range_total != r->size)
			return wrong_size(h->range_total, r->size, ENOENT, e);
		return err_set(e, EPROTO,
		    "it refuses bytes %ju-%ju of a blob that has them (416)",
		    (uintmax_t)r->pos, (uintmax_t)r->end - 1);
	default:
		if (!r->was_asked)
			return err_set(e, EPROTO, "it answered %d", h->status);
		p->verdict = RANGE_ASK_WHOLE;
		p->ignores_ranges = true;
		return 0;
	}
}
