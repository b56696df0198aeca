#include "layer/recording.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "layer/trail.h"
#include "base/clock.h"
#include "base/lock.h"

struct recording {
	void (*on_first)(void *ctx);
	void *ctx;
	atomic_bool is_on; /* changed under the lock */

	struct lock lock; /* guards what follows */
	struct trail trail;
	uint64_t first_ns, last_ns; /* 0: no note */
};

struct recording *
recording_new(void (*on_first)(void *ctx), void *ctx)
{
	struct recording *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->on_first = on_first;
	r->ctx = ctx;
	lock_init(&r->lock, RANK_LEAF);
	return r;
}

void
recording_free(struct recording *r)
{
	if (r == NULL)
		return;
	trail_release(&r->trail);
	lock_destroy(&r->lock);
	free(r);
}

void
recording_start(struct recording *r)
{
	LOCK_SCOPE(&r->lock);
	if (atomic_load(&r->is_on))
		return;
	r->first_ns = r->last_ns = 0;
	atomic_store(&r->is_on, true);
}

void
recording_stop(struct recording *r, struct trail *out)
{
	LOCK_SCOPE(&r->lock);
	atomic_store(&r->is_on, false);
	*out = r->trail;
	r->trail = (struct trail){ 0 };
}

bool
recording_is_on(const struct recording *r)
{
	return atomic_load(&r->is_on);
}

bool
recording_runs(struct recording *r, uint64_t *first_ns, uint64_t *last_ns)
{
	LOCK_SCOPE(&r->lock);
	*first_ns = r->first_ns;
	*last_ns = r->last_ns;
	return atomic_load(&r->is_on) && r->first_ns != 0;
}

/* True: it was the first. */
static bool
note(struct recording *r, uint64_t data_off, uint64_t len)
{
	uint64_t now_ns = clock_now_ns();
	bool is_first;

	LOCK_SCOPE(&r->lock);
	is_first = r->first_ns == 0;
	if (!atomic_load(&r->is_on) || !trail_note(&r->trail, data_off, len))
		return false;
	if (is_first)
		r->first_ns = now_ns;
	r->last_ns = now_ns;
	return is_first;
}

void
recording_note(struct recording *r, uint64_t data_off, uint64_t len)
{
	if (r == NULL || !atomic_load_explicit(&r->is_on, memory_order_relaxed))
		return;
	if (note(r, data_off, len))
		r->on_first(r->ctx);
}
