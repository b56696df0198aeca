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

/* Of all downloads, besides the part that each is at. */
#define AHEAD_BYTES MIB(32)

/* Slow start is over after the one; parts save nothing that ends before the
 * other, and cost more requests and slow starts.  Bytes that wait say that the
 * reader is slow, not the source. */
#define SLOW_AFTER_NS (NS_PER_S / 2)
#define SLOW_BEFORE_NS (3 * NS_PER_S / 2)
#define WAITING_BYTES KIB(512)

/* ---- the source's side ---- */

static enum source_verdict
on_bytes(struct source_read *sr, const void *p, size_t n)
{
	struct download_part *part =
	    container_of(sr, struct download_part, read);
	bool is_first;

	return intake_put(&part->intake, p, n, &is_first);
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

static void
start_part(struct download *d)
{
	struct download_part *part = part_at(d, d->n);
	uint64_t left = d->blob->size - d->asked_off;

	*part = (struct download_part){
		.read = {
			.blob = d->blob->digest,
			.blob_size = d->blob->size,
			.off = d->asked_off,
			.len = d->is_in_parts ? min_u64(left, PART_BYTES)
					      : left,
			.priority = SOURCE_SOON,
			.needs_range = d->is_in_parts,
			.on_bytes = on_bytes,
			.on_done = on_done,
		},
		.is_ahead = d->n > 0,
	};
	part->end = part->read.len;
	d->asked_off += part->read.len;
	d->n++;
	guard_init(&part->guard);
	intake_init(&part->intake);
	source_read(d->source, &part->read);
	guard_leave(&part->guard);
}

/* The next part always, more as long as there is memory for them. */
static void
start_parts(struct download *d)
{
	while (d->asked_off < d->blob->size && d->n < DOWNLOAD_PARTS &&
	       (d->n == 0 || reserve_ahead(d->fetcher)))
		start_part(d);
}

static void
resume(struct download *d, struct download_part *part)
{
	if (guard_enter(&part->guard)) {
		source_resume(d->source, &part->read);
		guard_leave(&part->guard);
	}
}

/* The first has ended: the one behind it is no longer ahead. */
static void
end_part(struct download *d)
{
	struct download_part *part = part_at(d, 0);

	end_ahead(d, part);
	intake_release(&part->intake);
	guard_release(&part->guard);
	d->first = (d->first + 1) % DOWNLOAD_PARTS;
	d->n--;
	if (d->n > 0)
		end_ahead(d, part_at(d, 0));
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
drop_part(struct download *d)
{
	wait_for_end(part_at(d, 0));
	end_part(d);
}

/* ---- from one request to parts ---- */

static bool
is_slow(const struct download *d, struct download_part *part)
{
	uint64_t took_ns = clock_now_ns() - d->began_ns;
	uint64_t left = part->end - part->got;

	return took_ns >= d->rule.after_ns &&
	       (double)left / part->got * took_ns >= d->rule.before_ns &&
	       intake_bytes(&part->intake) <= d->rule.waiting_bytes;
}

/* Not when there is no memory for a part ahead. */
static void
split(struct download *d)
{
	struct download_part *only = part_at(d, 0);

	d->is_in_parts = true;
	only->end = only->got + PART_BYTES;
	d->asked_off = only->read.off + only->end;
	start_parts(d);
	if (d->n > 1)
		return;
	d->is_in_parts = false;
	only->end = only->read.len;
	d->asked_off = d->blob->size;
}

/* No parts after all: the first request has not been left yet. */
static void
join(struct download *d)
{
	struct download_part *only = part_at(d, 0);

	for (unsigned i = 1; i < d->n; i++)
		cancel(d, part_at(d, i));
	for (; d->n > 1; d->n--) {
		struct download_part *last = part_at(d, d->n - 1);

		wait_for_end(last);
		end_ahead(d, last);
		intake_release(&last->intake);
		guard_release(&last->guard);
	}
	d->is_in_parts = d->may_split = false;
	only->end = only->read.len;
	d->asked_off = d->blob->size;
}

/* The first request is where it shall be left, if the next part comes. */
static void
reach_end(struct download *d, struct download_part *part, struct parcel *p)
{
	if (intake_has_bytes(&part_at(d, 1)->intake))
		p->len = part->end - part->got;
	else
		join(d);
}

static void
count(struct download *d, struct download_part *part, struct parcel *p)
{
	if (d->began_ns == 0)
		d->began_ns = clock_now_ns();
	if (part->end < part->read.len && part->got + p->len >= part->end)
		reach_end(d, part, p);
	part->got += p->len;
	if (d->may_split && !d->is_in_parts &&
	    part->end - part->got > 2 * PART_BYTES && is_slow(d, part))
		split(d);
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
		.rule = { SLOW_AFTER_NS, SLOW_BEFORE_NS, WAITING_BYTES },
		.may_split = source_has_slow_start(s),
		.asked_off = blob_off,
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
	struct parcel *p;
	bool again;

	p = intake_wait(&part->intake, &again);
	if (again)
		resume(d, part);
	if (p != NULL)
		count(d, part, p);
	return p;
}

int
download_next(struct download *d, struct parcel **p, struct err *e)
{
	start_parts(d);
	while (d->n > 0) {
		struct download_part *part = part_at(d, 0);

		if (part->got == part->end && part->end < part->read.len) {
			cancel(d, part);
			drop_part(d);
		} else {
			*p = next_parcel(d, part);
			if (*p != NULL)
				return 1;
			if (judge_end(d, part, e) < 0)
				return -1;
			end_part(d);
		}
		start_parts(d);
	}
	return 0;
}

void
download_release(struct download *d)
{
	for (unsigned i = 0; i < d->n; i++)
		cancel(d, part_at(d, i));
	while (d->n > 0)
		drop_part(d);
}
