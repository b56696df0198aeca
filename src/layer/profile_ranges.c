/* What a profile's files are in the blobs: neighbours joined to requests. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/profile.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

/* As fetch/plan.c has it: cheaper to read than to ask twice. */
#define GAP_BYTES KIB(64)

/* Of one request.  Those that are read first share all connections, each of which
 * is slow to start; but a registry has milliseconds of work with each request, and
 * of spans, 0.2 MB each, 512 KiB has only two. */
#define RANGE_BYTES MIB(1)

struct ranked {
	struct profile_range range;
	size_t rank; /* in the order of use */
};

/* Of those that begin together the longest first. */
static int
compare_places(const void *a, const void *b)
{
	const struct profile_range *x = &((const struct ranked *)a)->range;
	const struct profile_range *y = &((const struct ranked *)b)->range;

	if (x->layer != y->layer)
		return x->layer < y->layer ? -1 : 1;
	if (x->blob_off != y->blob_off)
		return x->blob_off < y->blob_off ? -1 : 1;
	return (x->len < y->len) - (x->len > y->len);
}

static int
compare_ranks(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->rank > y->rank) - (x->rank < y->rank);
}

/* What lies in another is that, however long it is: files of one span have one
 * range, and it is larger than most. */
static bool
join(struct ranked *x, const struct ranked *y)
{
	uint64_t end = x->range.blob_off + x->range.len;
	uint64_t to = max_u64(end, y->range.blob_off + y->range.len);

	if (x->range.layer != y->range.layer ||
	    y->range.blob_off > end + GAP_BYTES ||
	    (to > end && to - x->range.blob_off > RANGE_BYTES))
		return false;
	x->range.len = to - x->range.blob_off;
	x->rank = min_u64(x->rank, y->rank);
	return true;
}

/* Sorted by place, joined, sorted by use; how many are left. */
static size_t
join_all(struct ranked *all, size_t n)
{
	size_t left = 0;

	qsort(all, n, sizeof *all, compare_places);
	for (size_t i = 0; i < n; i++)
		if (left == 0 || !join(&all[left - 1], &all[i]))
			all[left++] = all[i];
	qsort(all, left, sizeof *all, compare_ranks);
	return left;
}

int
profile_set_ranges(struct profile *p, const struct profile_range *ranges,
    size_t n, struct err *e)
{
	AUTO_FREE struct ranked *all = calloc(n + 1, sizeof *all);
	struct profile_range *set;

	if (all == NULL)
		return err_set(e, ENOMEM, "profile");
	for (size_t i = 0; i < n; i++)
		all[i] = (struct ranked){ ranges[i], i };
	n = min_u64(join_all(all, n), LIMIT_PROFILE_RANGES);
	set = calloc(n + 1, sizeof *set);
	if (set == NULL)
		return err_set(e, ENOMEM, "profile");
	for (size_t i = 0; i < n; i++)
		set[i] = all[i].range;
	free(p->ranges);
	p->ranges = set;
	p->n_ranges = n;
	return 0;
}
