#include "mount/failure.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"

enum { LOG_AGAIN_S = 60 };

void
failures_init(struct failures *f)
{
	memset(f, 0, sizeof *f);
	lock_init(&f->lock, RANK_LEAF);
}

void
failures_release(struct failures *f)
{
	lock_destroy(&f->lock);
}

static struct failure *
find(struct failures *f, uint64_t nid)
{
	for (unsigned i = 0; i < FAILURES_KEPT; i++)
		if (f->kept[i].nid == nid)
			return &f->kept[i];
	return NULL;
}

bool
failures_note(struct failures *f, uint64_t nid, uint64_t now_ns)
{
	LOCK_SCOPE(&f->lock);
	struct failure *k = find(f, nid);

	if (k != NULL && now_ns - k->logged_ns < LOG_AGAIN_S * NS_PER_S) {
		k->failed_ns = now_ns;
		return false;
	}
	if (k == NULL)
		k = &f->kept[f->next++ % FAILURES_KEPT];
	*k = (struct failure){ nid, now_ns, now_ns };
	return true;
}

bool
failures_is_recent(
    struct failures *f, uint64_t nid, uint64_t now_ns, uint64_t within_ns)
{
	LOCK_SCOPE(&f->lock);
	const struct failure *k = find(f, nid);

	return k != NULL && now_ns - k->failed_ns < within_ns;
}

void
failures_forget(struct failures *f, uint64_t nid)
{
	LOCK_SCOPE(&f->lock);
	struct failure *k = find(f, nid);

	if (k != NULL)
		k->failed_ns = 0;
}
