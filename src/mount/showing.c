#include "mount/showing.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount/mount.h"
#include "mount/server.h"
#include "mount/unclaimed.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/view.h"
#include "supervisor/agent.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"

enum { ID_SIZE = SHOWING_ID_SIZE, SOURCE_SIZE = 200 };
_Static_assert((int)ID_SIZE == AGENT_ID_MAX + 1, "ids");

struct showing {
	struct list link;
	struct hnode node;
	char id[ID_SIZE];
	struct digest digest; /* the image's */
	int layer;
	unsigned users;
	enum {
		SHOWING_MAKING,
		SHOWING_SHOWN,
		SHOWING_FAILED,
		SHOWING_ENDING
	} state;
	struct err failure;
	struct mount *mount;
	struct image *image;
};

/* What somebody wants to see. */
struct wish {
	char id[ID_SIZE];
	const struct digest *image;
	int layer;
};

struct showings {
	struct mount_server *server;
	struct catalog *catalog;
	struct agent *agent;
	struct list unclaimed; /* mount/unclaimed.h; the starting thread's */

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct list all;
	struct hmap by_id; /* the same */
};

const char *
showing_id(const struct showing *w)
{
	return w->id;
}

struct mount *
showing_mount(const struct showing *w)
{
	return w->mount;
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

void
showing_set_patience(struct showing *w, uint32_t ms)
{
	mount_set_patience(w->mount, ms);
}

uint32_t
showing_patience(const struct showing *w)
{
	return mount_patience(w->mount);
}

static struct wish
make_wish(const struct digest *image, int layer, const char *own_id)
{
	struct wish q = { .image = image, .layer = layer };
	char text[DIGEST_TEXT_SIZE + 16];
	struct digest d;

	if (own_id != NULL) {
		snprintf(q.id, sizeof q.id, "%s", own_id);
		return q;
	}
	snprintf(text, sizeof text, "%s %d", DIGEST_TEXT(image), layer);
	digest_of(&d, text, strlen(text));
	snprintf(q.id, sizeof q.id, "%.16s", DIGEST_HEX(&d));
	return q;
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

static uint64_t
hash_of(const char *id)
{
	return hash_bytes(id, strlen(id), 0);
}

static struct showing *
find_showing(struct showings *s, const char *id)
{
	hmap_for_each_match(&s->by_id, hash_of(id), n) {
		struct showing *w = container_of(n, struct showing, node);

		if (strcmp(w->id, id) == 0)
			return w;
	}
	return NULL;
}

static struct showing *
add_showing(struct showings *s, const struct wish *q, struct err *e)
{
	struct showing *w = calloc(1, sizeof *w);

	if (w == NULL) {
		err_set(e, ENOMEM, "mount %s", q->id);
		return NULL;
	}
	strcpy(w->id, q->id);
	w->digest = *q->image;
	w->layer = q->layer;
	list_push_back(&s->all, &w->link);
	hmap_insert(&s->by_id, &w->node, hash_of(w->id));
	return w;
}

static int
check_same(const struct showing *w, const struct wish *q, struct err *e)
{
	if (w->layer == q->layer && digest_equal(&w->digest, q->image))
		return 0;
	return err_set(e, EEXIST,
	    "mount %s is of another image, %s: refused to confuse them", w->id,
	    DIGEST_TEXT(&w->digest));
}

/* One user less.  True when it was the last: the caller's to end.  It stays in
 * the list meanwhile, for its mount point is not free. */
static bool
leave(struct showings *s, struct showing *w)
{
	LOCK_SCOPE(&s->lock);
	if (--w->users > 0)
		return false;
	w->state = SHOWING_ENDING;
	return true;
}

static void
take_out(struct showings *s, struct showing *w)
{
	LOCK_SCOPE(&s->lock);
	list_remove(&w->link);
	hmap_remove(&s->by_id, &w->node);
	cond_broadcast(&s->changed);
}

void
showings_put(struct showings *s, struct showing *w)
{
	if (!leave(s, w))
		return;
	if (w->mount != NULL) {
		image_note_shown(w->image, false);
		mount_remove(w->mount);
	}
	take_out(s, w);
	image_unref(w->image);
	free(w);
}

/* ---- making ---- */

static struct showing *
find_living(struct showings *s, const char *id)
{
	struct showing *w;

	while ((w = find_showing(s, id)) != NULL && w->state == SHOWING_ENDING)
		cond_wait(&s->changed, &s->lock);
	return w;
}

/* Waits while another thread makes it.  *is_mine: this one has to. */
static struct showing *
join_or_begin(
    struct showings *s, const struct wish *q, bool *is_mine, struct err *e)
{
	LOCK_SCOPE(&s->lock);
	struct showing *w = find_living(s, q->id);

	*is_mine = w == NULL;
	if (w == NULL && (w = add_showing(s, q, e)) == NULL)
		return NULL;
	if (check_same(w, q, e) < 0)
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
	if (m != NULL)
		image_note_shown(w->image, true);
	LOCK_SCOPE(&s->lock);
	w->mount = m;
	w->state = m != NULL ? SHOWING_SHOWN : SHOWING_FAILED;
	if (m == NULL)
		w->failure = *failure;
	cond_broadcast(&s->changed);
}

static struct mount *
mount_image(struct showings *s, const struct showing *w, const char *target,
    struct err *e)
{
	char source[SOURCE_SIZE];
	struct view *v = image_view(w->image, w->layer, e);
	struct mount *m;

	if (v == NULL)
		return NULL;
	make_source(source, w->image->label);
	m = mount_new(s->server, w->id, v, source, target, e);
	/* What could not be unmounted when it ended: nobody has the id. */
	if (m == NULL && e->code == EEXIST &&
	    agent_unmount(s->agent, w->id, e) == 0)
		m = mount_new(s->server, w->id, v, source, target, e);
	view_unref(v);
	return m;
}

static void
make_showing(
    struct showings *s, struct showing *w, struct image *i, const char *target)
{
	struct err failure = ERR_INIT;
	struct mount *m;

	w->image = image_ref(i);
	m = mount_image(s, w, target, &failure);
	finish_making(s, w, m, &failure);
}

/* The showing, or what went wrong in making it. */
static struct showing *
made_or_failed(struct showings *s, struct showing *w, struct err *e)
{
	if (w->state == SHOWING_SHOWN)
		return w;
	*e = w->failure;
	showings_put(s, w);
	return NULL;
}

struct showing *
showings_take(struct showings *s, struct image *i, int layer,
    const char *own_id, const char *target, struct err *e)
{
	struct wish q = make_wish(&i->manifest.digest, layer, own_id);
	bool is_mine;
	struct showing *w = join_or_begin(s, &q, &is_mine, e);

	if (w == NULL)
		return NULL;
	if (is_mine)
		make_showing(s, w, i, own_id != NULL ? target : NULL);
	return made_or_failed(s, w, e);
}

/* ---- looking ---- */

static size_t
count(const struct showings *s)
{
	size_t n = 0;

	list_for_each(l, &s->all)
		n++;
	return n;
}

static void
describe(const struct showing *w, struct shown *out)
{
	memcpy(out->id, w->id, sizeof out->id);
	out->image = image_ref(w->image);
	out->layer = w->layer;
	out->users = w->users;
	out->kind = showing_kind(w);
	mount_count(w->mount, &out->reads, &out->errors);
}

struct shown *
showings_list(struct showings *s, size_t *n)
{
	struct shown *rows;

	*n = 0;
	LOCK_SCOPE(&s->lock);
	rows = calloc(count(s) + 1, sizeof *rows);
	if (rows == NULL)
		return NULL;
	list_for_each(l, &s->all) {
		const struct showing *w = list_entry(l, struct showing, link);

		if (w->state == SHOWING_SHOWN)
			describe(w, &rows[(*n)++]);
	}
	return rows;
}

struct showing **
showings_take_all(struct showings *s, size_t *n)
{
	struct showing **all;

	*n = 0;
	LOCK_SCOPE(&s->lock);
	all = calloc(count(s) + 1, sizeof *all);
	if (all == NULL)
		return NULL;
	list_for_each(l, &s->all) {
		struct showing *w = list_entry(l, struct showing, link);

		if (w->state != SHOWING_SHOWN)
			continue;
		w->users++;
		all[(*n)++] = w;
	}
	return all;
}

void
shown_free(struct shown *rows, size_t n)
{
	while (n-- > 0)
		image_unref(rows[n].image);
	free(rows);
}

/* ---- after a restart ---- */

static struct mount *
resume_image(struct showings *s, const struct showing *w, struct unclaimed *u,
    struct err *e)
{
	struct view *v = image_view(w->image, w->layer, e);
	struct mount *m;

	if (v == NULL)
		return NULL;
	m = mount_resume(s->server, w->id, v, &u->held, e);
	view_unref(v);
	if (m != NULL)
		u->held.fd = -1;
	return m;
}

static struct mount *
resume_showing(
    struct showings *s, struct showing *w, const char *label, struct err *e)
{
	struct unclaimed *u = unclaimed_find(&s->unclaimed, w->id);
	struct mount *m;

	if (u == NULL) {
		err_set(e, ENOENT, "its mount did not survive");
		return NULL;
	}
	w->image = catalog_open_known(
	    s->catalog, &w->digest, label, w->layer != IMAGE_MERGED, e);
	if (w->image == NULL)
		return NULL;
	m = resume_image(s, w, u, e);
	if (m != NULL)
		unclaimed_free(u);
	return m;
}

struct showing *
showings_resume(struct showings *s, const struct digest *image, int layer,
    const char *label, const char *own_id, struct err *e)
{
	struct wish q = make_wish(image, layer, own_id);
	struct err failure = ERR_INIT;
	bool is_mine;
	struct showing *w = join_or_begin(s, &q, &is_mine, e);

	if (w == NULL)
		return NULL;
	if (is_mine)
		finish_making(
		    s, w, resume_showing(s, w, label, &failure), &failure);
	return made_or_failed(s, w, e);
}

void
showings_drop_unclaimed(struct showings *s)
{
	list_for_each_safe(l, &s->unclaimed) {
		struct unclaimed *u = list_entry(l, struct unclaimed, link);
		struct err e = ERR_INIT;

		if (agent_unmount(s->agent, unclaimed_id(u), &e) < 0)
			log_warn(
			    "leftover mount %s: %s", unclaimed_id(u), e.msg);
		unclaimed_free(u);
	}
}

/* ---- starting and ending ---- */

void
showings_add_held(struct showings *s, const struct held *h)
{
	unclaimed_add(&s->unclaimed, h);
}

struct showings *
showings_new(struct mount_server *server, struct catalog *c, struct err *e)
{
	struct showings *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "mounts");
		return NULL;
	}
	s->server = server;
	s->catalog = c;
	s->agent = server->agent;
	lock_init(&s->lock, RANK_LEAF);
	cond_init(&s->changed);
	list_init(&s->all);
	list_init(&s->unclaimed);
	return s;
}

void
showings_free(struct showings *s)
{
	if (s == NULL)
		return;
	list_for_each_safe(l, &s->unclaimed)
		unclaimed_free(list_entry(l, struct unclaimed, link));
	list_for_each_safe(k, &s->all) {
		struct showing *w = list_entry(k, struct showing, link);

		list_remove(&w->link);
		if (w->mount != NULL)
			mount_forget(w->mount);
		image_unref(w->image);
		free(w);
	}
	hmap_release(&s->by_id);
	cond_destroy(&s->changed);
	lock_destroy(&s->lock);
	free(s);
}
