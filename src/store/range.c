#include "store/range.h"

#include <errno.h>
#include <stdlib.h>

#include "store/store.h"
#include "base/bytes.h"
#include "base/err.h"

void
ranges_release(struct ranges *r)
{
	free(r->at);
	*r = (struct ranges){ 0 };
}

int
ranges_push(struct ranges *r, struct range x, struct err *e)
{
	if (r->n > 0 && r->at[r->n - 1].end == x.first) {
		r->at[r->n - 1].end = x.end;
		return 0;
	}
	if (r->n == r->cap) {
		size_t cap = r->cap == 0 ? 16 : 2 * r->cap;
		struct range *at = reallocarray(r->at, cap, sizeof *at);

		if (at == NULL)
			return err_set(e, ENOMEM, "%zu ranges", cap);
		r->at = at;
		r->cap = cap;
	}
	r->at[r->n++] = x;
	return 0;
}

static int
compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void
ranges_normalise(struct ranges *r)
{
	size_t n = 0;

	if (r->n == 0)
		return;
	qsort(r->at, r->n, sizeof *r->at, compare_ranges);
	for (size_t i = 1; i < r->n; i++)
		if (r->at[i].first <= r->at[n].end)
			r->at[n].end = max_u64(r->at[n].end, r->at[i].end);
		else
			r->at[++n] = r->at[i];
	r->n = n + 1;
}

size_t
ranges_find(const struct ranges *r, uint64_t block)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->at[mid].end <= block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
ranges_add(struct ranges *a, const struct ranges *b, struct err *e)
{
	for (size_t i = 0; i < b->n; i++)
		if (ranges_push(a, b->at[i], e) < 0)
			return -1;
	ranges_normalise(a);
	return 0;
}

int
ranges_push_outside(struct ranges *out, struct range r,
    const struct ranges *holes, struct err *e)
{
	for (size_t i = ranges_find(holes, r.first);
	     i < holes->n && holes->at[i].first < r.end; i++) {
		struct range before = { r.first, holes->at[i].first };

		if (before.first < before.end &&
		    ranges_push(out, before, e) < 0)
			return -1;
		r.first = min_u64(holes->at[i].end, r.end);
	}
	return r.first < r.end ? ranges_push(out, r, e) : 0;
}

bool
ranges_overlap(const struct ranges *a, const struct ranges *b)
{
	const struct ranges *few = a->n < b->n ? a : b;
	const struct ranges *many = few == a ? b : a;

	for (size_t i = 0; i < few->n; i++) {
		size_t at = ranges_find(many, few->at[i].first);

		if (at < many->n && many->at[at].first < few->at[i].end)
			return true;
	}
	return false;
}

struct range
range_of_bytes(uint64_t off, uint64_t len)
{
	return (struct range){ off / STORE_BLOCK,
		(off + len + STORE_BLOCK - 1) / STORE_BLOCK };
}
