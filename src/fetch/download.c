#include "fetch/download.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "fetch/fetcher.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/limits.h"

/* A part fits into an intake: what is ahead of its turn is never paused. */
#define PART_BYTES INTAKE_BYTES

/* Less than so much left is not worth a trial. */
#define TRIAL_BYTES (4 * PART_BYTES)

/* Of all downloads, besides the part that each is at. */
#define AHEAD_BYTES MIB(32)

/* Where the link is the limit, a connection more brings nothing; where each
 * connection has one, nearly as much again. */
static const struct download_rule rule = {
	.sample_ns = NS_PER_S / 4,
	.left_ns = 3 * NS_PER_S / 2,
	.waiting_bytes = KIB(512),
	.growth = 1.25,
	.gain = 1.3,
};

/* ---- the source's side ---- */

static enum source_verdict
on_bytes(struct source_read *sr, const void *p, size_t n)
{
	struct download_part *part =
	    container_of(sr, struct download_part, read);
	enum source_verdict verdict;
	bool is_first;

	if (part->came >= atomic_load(&part->stop))
		return SOURCE_ABORT;
	verdict = intake_put(&part->intake, p, n, &is_first);
	if (verdict == SOURCE_CONTINUE) {
		part->came += n;
		atomic_fetch_add(&part->fetcher->downloaded_bytes, n);
	}
	return verdict;
}

/* intake_end() is the last that touches the part: it may be gone after. */
static void
on_done(struct source_read *sr, const struct err *failure)
{
	struct download_part *part =
	    container_of(sr, struct download_part, read);

	guard_end(&part->guard);
	intake_end(&part->intake, failure);
}

/* ---- parts ---- */

static struct download_part *
part_at(struct download *d, unsigned i)
{
	return &d->parts[(d->first + i) % DOWNLOAD_PARTS];
}

static bool
reserve_ahead(struct fetcher *f)
{
	if (atomic_fetch_add(&f->ahead_bytes, PART_BYTES) + PART_BYTES <=
	    AHEAD_BYTES)
		return true;
	atomic_fetch_sub(&f->ahead_bytes, PART_BYTES);
	return false;
}

static void
end_ahead(struct download *d, struct download_part *part)
{
	if (part->is_ahead)
		atomic_fetch_sub(&d->fetcher->ahead_bytes, PART_BYTES);
	part->is_ahead = false;
}

/* The caller has reserved memory for what is ahead of its turn. */
static void
begin_part(struct download *d, struct download_part *part, uint64_t off,
    uint64_t len, bool is_ahead)
{
	*part = (struct download_part){
		.fetcher = d->fetcher,
		.read = {
			.blob = d->blob->digest,
			.blob_size = d->blob->size,
			.off = off,
			.len = len,
			.priority = SOURCE_SOON,
			.avoid = d->avoid,
			.needs_range = d->way != DOWNLOAD_ALONE,
			.on_bytes = on_bytes,
			.on_done = on_done,
		},
		.end = len,
		.stop = len,
		.is_ahead = is_ahead,
	};
	guard_init(&part->guard);
	intake_init(&part->intake);
	source_read(d->source, &part->read);
	guard_leave(&part->guard);
}

static void
start_part(struct download *d)
{
	uint64_t off = d->asked_off, len = d->end_off - off;

	if (d->way == DOWNLOAD_IN_PARTS)
		len = min_u64(len, PART_BYTES);
	d->asked_off += len;
	d->n++;
	begin_part(d, part_at(d, d->n - 1), off, len, d->n > 1);
}

/* The next part always, more as long as there is memory for them. */
static void
start_parts(struct download *d)
{
	while (d->asked_off < d->end_off && d->n < DOWNLOAD_PARTS &&
	       (d->n == 0 || reserve_ahead(d->fetcher)))
		start_part(d);
}

/* The part whose bytes are next; NULL: that was the last. */
static struct download_part *
current(struct download *d)
{
	if (d->n > 0)
		return part_at(d, 0);
	return d->has_tail ? &d->tail : NULL;
}

static void
resume(struct download *d, struct download_part *part)
{
	if (guard_enter(&part->guard)) {
		source_resume(d->source, &part->read);
		guard_leave(&part->guard);
	}
}

static void
cancel(struct download *d, struct download_part *part)
{
	intake_close(&part->intake);
	if (guard_enter(&part->guard)) {
		source_cancel(d->source, &part->read);
		guard_leave(&part->guard);
	}
}

static void
wait_for_end(struct download_part *part)
{
	struct parcel *p;
	bool again;

	while ((p = intake_wait(&part->intake, &again)) != NULL)
		free(p);
}

static void
release_part(struct download *d, struct download_part *part)
{
	wait_for_end(part);
	d->gave |= part->read.gave;
	if (part->read.gave != 0)
		d->has_others = part->read.has_others;
	end_ahead(d, part);
	intake_release(&part->intake);
	guard_release(&part->guard);
}

/* The one behind it is no longer ahead. */
static void
end_current(struct download *d)
{
	release_part(d, current(d));
	if (d->n > 0) {
		d->first = (d->first + 1) % DOWNLOAD_PARTS;
		d->n--;
	} else {
		d->has_tail = false;
	}
	if (current(d) != NULL)
		end_ahead(d, current(d));
}

/* ---- from one request to parts ---- */

static void
start_pace(struct download *d, struct download_pace *p)
{
	p->at_ns = clock_now_ns();
	p->bytes = atomic_load(&d->fetcher->downloaded_bytes);
}

/* False: the sample is not complete yet. */
static bool
sample(struct download *d, struct download_pace *p, uint64_t for_ns)
{
	struct download_pace begun = *p;

	if (clock_now_ns() - begun.at_ns < for_ns)
		return false;
	start_pace(d, p);
	p->last = (double)(p->bytes - begun.bytes) /
		  max_u64(p->at_ns - begun.at_ns, 1);
	if (p->last > p->best)
		p->best = p->last;
	return true;
}

/* Not when there is no memory for it. */
static void
try_tail(struct download *d, struct download_part *only)
{
	if (!reserve_ahead(d->fetcher))
		return;
	d->way = DOWNLOAD_TRIAL;
	d->end_off = d->asked_off = d->blob->size - PART_BYTES;
	only->end -= PART_BYTES;
	start_pace(d, &d->trial);
	begin_part(d, &d->tail, d->end_off, PART_BYTES, true);
	d->has_tail = true;
}

static void
consider_trial(struct download *d, struct download_part *only)
{
	double earlier = d->alone.last;
	uint64_t left = only->end - only->got;
	double left_ns;

	if (!sample(d, &d->alone, d->rule.sample_ns))
		return;
	left_ns = (double)left / only->got * (d->alone.at_ns - d->began_ns);
	if (d->alone.last <= earlier * d->rule.growth && left >= TRIAL_BYTES &&
	    left_ns >= d->rule.left_ns &&
	    intake_bytes(&only->intake) <= d->rule.waiting_bytes)
		try_tail(d, only);
}

/* The first request ends where the first part begins, if there is one. */
static void
go_by_parts(struct download *d, struct download_part *only)
{
	uint64_t end = only->end;

	d->way = DOWNLOAD_IN_PARTS;
	only->end = min_u64(only->got + PART_BYTES, end);
	d->asked_off = only->read.off + only->end;
	start_parts(d);
	if (d->n > 1)
		return;
	d->way = DOWNLOAD_ALONE;
	only->end = end;
	d->asked_off = d->end_off;
}

static bool
pays(const struct download *d)
{
	return d->trial.best >= d->rule.gain * d->alone.best;
}

/* What is left of the last sample counts where there was none. */
static void
judge_trial(struct download *d, struct download_part *only)
{
	d->may_try = false;
	d->way = DOWNLOAD_ALONE;
	if (d->trial.best == 0)
		sample(d, &d->trial, 0);
	if (pays(d))
		go_by_parts(d, only);
	atomic_store(&only->stop, only->end);
}

/* The first request is at its end before the tail is here.  If none comes the
 * source sends no parts: the request goes on. */
static void
reach_tail(struct download *d, struct download_part *only)
{
	d->may_try = false;
	d->way = DOWNLOAD_ALONE;
	if (intake_has_bytes(&d->tail.intake))
		return;
	release_part(d, &d->tail);
	d->has_tail = false;
	d->end_off = d->asked_off = d->blob->size;
	only->end = only->read.len;
}

static void
observe_trial(struct download *d, struct download_part *only)
{
	size_t here = intake_bytes(&d->tail.intake);
	bool pays_already =
	    sample(d, &d->trial, d->rule.sample_ns) && here > 0 && pays(d);

	if (pays_already || here == PART_BYTES)
		judge_trial(d, only);
}

static void
observe_alone(struct download *d, struct download_part *only)
{
	if (d->began_ns != 0) {
		consider_trial(d, only);
	} else {
		start_pace(d, &d->alone);
		d->began_ns = d->alone.at_ns;
	}
}

static void
count(struct download *d, struct download_part *part, struct parcel *p)
{
	if (d->way == DOWNLOAD_TRIAL && part->got + p->len >= part->end)
		reach_tail(d, part);
	p->len = min_u64(p->len, part->end - part->got);
	part->got += p->len;
	if (d->way == DOWNLOAD_TRIAL)
		observe_trial(d, part);
	else if (d->way == DOWNLOAD_ALONE && d->may_try)
		observe_alone(d, part);
}

/* ---- the reader's side ---- */

void
download_init(struct download *d, struct fetcher *f, struct source *s,
    const struct descriptor *blob, uint64_t blob_off)
{
	*d = (struct download){
		.fetcher = f,
		.source = s,
		.blob = blob,
		.rule = rule,
		.may_try = source_has_slow_start(s),
		.asked_off = blob_off,
		.end_off = blob->size,
	};
}

static int
judge_end(
    const struct download *d, const struct download_part *part, struct err *e)
{
	if (part->intake.failure.code != 0) {
		*e = part->intake.failure;
		return -1;
	}
	if (part->got < part->end)
		return err_set(
		    e, EAGAIN, "%s: ended early", source_name(d->source));
	return 0;
}

/* The next parcel of the first part, or NULL. */
static struct parcel *
next_parcel(struct download *d, struct download_part *part)
{
	uint64_t before_ns = part->intake.waited_ns;
	struct parcel *p;
	bool again;

	p = intake_wait(&part->intake, &again);
	d->waited_ns += part->intake.waited_ns - before_ns;
	if (again)
		resume(d, part);
	if (p == NULL)
		return NULL;
	d->waited_ns = 0;
	count(d, part, p);
	return p;
}

int
download_next(struct download *d, struct parcel **p, struct err *e)
{
	struct download_part *part;

	for (;;) {
		start_parts(d);
		part = current(d);
		if (part == NULL)
			return 0;
		if (part->got == part->end && part->end < part->read.len) {
			cancel(d, part);
		} else {
			*p = next_parcel(d, part);
			if (*p != NULL)
				return 1;
			if (judge_end(d, part, e) < 0)
				return -1;
		}
		end_current(d);
	}
}

void
download_release(struct download *d)
{
	for (unsigned i = 0; i < d->n; i++)
		cancel(d, part_at(d, i));
	if (d->has_tail)
		cancel(d, &d->tail);
	while (current(d) != NULL)
		end_current(d);
}
