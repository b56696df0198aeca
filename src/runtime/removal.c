/* Removing: at once a mark, later all that it left. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/lowers.h"
#include "runtime/pulls.h"
#include "runtime/snapshotter_private.h"
#include "layer/catalog.h"
#include "store/db.h"
#include "supervisor/agent.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/log.h"
#include "base/thread.h"

/* A client that never calls Cleanup must not leave anything behind; one that
 * does is given the time to. */
enum { SETTLE_MS = 500, LOOK_S = 5 };

const char *
snapshot_holder(uint64_t number, char out[SNAPSHOT_HOLDER_SIZE])
{
	snprintf(out, SNAPSHOT_HOLDER_SIZE, "snapshot/%ju", (uintmax_t)number);
	return out;
}

/* ---- marking ---- */

int
snapshot_mark_gone(
    struct snapshotter *s, struct db_snapshot *row, struct err *e)
{
	row->was = row->name;
	row->name = "";
	row->state = SNAPSHOT_GONE;
	row->life = s->life;
	row->updated_ns = clock_wall_ns();
	return db_set_snapshot(s->parts.db, row, e);
}

/* An earlier life removed it, and the client asks again: once. */
static int
acknowledge_removal(
    struct snapshotter *s, const char *key, uint64_t *number, struct err *e)
{
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };
	struct err missing = *e;

	if (missing.code != ENOENT ||
	    db_get_snapshot_gone(s->parts.db, key, &row, e) < 0 ||
	    !snapshot_is_unanswered(s, &row)) {
		*e = missing;
		return -1;
	}
	*e = ERR_INIT;
	row.life = s->life;
	*number = row.number;
	return db_set_snapshot(s->parts.db, &row, e);
}

struct removing {
	const char *key;
	uint64_t number;
};

static int
remove_row(struct snapshotter *s, void *ctx, struct err *e)
{
	struct removing *r = ctx;
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };
	unsigned children;

	if (snapshot_find(s, r->key, &row, e) < 0)
		return acknowledge_removal(s, r->key, &r->number, e);
	r->number = row.number;
	if (db_count_snapshot_children(s->parts.db, row.number, &children, e) <
	    0)
		return -1;
	if (children > 0)
		return err_set(e, EBUSY,
		    "cannot remove snapshot %.200s: %u others build on it",
		    r->key, children);
	return snapshot_mark_gone(s, &row, e);
}

int
snapshotter_remove(struct snapshotter *s, const char *key, struct err *e)
{
	struct removing r = { key, 0 };

	if (snapshot_transact(s, remove_row, &r, e) < 0)
		return -1;
	lowers_end(s->lowers, r.number);
	snapshot_poke_reaper(s);
	return 0;
}

/* ---- cleaning ---- */

static int
release_image(
    struct snapshotter *s, const struct db_snapshot *row, struct err *e)
{
	struct digest image;

	if (digest_parse(&image, row->image, e) < 0)
		return -1;
	return catalog_release(
	    s->parts.catalog, &image, SNAPSHOT_HOLDER(row->number), e);
}

static int
clean_row(struct snapshotter *s, const struct db_snapshot *row, struct err *e)
{
	if (*row->image != 0) {
		if (release_image(s, row, e) < 0)
			return -1;
	} else if (agent_remove_snapshot(s->parts.agent, row->number, e) < 0) {
		return -1;
	}
	return db_delete_snapshot(s->parts.db, row->number, e);
}

struct cleaning {
	struct snapshotter *snapshotter;
	unsigned kept; /* that an earlier life's client may ask for again */
	struct err failure; /* the first */
};

static int
clean(void *ctx, const struct db_snapshot *row)
{
	struct cleaning *c = ctx;
	struct err e = ERR_INIT;

	if (snapshot_is_unanswered(c->snapshotter, row)) {
		c->kept++;
		return 0;
	}
	if (clean_row(c->snapshotter, row, &e) == 0)
		return 0;
	log_warn("what snapshot %s left: %s", row->was, e.msg);
	if (c->failure.code == 0)
		c->failure = e;
	return 0;
}

/* One at a time, so that who waited finds all of it done. */
static void
begin_cleaning(struct snapshotter *s)
{
	LOCK_SCOPE(&s->lock);
	while (s->is_cleaning)
		cond_wait(&s->changed, &s->lock);
	s->is_cleaning = true;
	s->is_due = false;
}

static void
end_cleaning(struct snapshotter *s, bool again)
{
	LOCK_SCOPE(&s->lock);
	s->is_cleaning = false;
	s->is_due |= again;
	cond_broadcast(&s->changed);
}

int
snapshotter_cleanup(struct snapshotter *s, struct err *e)
{
	struct cleaning c = { .snapshotter = s };
	int rc;

	begin_cleaning(s);
	lowers_reap(s->lowers);
	rc = db_each_snapshot(s->parts.db, SNAPSHOT_GONE, clean, &c, e);
	end_cleaning(s, c.kept > 0);
	if (rc == 0 && c.failure.code != 0) {
		*e = c.failure;
		rc = -1;
	}
	return rc;
}

/* ---- the reaper ---- */

/* Until something has ended and had time to settle; false at the end. */
static bool
wait_for_work(struct snapshotter *s, bool *is_due)
{
	uint64_t look_ns = clock_now_ns() + LOOK_S * NS_PER_S;
	LOCK_SCOPE(&s->lock);

	while (!s->is_ending && !s->is_due &&
	       cond_wait_until(&s->changed, &s->lock, look_ns))
		;
	look_ns = clock_now_ns() + SETTLE_MS * NS_PER_MS;
	while (!s->is_ending && cond_wait_until(&s->changed, &s->lock, look_ns))
		;
	*is_due = s->is_due;
	return !s->is_ending;
}

static void *
run_reaper(void *arg)
{
	struct snapshotter *s = arg;
	bool is_due;

	while (wait_for_work(s, &is_due)) {
		struct err e = ERR_INIT;

		pulls_expire(s->pulls, clock_now_ns());
		if (is_due && snapshotter_cleanup(s, &e) < 0)
			log_debug("%s", e.msg);
	}
	return NULL;
}

void
snapshot_poke_reaper(struct snapshotter *s)
{
	LOCK_SCOPE(&s->lock);
	s->is_due = true;
	cond_broadcast(&s->changed);
}

int
snapshot_start_reaper(struct snapshotter *s, struct err *e)
{
	s->is_due = true;
	if (thread_start(&s->reaper, "reaper", run_reaper, s, e) < 0)
		return -1;
	s->has_reaper = true;
	return 0;
}

void
snapshot_stop_reaper(struct snapshotter *s)
{
	if (!s->has_reaper)
		return;
	{
		LOCK_SCOPE(&s->lock);
		s->is_ending = true;
		cond_broadcast(&s->changed);
	}
	pthread_join(s->reaper, NULL);
}
