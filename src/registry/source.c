#include "registry/source.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "registry/registry.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/list.h"
#include "base/lock.h"

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

const char *
source_name(const struct source *s)
{
	return s->name;
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

/* ---- blocking reads ---- */

struct whole_read {
	struct source_read read;
	struct buf *out;
	struct err failure; /* of ours or of the source; code 0: none */
	struct lock lock;
	struct cond ended;
	/* guarded by lock */
	bool is_done;
};

static enum source_verdict
append(struct source_read *r, const void *p, size_t n)
{
	struct whole_read *w = container_of(r, struct whole_read, read);

	return buf_append(w->out, p, n, &w->failure) < 0 ? SOURCE_ABORT
							 : SOURCE_CONTINUE;
}

static void
wake(struct source_read *r, const struct err *failure)
{
	struct whole_read *w = container_of(r, struct whole_read, read);

	if (failure != NULL && w->failure.code == 0)
		w->failure = *failure;
	LOCK_SCOPE(&w->lock);
	w->is_done = true;
	cond_signal(&w->ended);
}

static void
wait_for(struct whole_read *w)
{
	LOCK_SCOPE(&w->lock);
	while (!w->is_done)
		cond_wait(&w->ended, &w->lock);
}

int
source_read_all(struct source *s, const struct digest *blob, uint64_t blob_size,
    uint64_t off, uint64_t len, struct buf *out, struct err *e)
{
	struct whole_read w = {
		.read = { .blob = *blob,
		    .blob_size = blob_size,
		    .off = off,
		    .len = len,
		    .priority = SOURCE_NOW,
		    .on_bytes = append,
		    .on_done = wake },
		.out = out,
	};

	lock_init(&w.lock, RANK_LEAF);
	cond_init(&w.ended);
	source_read(s, &w.read);
	wait_for(&w);
	cond_destroy(&w.ended);
	lock_destroy(&w.lock);
	if (w.failure.code == 0)
		return 0;
	*e = w.failure;
	return -1;
}

int
source_read_verified(struct source *s, const struct descriptor *d,
    struct buf *out, struct err *e)
{
	size_t start = out->len;
	struct digest is;

	if (source_read_all(s, &d->digest, d->size, 0, d->size, out, e) < 0)
		return -1;
	digest_of(&is, out->data + start, d->size);
	if (digest_equal(&is, &d->digest))
		return 0;
	out->len = start;
	return err_set(e, EBADMSG, "%s: blob %s: its bytes have the digest %s",
	    s->name, DIGEST_TEXT(&d->digest), DIGEST_TEXT(&is));
}
