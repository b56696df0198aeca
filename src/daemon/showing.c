#include "daemon/showing.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/attachment.h"
#include "daemon/daemon.h"
#include "mount/mount.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/view.h"
#include "supervisor/agent.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"

enum { ID_SIZE = AGENT_ID_MAX + 1, SOURCE_SIZE = 200 };

struct showing {
	struct list link;
	char id[ID_SIZE];
	unsigned users;
	enum { SHOWING_MAKING, SHOWING_SHOWN, SHOWING_FAILED } state;
	struct err failure;
	struct mount *mount;
	struct image *image;
};

struct unclaimed {
	struct list link;
	struct held held;
};

struct showings {
	struct daemon *daemon;
	struct list unclaimed; /* the starting thread's */

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct list all;
};

const char *
showing_id(const struct showing *w)
{
	return w->id;
}

const char *
showing_kind(const struct showing *w)
{
	return mount_kind_name(w->mount);
}

const struct image *
showing_image(const struct showing *w)
{
	return w->image;
}

/* The same image and layer have the same id in every worker's life. */
static void
make_id(char id[ID_SIZE], const struct digest *image, int layer)
{
	char text[DIGEST_TEXT_SIZE + 16];
	struct digest d;

	snprintf(text, sizeof text, "%s %d", DIGEST_TEXT(image), layer);
	digest_of(&d, text, strlen(text));
	snprintf(id, ID_SIZE, "%.16s", DIGEST_HEX(&d));
}

static void
make_source(char source[SOURCE_SIZE], const char *label)
{
	/* What /proc/mounts shows; a comma would end the option. */
	snprintf(source, SOURCE_SIZE, "layerfs:%s", label);
	for (char *p = source; (p = strpbrk(p, ",\\\n")) != NULL; p++)
		*p = '_';
}

/* ---- the list ---- */

static struct showing *
find_showing(struct showings *s, const char *id)
{
	list_for_each(l, &s->all) {
		struct showing *w = list_entry(l, struct showing, link);

		if (strcmp(w->id, id) == 0)
			return w;
	}
	return NULL;
}

static struct showing *
add_showing(struct showings *s, const char *id)
{
	struct showing *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	snprintf(w->id, sizeof w->id, "%s", id);
	list_push_back(&s->all, &w->link);
	return w;
}

/* One user less; true when it was the last and the showing is out of the list:
 * the caller's to end. */
static bool
leave(struct showings *s, struct showing *w)
{
	LOCK_SCOPE(&s->lock);
	if (--w->users > 0)
		return false;
	list_remove(&w->link);
	return true;
}

static void
end_showing(struct showing *w)
{
	if (w->mount != NULL)
		mount_remove(w->mount);
	image_unref(w->image);
	free(w);
}

void
showings_put(struct showings *s, struct showing *w)
{
	if (leave(s, w))
		end_showing(w);
}

/* ---- making ---- */

/* Waits while another thread makes it.  *is_mine: this one has to. */
static struct showing *
join_or_begin(struct showings *s, const char *id, bool *is_mine)
{
	LOCK_SCOPE(&s->lock);
	struct showing *w = find_showing(s, id);

	*is_mine = w == NULL;
	if (w == NULL)
		w = add_showing(s, id);
	if (w == NULL)
		return NULL;
	w->users++;
	while (!*is_mine && w->state == SHOWING_MAKING)
		cond_wait(&s->changed, &s->lock);
	return w;
}

static void
finish_making(struct showings *s, struct showing *w, struct mount *m,
    const struct err *failure)
{
	LOCK_SCOPE(&s->lock);
	w->mount = m;
	w->state = m != NULL ? SHOWING_SHOWN : SHOWING_FAILED;
	if (m == NULL)
		w->failure = *failure;
	cond_broadcast(&s->changed);
}

static struct mount *
mount_image(struct showings *s, const struct showing *w, int layer,
    const char *target, struct err *e)
{
	char source[SOURCE_SIZE];
	struct view *v = image_view(w->image, layer, e);
	struct mount *m;

	if (v == NULL)
		return NULL;
	make_source(source, w->image->label);
	m = mount_new(s->daemon->server, w->id, v, source, target, e);
	view_unref(v);
	return m;
}

static void
make_showing(struct showings *s, struct showing *w, struct image *i, int layer,
    const char *target)
{
	struct err failure = ERR_INIT;
	struct mount *m;

	w->image = image_ref(i);
	m = mount_image(s, w, layer, target, &failure);
	finish_making(s, w, m, &failure);
}

struct showing *
showings_take(struct showings *s, struct image *i, int layer,
    const char *own_id, const char *target, struct err *e)
{
	char id[ID_SIZE];
	struct showing *w;
	bool is_mine;

	if (own_id != NULL)
		snprintf(id, sizeof id, "%s", own_id);
	else
		make_id(id, &i->manifest.digest, layer);
	w = join_or_begin(s, id, &is_mine);
	if (w == NULL) {
		err_set(e, ENOMEM, "mount of %s", i->label);
		return NULL;
	}
	if (is_mine)
		make_showing(s, w, i, layer, own_id != NULL ? target : NULL);
	if (w->state == SHOWING_FAILED) {
		*e = w->failure;
		showings_put(s, w);
		return NULL;
	}
	return w;
}

/* ---- after a restart ---- */

static struct unclaimed *
find_unclaimed(struct showings *s, const char *id)
{
	list_for_each(l, &s->unclaimed) {
		struct unclaimed *u = list_entry(l, struct unclaimed, link);

		if (strcmp(u->held.name + strlen("fuse:"), id) == 0)
			return u;
	}
	return NULL;
}

static void
free_unclaimed(struct unclaimed *u)
{
	list_remove(&u->link);
	if (u->held.fd >= 0)
		close(u->held.fd);
	free(u);
}

static struct mount *
resume_image(struct showings *s, const struct showing *w, int layer,
    struct unclaimed *u, struct err *e)
{
	struct view *v = image_view(w->image, layer, e);
	struct mount *m;

	if (v == NULL)
		return NULL;
	m = mount_resume(s->daemon->server, w->id, v, &u->held, e);
	view_unref(v);
	if (m != NULL)
		u->held.fd = -1;
	return m;
}

static struct mount *
resume_showing(struct showings *s, struct showing *w,
    const struct attachment *a, struct err *e)
{
	struct unclaimed *u = find_unclaimed(s, w->id);
	struct mount *m;

	if (u == NULL) {
		err_set(e, ENOENT, "its mount did not survive");
		return NULL;
	}
	w->image = catalog_open_known(s->daemon->catalog, &a->image, a->label,
	    a->layer != IMAGE_MERGED, e);
	if (w->image == NULL)
		return NULL;
	m = resume_image(s, w, a->layer, u, e);
	if (m != NULL)
		free_unclaimed(u);
	return m;
}

struct showing *
showings_resume(struct showings *s, const struct attachment *a, struct err *e)
{
	char id[ID_SIZE];
	struct err failure = ERR_INIT;
	struct showing *w;
	bool is_mine;

	if (a->is_detachable)
		make_id(id, &a->image, a->layer);
	else
		snprintf(id, sizeof id, "%.32s", a->id);
	w = join_or_begin(s, id, &is_mine);
	if (w == NULL) {
		err_set(e, ENOMEM, "mount on %s", a->target);
		return NULL;
	}
	if (is_mine)
		finish_making(
		    s, w, resume_showing(s, w, a, &failure), &failure);
	if (w->state == SHOWING_FAILED) {
		*e = w->failure;
		showings_put(s, w);
		return NULL;
	}
	return w;
}

void
showings_drop_unclaimed(struct showings *s)
{
	list_for_each_safe(l, &s->unclaimed) {
		struct unclaimed *u = list_entry(l, struct unclaimed, link);
		const char *id = u->held.name + strlen("fuse:");
		struct err e = ERR_INIT;

		if (agent_unmount(s->daemon->agent, id, &e) < 0)
			log_warn("leftover mount %s: %s", id, e.msg);
		free_unclaimed(u);
	}
}

/* ---- starting and ending ---- */

void
showings_add_held(struct showings *s, const struct held *h)
{
	struct unclaimed *u = calloc(1, sizeof *u);

	if (u == NULL) {
		close(h->fd);
		return;
	}
	u->held = *h;
	list_push_back(&s->unclaimed, &u->link);
}

struct showings *
showings_new(struct daemon *d, struct err *e)
{
	struct showings *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "mounts");
		return NULL;
	}
	s->daemon = d;
	lock_init(&s->lock, RANK_DAEMON);
	cond_init(&s->changed);
	list_init(&s->all);
	list_init(&s->unclaimed);
	return s;
}

/* The mounts stay; only what this process knows of them goes. */
void
showings_free(struct showings *s)
{
	if (s == NULL)
		return;
	list_for_each_safe(l, &s->unclaimed)
		free_unclaimed(list_entry(l, struct unclaimed, link));
	list_for_each_safe(k, &s->all) {
		struct showing *w = list_entry(k, struct showing, link);

		list_remove(&w->link);
		if (w->mount != NULL)
			mount_forget(w->mount);
		image_unref(w->image);
		free(w);
	}
	cond_destroy(&s->changed);
	lock_destroy(&s->lock);
	free(s);
}
