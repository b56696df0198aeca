#include "fetch/transfer.h"

#include <errno.h>
#include <stddef.h>

#include "fetch/fetcher.h"
#include "base/clock.h"
#include "base/err.h"

/* It goes on, but who looks shall see why it takes so long. */
static void
on_trouble(struct source_read *r, const struct err *why)
{
	struct transfer *t = container_of(r, struct transfer, read);

	LOCK_SCOPE(&t->blob->fetcher->lock);
	usage_note_trouble(t->blob, t->origin, why);
}

void
transfer_init(struct transfer *t, struct blob *b, unsigned origin,
    enum source_priority priority)
{
	t->read.blob = b->digest;
	t->read.blob_size = b->size;
	t->read.priority = priority;
	t->read.avoid = blob_avoided(b, origin);
	t->read.on_trouble = on_trouble;
	t->source = source_ref(b->origins[origin].source);
	guard_init(&t->guard);
	transfer_adopt(t, b, origin);
}

void
transfer_adopt(struct transfer *t, struct blob *b, unsigned origin)
{
	struct fetcher *f = b->fetcher;

	t->blob = b;
	t->origin = origin;
	t->peer = b->origins[origin].link;
	t->peer->flying_bytes += source_wanted(&t->read);
	/* Of one that runs already bytes were held back: it shows no rate. */
	t->times.asked_ns = UINT64_MAX;
	t->holds = 1;
	blob_hold(b);
	list_push_back(&f->transfers, &t->link);
	f->running[t->read.priority]++;
	b->past.requests++;
}

void
transfer_start(struct transfer *t)
{
	t->times.asked_ns = clock_now_ns();
	source_read(t->source, &t->read);
	guard_leave(&t->guard);
}

void
transfer_note_bytes(struct transfer *t, size_t n)
{
	if (t->got == 0)
		t->times.first_ns = clock_now_ns();
	t->got += n;
}

void
transfer_resume(struct transfer *t)
{
	if (guard_enter(&t->guard)) {
		source_resume(t->source, &t->read);
		guard_leave(&t->guard);
	}
}

void
transfer_stop(struct transfer *t)
{
	guard_end(&t->guard);
}

void
transfer_hold(struct transfer *t)
{
	t->holds++;
}

void
transfer_drop(struct transfer *t)
{
	struct fetcher *f = t->blob->fetcher;

	if (--t->holds > 0)
		return;
	list_remove(&t->link);
	list_push_back(&f->ended, &t->link);
	fetcher_wake(f);
}

void
transfer_end(struct transfer *t, const struct err *failure)
{
	struct blob *b = t->blob;
	struct fetcher *f = b->fetcher;

	b->past.bytes += t->got;
	if (b->map != NULL && (failure == NULL || failure->code != ECANCELED)) {
		blob_origin_answered(
		    b, t->origin, failure == NULL, clock_now_ns());
		usage_note_answer(b, t->origin, failure);
	}
	t->times.end_ns = clock_now_ns();
	t->times.bytes = t->got;
	link_learn(t->peer, &t->times);
	t->peer->flying_bytes -= source_wanted(&t->read);
	link_note_parts(t->peer, t->read.parts, t->times.end_ns);
	if (t->is_trial)
		t->peer->is_tried = false;
	f->running[t->read.priority]--;
	list_remove(&t->link);
	transfer_drop(t);
	fetcher_wake(f);
}

void
transfers_bury(struct fetcher *f)
{
	struct list *l;

	lock_acquire(&f->lock);
	while ((l = list_pop_front(&f->ended)) != NULL) {
		struct transfer *t = list_entry(l, struct transfer, link);
		struct blob *b = t->blob;

		lock_release(&f->lock);
		source_unref(t->source);
		guard_release(&t->guard);
		t->free(t);
		lock_acquire(&f->lock);
		if (b != NULL)
			blob_drop(b);
	}
	lock_release(&f->lock);
}

/* Lock held: one that is to be cancelled and was not yet, held. */
static struct transfer *
next_to_cancel(struct fetcher *f)
{
	list_for_each(l, &f->transfers) {
		struct transfer *t = list_entry(l, struct transfer, link);

		if (!t->is_cancelled &&
		    (f->is_closing || t->blob->map == NULL)) {
			t->is_cancelled = true;
			transfer_hold(t);
			return t;
		}
	}
	return NULL;
}

void
transfers_cancel(struct fetcher *f)
{
	struct transfer *t;

	lock_acquire(&f->lock);
	while ((t = next_to_cancel(f)) != NULL) {
		lock_release(&f->lock);
		if (guard_enter(&t->guard)) {
			source_cancel(t->source, &t->read);
			guard_leave(&t->guard);
		}
		lock_acquire(&f->lock);
		transfer_drop(t);
	}
	lock_release(&f->lock);
}
