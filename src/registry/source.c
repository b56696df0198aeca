#include "registry/source.h"

#include <errno.h>

#include "base/err.h"

struct source *
source_ref(struct source *s)
{
	s->refs++;
	return s;
}

void
source_unref(struct source *s)
{
	if (s != NULL && --s->refs == 0)
		s->ops->free(s);
}

bool
source_has_slow_start(const struct source *s)
{
	return s->ops->has_slow_start;
}

const char *
source_name(const struct source *s)
{
	return s->name;
}

uint64_t
source_wanted(const struct source_read *r)
{
	uint64_t n = r->len;

	for (unsigned i = 0; i < r->n_gaps; i++)
		n -= r->gaps[i].end - r->gaps[i].off;
	return n;
}

/* The range comes from tables of contents, which come from outside. */
static bool
is_in_blob(const struct source_read *r)
{
	return r->off <= r->blob_size && r->len <= r->blob_size - r->off;
}

void
source_read(struct source *s, struct source_read *r)
{
	struct err e = ERR_INIT;

	r->at = r->off;
	r->parts = SOURCE_PARTS_UNKNOWN;
	if (r->len > 0 && is_in_blob(r)) {
		s->ops->read(s, r);
		return;
	}
	if (is_in_blob(r)) {
		r->on_done(r, NULL);
		return;
	}
	err_set(&e, EPROTO, "%s: bytes %ju+%ju of a blob of %ju", s->name,
	    (uintmax_t)r->off, (uintmax_t)r->len, (uintmax_t)r->blob_size);
	r->on_done(r, &e);
}

void
source_resume(struct source *s, struct source_read *r)
{
	s->ops->resume(s, r);
}

void
source_cancel(struct source *s, struct source_read *r)
{
	s->ops->cancel(s, r);
}
