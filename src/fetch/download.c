#include "fetch/download.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "fetch/fetcher.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/limits.h"

/* A part fits into an intake: what is ahead of its turn is never paused. */
#define PART_BYTES INTAKE_BYTES

/* Of all downloads, besides the part that each is at. */
#define AHEAD_BYTES MIB(32)

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

/* ---- the reader's side ---- */

void
download_init(struct download *d, struct fetcher *f, struct source *s,
    const struct descriptor *blob, uint64_t blob_off, bool may_split)
{
	*d = (struct download){
		.fetcher = f,
		.source = s,
		.blob = blob,
		.is_in_parts = may_split && source_has_slow_start(s) &&
			       blob->size - blob_off > PART_BYTES,
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
	if (part->got < part->read.len)
		return err_set(
		    e, EAGAIN, "%s: ended early", source_name(d->source));
	return 0;
}

int
download_next(struct download *d, struct parcel **p, struct err *e)
{
	struct download_part *part;
	bool again;

	start_parts(d);
	while (d->n > 0) {
		part = part_at(d, 0);
		*p = intake_wait(&part->intake, &again);
		if (again)
			resume(d, part);
		if (*p != NULL) {
			part->got += (*p)->len;
			return 1;
		}
		if (judge_end(d, part, e) < 0)
			return -1;
		end_part(d);
		start_parts(d);
	}
	return 0;
}

void
download_release(struct download *d)
{
	for (unsigned i = 0; i < d->n; i++)
		cancel(d, part_at(d, i));
	while (d->n > 0) {
		wait_for_end(part_at(d, 0));
		end_part(d);
	}
}
