#include "fetch/ahead.h"

#include <stdlib.h>

#include "fetch/demand.h"
#include "fetch/early.h"
#include "fetch/fetcher.h"
#include "registry/source.h"
#include "base/bytes.h"
#include "base/limits.h"

/* Reads at a time: each has a connection of its own to a host without HTTP/2,
 * and a new one is slow to start.  Of the 16 that a host is given two large
 * tables take eight and the config one, and who waits for a mount waits for
 * those: what is read beside them takes less than half, of the link and of the
 * registry, too.  A table that has come leaves its four. */
enum { SLOTS = 16, FIRST_SLOTS = 4, TABLE_SLOTS = 4 };

/* Held in memory before the maps are known, at most. */
#define EARLY_BYTES MIB(32)

struct slot {
	struct demand note; /* only its finish and link are used */
	struct ahead *ahead;
	bool is_busy;
};

/* One that was begun before its blob was known. */
struct unmet {
	struct list link;
	struct early *early;
	unsigned number;
};

struct ahead {
	struct fetcher *fetcher;
	struct source *source;
	struct ahead_range *ranges;
	size_t n;

	/* guarded by fetcher->lock */
	size_t at; /* the next to be read */
	uint64_t bytes;
	struct list unmet;
	struct blob *blobs[LIMIT_LAYERS]; /* held; NULL: not met yet */
	struct slot slots[SLOTS];
	unsigned n_slots; /* that may be used now */
	unsigned refs;    /* the owner's, and one for each busy slot */
	bool is_ended;
};

/* Lock held on entry, not on return. */
static void
unref(struct ahead *a)
{
	struct fetcher *f = a->fetcher;
	bool is_last = --a->refs == 0;

	for (unsigned k = 0; is_last && k < LIMIT_LAYERS; k++)
		if (a->blobs[k] != NULL)
			blob_drop(a->blobs[k]);
	lock_release(&f->lock);
	if (!is_last)
		return;
	source_unref(a->source);
	free(a->ranges);
	free(a);
}

/* ---- beginning ---- */

static struct slot *
find_slot(struct ahead *a)
{
	for (unsigned i = 0; i < a->n_slots; i++)
		if (!a->slots[i].is_busy)
			return &a->slots[i];
	return NULL;
}

/* Lock held.  The slot for the next range, or NULL: none may be begun now. */
static struct slot *
take_slot(struct ahead *a)
{
	struct slot *s = find_slot(a);

	if (s == NULL || a->is_ended || a->fetcher->is_cancelled ||
	    a->at == a->n || a->bytes + a->ranges[a->at].len > EARLY_BYTES)
		return NULL;
	s->is_busy = true;
	a->refs++;
	a->bytes += a->ranges[a->at].len;
	return s;
}

/* Lock not held.  To the blob if it is known, else to those who wait for it. */
static void
hand_over(struct ahead *a, struct early *x, unsigned number)
{
	struct unmet *u = calloc(1, sizeof *u);
	struct blob *b;
	bool is_ended;

	lock_acquire(&a->fetcher->lock);
	b = a->blobs[number];
	is_ended = a->is_ended;
	if (b == NULL && u != NULL && !is_ended) {
		u->early = x;
		u->number = number;
		list_push_back(&a->unmet, &u->link);
		u = NULL;
		x = NULL;
	}
	lock_release(&a->fetcher->lock);
	free(u);
	if (x != NULL && b != NULL)
		early_meet(x, b);
	else if (x != NULL)
		early_drop(x);
}

static void
begin(struct ahead *a, const struct ahead_range *r, struct slot *s)
{
	struct early_range range = { &r->blob, r->blob_size, r->blob_off,
		r->len };
	struct early *x = early_start(a->fetcher, a->source, &range, &s->note);

	if (x != NULL) {
		hand_over(a, x, r->number);
		return;
	}
	lock_acquire(&a->fetcher->lock);
	s->is_busy = false;
	unref(a);
}

/* Lock held; let go of meanwhile. */
static void
fill_slots(struct ahead *a)
{
	struct slot *s;

	while ((s = take_slot(a)) != NULL) {
		const struct ahead_range *r = &a->ranges[a->at++];

		lock_release(&a->fetcher->lock);
		begin(a, r, s);
		lock_acquire(&a->fetcher->lock);
	}
}

/* On the fetch thread: a read has ended. */
static void
on_end(struct demand *note)
{
	struct slot *s = container_of(note, struct slot, note);
	struct ahead *a = s->ahead;

	lock_acquire(&a->fetcher->lock);
	s->is_busy = false;
	fill_slots(a);
	unref(a);
}

struct ahead *
ahead_new(
    struct fetcher *f, struct source *s, struct ahead_range *take, size_t n)
{
	struct ahead *a = calloc(1, sizeof *a);

	if (a == NULL) {
		free(take);
		return NULL;
	}
	a->fetcher = f;
	a->source = source_ref(s);
	a->ranges = take;
	a->n = n;
	a->refs = 1;
	a->n_slots = FIRST_SLOTS;
	list_init(&a->unmet);
	for (int i = 0; i < SLOTS; i++) {
		a->slots[i].ahead = a;
		a->slots[i].note.finish = on_end;
		list_init(&a->slots[i].note.link);
	}
	lock_acquire(&f->lock);
	fill_slots(a);
	lock_release(&f->lock);
	return a;
}

/* ---- meeting, ending ---- */

/* Lock held.  Those of the blob, or with NULL all. */
static void
take_unmet(struct ahead *a, const unsigned *number, struct list *out)
{
	list_for_each_safe(l, &a->unmet) {
		struct unmet *u = list_entry(l, struct unmet, link);

		if (number != NULL && u->number != *number)
			continue;
		list_remove(l);
		list_push_back(out, l);
	}
}

void
ahead_meet(struct ahead *a, unsigned number, struct blob *b)
{
	struct list met, *l;

	list_init(&met);
	lock_acquire(&a->fetcher->lock);
	if (a->blobs[number] == NULL) {
		a->blobs[number] = b;
		blob_hold(b);
		a->n_slots = min_u64(a->n_slots + TABLE_SLOTS, SLOTS);
	}
	take_unmet(a, &number, &met);
	fill_slots(a);
	lock_release(&a->fetcher->lock);
	while ((l = list_pop_front(&met)) != NULL) {
		struct unmet *u = list_entry(l, struct unmet, link);

		early_meet(u->early, b);
		free(u);
	}
}

void
ahead_end(struct ahead *a)
{
	struct list unmet, *l;

	list_init(&unmet);
	lock_acquire(&a->fetcher->lock);
	a->is_ended = true;
	take_unmet(a, NULL, &unmet);
	lock_release(&a->fetcher->lock);
	while ((l = list_pop_front(&unmet)) != NULL) {
		struct unmet *u = list_entry(l, struct unmet, link);

		early_drop(u->early);
		free(u);
	}
	lock_acquire(&a->fetcher->lock);
	unref(a);
}
