#include "daemon/mounts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "daemon/attachment.h"
#include "daemon/daemon.h"
#include "daemon/mount_id.h"
#include "daemon/mountinfo.h"
#include "daemon/mounts_private.h"
#include "mount/showing.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/view.h"
#include "store/db.h"
#include "supervisor/agent.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/pool.h"

/* ---- finding, with the lock held ---- */

struct attachment *
mounts_find(struct mounts *m, const char *id)
{
	list_for_each(l, &m->attachments) {
		struct attachment *a = list_entry(l, struct attachment, link);

		if (strcmp(a->id, id) == 0)
			return a;
	}
	return NULL;
}

/* The one on top, when several are mounted on one target. */
static struct attachment *
find_by_target(struct mounts *m, const char *target)
{
	struct attachment *found = NULL;

	list_for_each(l, &m->attachments) {
		struct attachment *a = list_entry(l, struct attachment, link);

		if (strcmp(a->target, target) == 0)
			found = a;
	}
	return found;
}

/* By its id, or NULL: by its target. */
static bool
is_ending(struct mounts *m, const char *id, const char *target)
{
	list_for_each(l, &m->ending) {
		struct attachment *a = list_entry(l, struct attachment, link);

		if (id != NULL ? strcmp(a->id, id) == 0
			       : strcmp(a->target, target) == 0)
			return true;
	}
	return false;
}

void
mounts_list_attachment(struct mounts *m, struct attachment *a)
{
	LOCK_SCOPE(&m->lock);
	list_push_back(&m->attachments, &a->link);
}

/* By its id, or NULL: by its target.  With the lock held; waits for who has it. */
static struct attachment *
await(struct mounts *m, const char *id, const char *target)
{
	for (;;) {
		struct attachment *a =
		    id != NULL ? mounts_find(m, id) : find_by_target(m, target);

		if (a == NULL || !a->is_borrowed)
			return a;
		cond_wait(&m->changed, &m->lock);
	}
}

/* NULL: there is none, and none is on its way out: whoever unmounts hears of it when
 * all is over, also where somebody saw it before he could tell. */
static struct attachment *
withdraw(struct mounts *m, const char *id, const char *target)
{
	LOCK_SCOPE(&m->lock);
	struct attachment *a = await(m, id, target);

	if (a != NULL) {
		list_remove(&a->link);
		list_push_back(&m->ending, &a->link);
	}
	while (a == NULL && is_ending(m, id, target))
		cond_wait(&m->changed, &m->lock);
	return a;
}

static void
take_out(struct mounts *m, struct attachment *a)
{
	LOCK_SCOPE(&m->lock);
	list_remove(&a->link);
	cond_broadcast(&m->changed);
}

/* What takes time is done without the lock: the loop wants it, too. */
static struct attachment *
borrow(struct mounts *m, const char *id)
{
	LOCK_SCOPE(&m->lock);
	struct attachment *a = await(m, id, NULL);

	if (a != NULL)
		a->is_borrowed = true;
	return a;
}

static void
give_back(struct mounts *m, struct attachment *a)
{
	LOCK_SCOPE(&m->lock);
	a->is_borrowed = false;
	cond_broadcast(&m->changed);
}

/* ---- in state.db ---- */

#define HOLDER "mount/"

/* Who holds the image. */
static void
holder_name(
    char out[sizeof HOLDER + ATTACHMENT_ID_SIZE], const struct attachment *a)
{
	snprintf(out, sizeof HOLDER + ATTACHMENT_ID_SIZE, HOLDER "%s", a->id);
}

/* Both or neither, in one transaction: who mounts waits for one sync of it. */
int
mounts_note(struct mounts *m, const struct attachment *a, struct err *e)
{
	struct db *db = m->daemon->db;
	char who[sizeof HOLDER + ATTACHMENT_ID_SIZE];

	holder_name(who, a);
	if (db_begin(db, e) < 0)
		return -1;
	if (attachment_note(a, db, e) == 0 &&
	    catalog_hold(m->daemon->catalog, &a->image, who, e) == 0 &&
	    db_commit(db, e) == 0)
		return 0;
	db_rollback(db);
	return -1;
}

/* The holder goes first: a mount without one is held again at the next start, a
 * holder without a mount would stay for ever. */
static int
forget(struct mounts *m, const struct attachment *a, struct err *e)
{
	char who[sizeof HOLDER + ATTACHMENT_ID_SIZE];

	holder_name(who, a);
	if (catalog_release(m->daemon->catalog, &a->image, who, e) < 0)
		return -1;
	return attachment_forget(a, m->daemon->db, e);
}

/* ---- making ---- */

static int
new_id(struct mounts *m, char id[ATTACHMENT_ID_SIZE], struct err *e)
{
	uint16_t random;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return err_sys(e, "random bytes");
	LOCK_SCOPE(&m->lock);
	mount_ids_next(&m->ids, clock_wall_ns() / 1000, random, id);
	return 0;
}

static int
add_overlay(struct mounts *m, const struct attachment *a,
    const struct mount_request *q, struct err *e)
{
	const char *lower = showing_id(a->showing);
	struct agent_overlay_options o = {
		.lowers = &lower,
		.n_lowers = 1,
		.upper = q->upper,
		.work = q->work,
	};

	if (agent_mount_overlay(m->daemon->agent, a->id, &o, e) == 0)
		return 0;
	if (e->code != ETIMEDOUT)
		return -1;
	e->code = EIO; /* no registry's */
	return err_wrap(e, "the upper layer's file system");
}

/* The detached mount for the client. */
static int
copy_mount(struct mounts *m, struct attachment *a,
    const struct mount_request *q, int *fd, struct err *e)
{
	if (!q->is_rw)
		return agent_clone_mount(
		    m->daemon->agent, showing_id(a->showing), fd, e);
	if (add_overlay(m, a, q, e) < 0)
		return -1;
	a->is_rw = true;
	return agent_clone_mount(m->daemon->agent, a->id, fd, e);
}

const char *
mounts_own_id(
    const struct attachment *a, bool is_detachable, char id[ATTACHMENT_ID_SIZE])
{
	if (!is_detachable)
		return a->id;
	if (!a->has_patience)
		return NULL;
	mount_id_of_showing(a->id, id);
	return id;
}

static int
make_attachment(struct mounts *m, struct attachment *a,
    const struct mount_request *q, int *fd, struct err *e)
{
	bool is_root = agent_is_root(m->daemon->agent);
	char id[ATTACHMENT_ID_SIZE];

	if (q->is_rw && !is_root)
		return err_set(e, ENOTSUP,
		    "a writable mount needs overlayfs, and that needs root: "
		    "run layerfsd as root, or all of it in `unshare -Urm`");
	a->showing = showings_take(m->daemon->showings, q->image, q->layer,
	    mounts_own_id(a, is_root, id), is_root ? NULL : q->target, e);
	if (a->showing == NULL)
		return -1;
	if (a->has_patience)
		showing_set_patience(a->showing, a->patience_ms);
	*fd = -1;
	return is_root ? copy_mount(m, a, q, fd, e) : 0;
}

void
mounts_end_attachment(struct mounts *m, struct attachment *a)
{
	struct err e = ERR_INIT;

	if (a->is_rw && agent_unmount(m->daemon->agent, a->id, &e) < 0)
		log_warn("%s: %s", a->target, e.msg);
	if (a->showing != NULL)
		showings_put(m->daemon->showings, a->showing);
	if (forget(m, a, &e) < 0)
		log_warn("%s: %s", a->target, e.msg);
	take_out(m, a);
	attachment_free(a);
}

int
mounts_add(struct mounts *m, const struct mount_request *q,
    struct mount_reply *out, struct err *e)
{
	struct attachment *a = attachment_new(q->image, q->layer, q->target, e);

	if (a == NULL)
		return -1;
	a->has_patience = q->has_patience;
	a->patience_ms = q->patience_ms;
	a->resolved_s = q->resolution->resolved_s;
	a->is_stale = q->resolution->is_stale;
	if (new_id(m, a->id, e) < 0 ||
	    make_attachment(m, a, q, &out->fd, e) < 0) {
		mounts_end_attachment(m, a);
		return -1;
	}
	snprintf(out->id, sizeof out->id, "%s", a->id);
	out->kind = showing_kind(a->showing);
	a->is_detachable = out->fd >= 0;
	a->was_seen = !a->is_detachable;
	if (!a->is_detachable && mounts_note(m, a, e) < 0) {
		mounts_end_attachment(m, a);
		return -1;
	}
	mounts_list_attachment(m, a);
	return 0;
}

int
mounts_confirm(struct mounts *m, const char *id, struct err *e)
{
	struct attachment *a = borrow(m, id);
	int rc;

	if (a == NULL)
		return err_set(e, ENOENT, "there is no mount %s", id);
	log_event(LOG_LEVEL_INFO, LOG_EVENT_mounted,
	    LOG_FIELDS({ "reference", a->label }, { "target", a->target }),
	    "%s is mounted on %s", a->label, a->target);
	/* It may have been put where only another mount namespace sees it.
	 * Noted: a client whose worker dies before it answers takes the mount
	 * away again, and the next worker must miss it. */
	a->was_seen = mountinfo_shows(a->target);
	rc = mounts_note(m, a, e);
	give_back(m, a);
	mountinfo_look(m->mountinfo);
	return rc;
}

/* ---- ending ---- */

int
mounts_remove(struct mounts *m, const char *id, const char *target,
    struct doc *fields, struct err *e)
{
	struct attachment *a = withdraw(m, id, target);

	if (a == NULL)
		return err_set(e, ENOENT, "layerfs has mounted nothing on %s",
		    id != NULL ? id : target);
	log_event(LOG_LEVEL_INFO, LOG_EVENT_unmounted,
	    LOG_FIELDS({ "reference", a->label }, { "target", a->target }),
	    "%s is not mounted on %s any more", a->label, a->target);
	doc_set_string(fields, "id", a->id);
	doc_set_string(fields, "target", a->target);
	mounts_end_attachment(m, a);
	return 0;
}

struct undoing {
	struct task task;
	struct mounts *mounts;
	char id[ATTACHMENT_ID_SIZE];
};

static void
run_undo(struct task *t)
{
	struct undoing *u = container_of(t, struct undoing, task);
	AUTO_DOC struct doc *fields = doc_new_object();
	struct err e = ERR_INIT;

	if (mounts_remove(u->mounts, u->id, NULL, fields, &e) < 0)
		log_debug("%s", e.msg);
	free(u);
}

void
mounts_undo(struct mounts *m, const char *id)
{
	struct undoing *u = calloc(1, sizeof *u);

	if (u == NULL)
		return;
	u->task.run = run_undo;
	u->mounts = m;
	snprintf(u->id, sizeof u->id, "%s", id);
	pool_submit(m->daemon->jobs, &u->task, 0);
}

/* The mounts of the namespace changed: targets that were seen there once and
 * are not any more were unmounted by hand. */
static void
on_mounts_changed(void *ctx, const struct mountinfo *now)
{
	struct mounts *m = ctx;

	LOCK_SCOPE(&m->lock);
	list_for_each(l, &m->attachments) {
		struct attachment *a = list_entry(l, struct attachment, link);
		bool is_there = mountinfo_has(now, a->target);

		if (a->is_borrowed)
			continue;
		if (a->was_seen && !is_there)
			mounts_undo(m, a->id);
		a->was_seen = is_there;
	}
}

/* ---- looking ---- */

bool
mounts_use_image(struct mounts *m, const struct digest *image)
{
	LOCK_SCOPE(&m->lock);
	list_for_each(l, &m->attachments) {
		struct attachment *a = list_entry(l, struct attachment, link);

		if (digest_equal(&a->image, image))
			return true;
	}
	return false;
}

struct doc *
mounts_list(struct mounts *m)
{
	struct doc *list = doc_new_array();

	LOCK_SCOPE(&m->lock);
	list_for_each(l, &m->attachments)
		doc_append(list,
		    attachment_to_doc(list_entry(l, struct attachment, link)));
	return list;
}

struct doc *
mounts_targets(struct mounts *m, const char *showing)
{
	struct doc *list = doc_new_array();

	LOCK_SCOPE(&m->lock);
	list_for_each(l, &m->attachments) {
		const struct attachment *a =
		    list_entry(l, struct attachment, link);

		if (strcmp(showing_id(a->showing), showing) == 0)
			doc_append(list, doc_new_string(a->target));
	}
	return list;
}

unsigned
mounts_count(struct mounts *m)
{
	unsigned n = 0;

	LOCK_SCOPE(&m->lock);
	list_for_each(l, &m->attachments)
		n++;
	return n;
}

/* ---- starting and ending ---- */

struct mounts *
mounts_new(struct daemon *d, struct err *e)
{
	struct mounts *m = calloc(1, sizeof *m);

	if (m == NULL) {
		err_set(e, ENOMEM, "mounts");
		return NULL;
	}
	m->daemon = d;
	lock_init(&m->lock, RANK_DAEMON);
	cond_init(&m->changed);
	list_init(&m->lost);
	list_init(&m->attachments);
	list_init(&m->ending);
	m->mountinfo = mountinfo_new(d->loop, on_mounts_changed, m, e);
	if (m->mountinfo == NULL) {
		mounts_free(m);
		return NULL;
	}
	return m;
}

static void
free_attachments(struct list *all)
{
	list_for_each_safe(l, all) {
		list_remove(l);
		attachment_free(list_entry(l, struct attachment, link));
	}
}

void
mounts_free(struct mounts *m)
{
	if (m == NULL)
		return;
	mountinfo_free(m->mountinfo);
	free_attachments(&m->lost);
	free_attachments(&m->attachments);
	cond_destroy(&m->changed);
	lock_destroy(&m->lock);
	free(m);
}
