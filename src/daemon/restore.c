/* What an earlier worker, or an earlier daemon, had mounted. */
#include <errno.h>
#include <string.h>

#include "daemon/attachment.h"
#include "daemon/daemon.h"
#include "daemon/mountinfo.h"
#include "daemon/mounts.h"
#include "daemon/mounts_private.h"
#include "mount/showing.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "supervisor/agent.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/log.h"

/* ---- what goes on ---- */

/* Its showing is there. */
static void
restored(struct mounts *m, struct attachment *a)
{
	struct err e = ERR_INIT;

	if (a->has_patience)
		showing_set_patience(a->showing, a->patience_ms);
	if (mounts_note(m, a, &e) < 0)
		log_warn("%s: %s", a->target, e.msg);
	mounts_list_attachment(m, a);
}

static void
give_up(struct mounts *m, struct attachment *a, const struct err *e)
{
	log_warn("%s on %s: not restored: %s", a->label, a->target, e->msg);
	mounts_end_attachment(m, a);
}

/* With showing NULL asks whether it can be. */
static int
attach(const struct mounts *m, const struct attachment *a, const char *showing,
    struct err *e)
{
	return agent_attach(
	    m->daemon->agent, showing, a->is_rw ? a->id : NULL, a->target, e);
}

/* It can be made again.  A worker that began to and died may have left its
 * showing. */
static bool
is_lost(const struct mounts *m, const struct attachment *a)
{
	struct err e = ERR_INIT;

	return attach(m, a, NULL, &e) == 0;
}

static void
note_id(struct mounts *m, const char *id)
{
	LOCK_SCOPE(&m->lock);
	mount_ids_note(&m->ids, id);
}

static int
restore_attachment(void *ctx, struct attachment *a)
{
	struct mounts *m = ctx;
	char id[ATTACHMENT_ID_SIZE];
	struct err e = ERR_INIT;

	note_id(m, a->id);
	a->showing = showings_resume(m->daemon->showings, &a->image, a->layer,
	    a->label, mounts_own_id(a, a->is_detachable, id), &e);
	if (is_lost(m, a))
		list_push_back(&m->lost, &a->link);
	else if (a->showing != NULL)
		restored(m, a);
	else
		give_up(m, a, &e);
	return 0;
}

static bool
is_noted(struct mounts *m, const char *id)
{
	list_for_each(l, &m->lost)
		if (strcmp(list_entry(l, struct attachment, link)->id, id) == 0)
			return true;
	LOCK_SCOPE(&m->lock);
	return mounts_find(m, id) != NULL;
}

/* An earlier worker died between its making and its being noted: nobody has
 * it. */
static void
drop_stray(void *ctx, const char *id)
{
	struct mounts *m = ctx;
	struct err e = ERR_INIT;

	if (*id == 0 || strlen(id) > AGENT_ID_MAX ||
	    strspn(id, "0123456789abcdef") != strlen(id))
		return;
	if (!is_noted(m, id) && agent_unmount(m->daemon->agent, id, &e) < 0)
		log_warn("leftover mount %s: %s", id, e.msg);
}

int
mounts_restore(struct mounts *m, struct err *e)
{
	if (attachment_each_noted(m->daemon->db, restore_attachment, m, e) < 0)
		return -1;
	mountinfo_each_overlay(drop_stray, m);
	mountinfo_look(m->mountinfo);
	return 0;
}

/* ---- what is made again ---- */

/* On the target, where the showing is not mounted there itself. */
static int
put_back(struct mounts *m, const struct attachment *a, struct err *e)
{
	if (!a->is_detachable)
		return 0;
	return attach(m, a, showing_id(a->showing), e);
}

static int
show(struct mounts *m, struct attachment *a, struct err *e)
{
	char id[ATTACHMENT_ID_SIZE];
	struct image *i = catalog_open_known(m->daemon->catalog, &a->image,
	    a->label, a->layer != IMAGE_MERGED, e);

	if (i == NULL)
		return -1;
	a->showing = showings_take(m->daemon->showings, i, a->layer,
	    mounts_own_id(a, a->is_detachable, id),
	    a->is_detachable ? NULL : a->target, e);
	image_unref(i);
	return a->showing == NULL ? -1 : 0;
}

static int
remake(struct mounts *m, struct attachment *a, struct err *e)
{
	if (a->showing == NULL && show(m, a, e) < 0)
		return -1;
	return put_back(m, a, e);
}

void
mounts_remake(struct mounts *m)
{
	struct list *l;

	while ((l = list_pop_front(&m->lost)) != NULL) {
		struct attachment *a = list_entry(l, struct attachment, link);
		struct err e = ERR_INIT;

		list_init(&a->link);
		if (remake(m, a, &e) < 0) {
			give_up(m, a, &e);
			continue;
		}
		log_event(LOG_LEVEL_INFO, LOG_EVENT_mounted,
		    LOG_FIELDS(
			{ "reference", a->label }, { "target", a->target }),
		    "%s is mounted on %s again", a->label, a->target);
		a->was_seen = mountinfo_shows(a->target);
		restored(m, a);
	}
	mountinfo_look(m->mountinfo);
}
