/* Reads that are waited for: tables of contents and configs, whole in memory.
 *
 * A connection that is new, or was idle, sends 14 KB in its first round trip
 * and twice as much in each one after (TCP's slow start): half a megabyte takes
 * six.  Asked for in parts at once, on connections that the reads of files will
 * use next, it takes four.
 */
#include <errno.h>
#include <string.h>

#include "registry/registry.h"
#include "registry/source.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/list.h"
#include "base/lock.h"

/* A part is at least so large, and a read has at most so many: each costs the
 * server a request. */
enum { PART_BYTES = 128 << 10, MAX_PARTS = 4 };

struct whole {
	struct lock lock;
	struct cond ended;
	/* guarded by lock */
	unsigned pending;
	uint64_t gave;
	bool has_others;
	struct err failure; /* the first; code 0: none */
};

struct part {
	struct source_read read;
	struct whole *whole;
	uint8_t *at; /* where its next byte goes */
};

static enum source_verdict
take(struct source_read *r, const void *p, size_t n)
{
	struct part *part = container_of(r, struct part, read);

	memcpy(part->at, p, n);
	part->at += n;
	return SOURCE_CONTINUE;
}

static void
end_part(struct source_read *r, const struct err *failure)
{
	struct whole *w = container_of(r, struct part, read)->whole;

	LOCK_SCOPE(&w->lock);
	if (failure != NULL && w->failure.code == 0)
		w->failure = *failure;
	w->gave |= r->gave;
	w->has_others |= r->has_others;
	w->pending--;
	cond_signal(&w->ended);
}

static void
wait_for(struct whole *w)
{
	LOCK_SCOPE(&w->lock);
	while (w->pending > 0)
		cond_wait(&w->ended, &w->lock);
}

static unsigned
count_parts(const struct source *s, uint64_t len)
{
	if (!source_has_slow_start(s) || len < 2 * PART_BYTES)
		return 1;
	return min_u64(len / PART_BYTES, MAX_PARTS);
}

/* `of` in n parts that are all under way at once; notes whose bytes came. */
static int
read_parts(struct source *s, struct source_read *of, unsigned n, uint8_t *to,
    struct err *e)
{
	struct whole w = { .pending = n };
	struct part parts[MAX_PARTS];

	lock_init(&w.lock, RANK_LEAF);
	cond_init(&w.ended);
	for (unsigned k = 0; k < n; k++) {
		uint64_t from = of->len * k / n, end = of->len * (k + 1) / n;

		parts[k] = (struct part){ *of, &w, to + from };
		parts[k].read.off += from;
		parts[k].read.len = end - from;
		parts[k].read.needs_range = n > 1;
		source_read(s, &parts[k].read);
	}
	wait_for(&w);
	cond_destroy(&w.ended);
	lock_destroy(&w.lock);
	of->gave = w.gave;
	of->has_others = w.has_others;
	if (w.failure.code == 0)
		return 0;
	*e = w.failure;
	return -1;
}

int
source_read_all(
    struct source *s, struct source_part *part, struct buf *out, struct err *e)
{
	uint64_t len = part->len;
	unsigned n = count_parts(s, len);
	struct source_read read = {
		.blob = *part->blob,
		.blob_size = part->blob_size,
		.off = part->off,
		.len = len,
		.priority = SOURCE_NOW,
		.avoid = part->avoid,
		.on_bytes = take,
		.on_done = end_part,
	};
	int rc;

	if (buf_reserve(out, len, e) < 0)
		return -1;
	rc = read_parts(s, &read, n, out->data + out->len, e);
	if (rc < 0 && n > 1 && e->code == ENOTSUP)
		rc = read_parts(s, &read, 1, out->data + out->len, e);
	part->gave |= read.gave;
	part->has_others = read.has_others;
	if (rc == 0)
		out->len += len;
	return rc;
}

bool
source_part_reject(struct source_part *part)
{
	part->avoid |= part->gave;
	part->gave = 0;
	return part->has_others;
}

int
source_read_verified(struct source *s, const struct descriptor *d,
    struct buf *out, struct err *e)
{
	struct source_part all = {
		.blob = &d->digest, .blob_size = d->size, .len = d->size
	};
	size_t start = out->len;
	struct digest is;

	do {
		if (source_read_all(s, &all, out, e) < 0)
			return -1;
		digest_of(&is, out->data + start, d->size);
		if (digest_equal(&is, &d->digest))
			return 0;
		out->len = start;
	} while (source_part_reject(&all));
	return err_set(e, EBADMSG, "%s: blob %s: its bytes have the digest %s",
	    s->name, DIGEST_TEXT(&d->digest), DIGEST_TEXT(&is));
}
