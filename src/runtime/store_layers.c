#include "runtime/store_layers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/store_info.h"
#include "runtime/store_path.h"
#include "mount/showing.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "store/db.h"
#include "store/db_use.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"

enum { UNUSED_ROUNDS = 3, HOLDER_BYTES = LIMIT_REFERENCE_BYTES * 2 };

struct store_layer {
	struct list link;
	char *reference;
	struct digest digest;
	enum { LAYER_KNOWN, LAYER_OPENING, LAYER_SHOWN } state;
	int64_t uses;
	bool is_counting; /* somebody changes that */
	unsigned rounds;  /* of store_layers_expire(), unseen */

	/* While it is opening, the opener's; not changed afterwards. */
	bool has_image;
	struct digest manifest;
	int layer;
	struct showing *showing;
	char *info;
	struct digest blob;
	uint64_t blob_size;
};

struct store_layers {
	struct store_layers_parts parts;

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct list all;
};

/* ---- the table, with the lock held ---- */

static struct store_layer *
find_layer(struct store_layers *s, const struct store_path *p)
{
	list_for_each(l, &s->all) {
		struct store_layer *n = list_entry(l, struct store_layer, link);

		if (digest_equal(&n->digest, &p->digest) &&
		    strcmp(n->reference, p->reference) == 0)
			return n;
	}
	return NULL;
}

static struct store_layer *
add_layer(struct store_layers *s, const char *reference,
    const struct digest *digest, struct err *e)
{
	struct store_layer *n = calloc(1, sizeof *n);

	if (n == NULL || (n->reference = strdup(reference)) == NULL) {
		free(n);
		err_set(e, ENOMEM, "layer of %s", reference);
		return NULL;
	}
	n->digest = *digest;
	list_push_back(&s->all, &n->link);
	return n;
}

static void
free_layer(struct store_layer *n)
{
	free(n->reference);
	free(n->info);
	free(n);
}

/* Shown as an index has it that lied; nobody would lose it. */
static bool
is_useless(const struct store_layer *n)
{
	return n->state == LAYER_SHOWN && n->uses == 0 &&
	       image_is_distrusted(showing_image(n->showing), n->layer);
}

static bool
answer(struct store_layer *n, struct store_answer *out)
{
	n->rounds = 0;
	snprintf(out->id, sizeof out->id, "%s", showing_id(n->showing));
	out->blob = n->blob;
	out->blob_size = n->blob_size;
	out->info = strdup(n->info);
	return out->info != NULL;
}

bool
store_layers_find(struct store_layers *s, const struct store_path *p,
    struct store_answer *out)
{
	LOCK_SCOPE(&s->lock);
	struct store_layer *n = find_layer(s, p);

	return n != NULL && n->state == LAYER_SHOWN && !is_useless(n) &&
	       answer(n, out);
}

/* ---- hiding ---- */

static bool
is_expired(const struct store_layer *n)
{
	if (n->is_counting || n->state != LAYER_SHOWN || n->uses > 0)
		return false;
	return is_useless(n) || n->rounds > UNUSED_ROUNDS;
}

static struct store_layer *
withdraw_expired(struct store_layers *s)
{
	LOCK_SCOPE(&s->lock);
	list_for_each(l, &s->all) {
		struct store_layer *n = list_entry(l, struct store_layer, link);

		if (!is_expired(n))
			continue;
		list_remove(&n->link);
		return n;
	}
	return NULL;
}

static void
hide_expired(struct store_layers *s)
{
	struct store_layer *n;

	while ((n = withdraw_expired(s)) != NULL) {
		showings_put(s->parts.showings, n->showing);
		free_layer(n);
	}
}

/* ---- opening ---- */

/* The layer, which this call has to open; or NULL and 0: *out is filled. */
static int
answer_or_begin(struct store_layers *s, const struct store_path *p,
    struct store_layer **mine, struct store_answer *out, struct err *e)
{
	struct store_layer *n;

	*mine = NULL;
	LOCK_SCOPE(&s->lock);
	while ((n = find_layer(s, p)) != NULL && n->state == LAYER_OPENING)
		cond_wait(&s->changed, &s->lock);
	if (n != NULL && n->state == LAYER_SHOWN)
		return answer(n, out) ? 0 : err_set(e, ENOMEM, "layer");
	if (n == NULL)
		n = add_layer(s, p->reference, &p->digest, e);
	if (n == NULL)
		return -1;
	n->state = LAYER_OPENING;
	*mine = n;
	return 0;
}

static int
end_opening(struct store_layers *s, struct store_layer *n, int rc,
    struct store_answer *out)
{
	LOCK_SCOPE(&s->lock);
	n->state = rc == 0 ? LAYER_SHOWN : LAYER_KNOWN;
	cond_broadcast(&s->changed);
	if (rc == 0)
		return answer(n, out) ? 0 : -1;
	if (n->uses == 0) {
		list_remove(&n->link);
		free_layer(n);
	}
	return rc;
}

/* One that is in use is here, unless something damaged it, or it lied. */
static struct image *
open_image(struct store_layers *s, const struct store_layer *n,
    bool asks_nobody, struct err *e)
{
	struct err ignored;
	struct image *i;

	if (n->has_image) {
		i = catalog_open_known(s->parts.catalog, &n->manifest,
		    n->reference, true, &ignored);
		if (i != NULL && image_has_layer(i, n->layer) &&
		    !image_is_distrusted(i, n->layer))
			return i;
		image_unref(i);
	}
	if (asks_nobody) {
		err_set(e, EAGAIN, "a registry has to be asked");
		return NULL;
	}
	return s->parts.open(
	    s->parts.ctx, n->reference, n->has_image ? &n->manifest : NULL, e);
}

static int
describe(struct store_layer *n, const struct image *i, struct err *e)
{
	bool is_toc;

	if (store_info_find(i, &n->digest, &n->layer, &is_toc, e) < 0)
		return -1;
	if (i->layers[n->layer] == NULL)
		return err_set(e, ENOENT, "%s", i->reasons[n->layer]);
	free(n->info);
	n->info = store_info_write(i, n->layer, is_toc, e);
	if (n->info == NULL)
		return -1;
	n->blob = i->manifest.layers[n->layer].digest;
	n->blob_size = i->manifest.layers[n->layer].size;
	n->manifest = i->manifest.digest;
	n->has_image = true;
	return 0;
}

static int
open_layer(struct store_layers *s, struct store_layer *n, bool asks_nobody,
    struct err *e)
{
	struct image *i = open_image(s, n, asks_nobody, e);

	if (i == NULL)
		return -1;
	if (describe(n, i, e) == 0)
		n->showing = showings_take(
		    s->parts.showings, i, n->layer, NULL, NULL, e);
	image_unref(i);
	return n->showing != NULL ? 0 : -1;
}

static bool
shows_lie(struct store_layers *s, const struct store_path *p)
{
	LOCK_SCOPE(&s->lock);
	struct store_layer *n = find_layer(s, p);

	return n != NULL && is_useless(n);
}

int
store_layers_take(struct store_layers *s, const struct store_path *p,
    bool asks_nobody, struct store_answer *out, struct err *e)
{
	struct store_layer *n;
	int rc;

	if (shows_lie(s, p))
		hide_expired(s);
	if (answer_or_begin(s, p, &n, out, e) < 0)
		return -1;
	if (n == NULL)
		return 0;
	rc = open_layer(s, n, asks_nobody, e);
	if (rc < 0 && e->code != EAGAIN)
		catalog_note_fallback(
		    s->parts.catalog, p->reference, &p->digest, e->msg);
	if (end_opening(s, n, rc, out) == 0)
		return 0;
	return rc < 0 ? -1 : err_set(e, ENOMEM, "layer of %s", p->reference);
}

/* ---- counting ---- */

static int
name_holder(char who[HOLDER_BYTES], const struct store_path *p, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(HOLDER_BYTES);

	if (base64_encode(&text, p->reference, strlen(p->reference), e) < 0)
		return -1;
	snprintf(who, HOLDER_BYTES, "podman/%s/%s", buf_str(&text),
	    DIGEST_TEXT(&p->digest));
	return 0;
}

/* A copy of what is in the table, for somebody who may count on it: it is shown
 * or in use.  It stays, and nobody else counts, till end_counting(). */
static bool
begin_counting(
    struct store_layers *s, const struct store_path *p, struct db_use *out)
{
	LOCK_SCOPE(&s->lock);
	struct store_layer *n;

	while ((n = find_layer(s, p)) != NULL && n->is_counting)
		cond_wait(&s->changed, &s->lock);
	if (n == NULL || (n->state != LAYER_SHOWN && n->uses == 0))
		return false;
	n->is_counting = true;
	*out = (struct db_use){ .reference = p->reference,
		.digest = n->digest,
		.manifest = n->manifest,
		.layer = n->layer,
		.uses = n->uses };
	return true;
}

static void
end_counting(struct store_layers *s, const struct store_path *p, int64_t uses)
{
	LOCK_SCOPE(&s->lock);
	struct store_layer *n = find_layer(s, p);

	n->is_counting = false;
	n->uses = uses;
	n->rounds = 0;
	cond_broadcast(&s->changed);
}

/* What is counted in state.db holds its image there. */
static int
add_use(struct store_layers *s, const struct db_use *u, const char *who,
    int64_t *uses, struct err *e)
{
	if (db_add_use(s->parts.db, u, uses, e) < 0)
		return -1;
	return catalog_hold(s->parts.catalog, &u->manifest, who, e);
}

static int
drop_use(struct store_layers *s, const struct db_use *u, const char *who,
    int64_t *uses, struct err *e)
{
	if (db_drop_use(s->parts.db, u->reference, &u->digest, uses, e) < 0)
		return -1;
	return *uses > 0
		   ? 0
		   : catalog_release(s->parts.catalog, &u->manifest, who, e);
}

typedef int change_use(struct store_layers *s, const struct db_use *u,
    const char *who, int64_t *uses, struct err *e);

/* *uses: how many there are now. */
static int
count_in_db(struct store_layers *s, const struct store_path *p,
    change_use *change, const struct db_use *u, int64_t *uses, struct err *e)
{
	char who[HOLDER_BYTES];
	int64_t n;

	if (name_holder(who, p, e) < 0 || db_begin(s->parts.db, e) < 0)
		return -1;
	if (change(s, u, who, &n, e) < 0 || db_commit(s->parts.db, e) < 0) {
		db_rollback(s->parts.db);
		return -1;
	}
	*uses = n;
	return 0;
}

static int
count(struct store_layers *s, const struct store_path *p, change_use *change,
    struct err *e)
{
	struct db_use u;
	int64_t uses;
	int rc;

	if (!begin_counting(s, p, &u))
		return err_set(e, ENOENT, "%s of %s is not known",
		    DIGEST_TEXT(&p->digest), p->reference);
	uses = u.uses;
	rc = count_in_db(s, p, change, &u, &uses, e);
	end_counting(s, p, uses);
	return rc;
}

int
store_layers_use(
    struct store_layers *s, const struct store_path *p, struct err *e)
{
	return count(s, p, add_use, e);
}

int
store_layers_release(
    struct store_layers *s, const struct store_path *p, struct err *e)
{
	return count(s, p, drop_use, e);
}

/* ---- ending ---- */

void
store_layers_expire(struct store_layers *s)
{
	lock_acquire(&s->lock);
	list_for_each(l, &s->all)
		list_entry(l, struct store_layer, link)->rounds++;
	lock_release(&s->lock);
	hide_expired(s);
}

/* ---- from start to end ---- */

/* What did not survive is shown again when somebody looks. */
static void
resume(struct store_layers *s, struct store_layer *n)
{
	struct err e;

	n->showing = showings_resume(
	    s->parts.showings, &n->manifest, n->layer, n->reference, NULL, &e);
	if (n->showing == NULL)
		return;
	if (describe(n, showing_image(n->showing), &e) == 0) {
		n->state = LAYER_SHOWN;
		return;
	}
	showings_put(s->parts.showings, n->showing);
	n->showing = NULL;
}

static int
restore(void *ctx, const struct db_use *u)
{
	struct store_layers *s = ctx;
	struct err e;
	struct store_layer *n = add_layer(s, u->reference, &u->digest, &e);

	if (n == NULL) {
		log_warn("%s", e.msg);
		return 0;
	}
	n->uses = u->uses;
	n->has_image = true;
	n->manifest = u->manifest;
	n->layer = u->layer;
	resume(s, n);
	return 0;
}

struct store_layers *
store_layers_new(const struct store_layers_parts *p, struct err *e)
{
	struct store_layers *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "layer store");
		return NULL;
	}
	s->parts = *p;
	lock_init(&s->lock, RANK_DAEMON);
	cond_init(&s->changed);
	list_init(&s->all);
	if (db_each_use(p->db, restore, s, e) == 0)
		return s;
	store_layers_free(s);
	return NULL;
}

void
store_layers_free(struct store_layers *s)
{
	if (s == NULL)
		return;
	list_for_each_safe(l, &s->all)
		free_layer(list_entry(l, struct store_layer, link));
	cond_destroy(&s->changed);
	lock_destroy(&s->lock);
	free(s);
}
