#include "runtime/lowers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/chain.h"
#include "mount/showing.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/lock.h"

/* What one snapshot has of showings; NULL for a lower folder that is none. */
struct stack {
	struct hnode node; /* by number */
	struct list link;  /* ended */
	uint64_t number;
	struct showing **showings;
	size_t n;
};

struct lowers {
	struct showings *showings;
	struct catalog *catalog;
	const char *run_path;

	struct lock lock; /* guards what follows */
	struct hmap stacks;
	struct list ended;
};

/* ---- which folders a chain has ---- */

/* The links are the image's layers from its last to its first, and all of them
 * are here.  Another image's layer will do where it stands for the same
 * chain. */
static bool
is_image(const struct chain *c, const struct image *i)
{
	struct err no = ERR_INIT;

	if (c->n != i->manifest.n_layers || image_check_whole(i, &no) < 0)
		return false;
	for (size_t k = 0; k < c->n; k++) {
		const struct chain_link *l = &c->links[k];
		int layer = c->n - 1 - k;
		struct digest chain;

		if (!l->is_remote)
			return false;
		if (digest_equal(&l->image, &i->manifest.digest) &&
		    l->layer == layer)
			continue;
		if (image_chain_id(i, layer, &chain, &no) < 0 ||
		    !digest_equal(&chain, &l->chain))
			return false;
	}
	return true;
}

/* Whether one merged index shows it all. */
static bool
is_merged(struct lowers *l, const struct chain *c)
{
	const struct chain_link *top = &c->links[0];
	struct err no = ERR_INIT;
	struct image *i;
	bool is;

	if (c->n == 0 || !top->is_remote)
		return false;
	i = catalog_open_known(l->catalog, &top->image, top->label, true, &no);
	if (i == NULL)
		return false;
	is = is_image(c, i);
	image_unref(i);
	return is;
}

typedef struct showing *show(
    struct lowers *l, const struct chain_link *link, int layer, struct err *e);

static struct showing *
take_showing(
    struct lowers *l, const struct chain_link *link, int layer, struct err *e)
{
	struct image *i =
	    catalog_open_known(l->catalog, &link->image, link->label, true, e);
	struct showing *w;

	if (i == NULL)
		return NULL;
	w = showings_take(l->showings, i, layer, NULL, NULL, e);
	image_unref(i);
	return w;
}

static struct showing *
resume_showing(
    struct lowers *l, const struct chain_link *link, int layer, struct err *e)
{
	return showings_resume(
	    l->showings, &link->image, layer, link->label, NULL, e);
}

/* ---- stacks ---- */

static void
free_stack(struct lowers *l, struct stack *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->showings[i] != NULL)
			showings_put(l->showings, s->showings[i]);
	free(s->showings);
	free(s);
}

static struct stack *
make_stack(struct lowers *l, const struct chain *c, show *fn, struct err *e)
{
	struct stack *s = calloc(1, sizeof *s);
	bool merged = is_merged(l, c);
	size_t n = merged ? 1 : c->n;

	if (s != NULL)
		s->showings = calloc(n + 1, sizeof *s->showings);
	if (s == NULL || s->showings == NULL) {
		free(s);
		err_set(e, ENOMEM, "lower folders");
		return NULL;
	}
	for (s->n = 0; s->n < n; s->n++) {
		const struct chain_link *k = &c->links[s->n];

		if (!k->is_remote)
			continue;
		s->showings[s->n] =
		    fn(l, k, merged ? IMAGE_MERGED : k->layer, e);
		if (s->showings[s->n] == NULL) {
			free_stack(l, s);
			return NULL;
		}
	}
	return s;
}

static struct stack *
find_stack(struct lowers *l, uint64_t number)
{
	hmap_for_each_match(&l->stacks, hash_u64(number), n) {
		struct stack *s = container_of(n, struct stack, node);

		if (s->number == number)
			return s;
	}
	return NULL;
}

/* True: the snapshot had none, and has this one now. */
static bool
add_stack(struct lowers *l, uint64_t number, struct stack *s)
{
	LOCK_SCOPE(&l->lock);
	if (find_stack(l, number) != NULL)
		return false;
	s->number = number;
	hmap_insert(&l->stacks, &s->node, hash_u64(number));
	return true;
}

/* ---- paths ---- */

void
lower_paths_release(struct lower_paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->at[i]);
	free(p->at);
	*p = (struct lower_paths){ 0 };
}

static int
make_paths(const struct lowers *l, const struct stack *s, const struct chain *c,
    struct lower_paths *out, struct err *e)
{
	out->at = calloc(s->n + 1, sizeof *out->at);
	if (out->at == NULL)
		return err_set(e, ENOMEM, "lower folders");
	for (size_t i = 0; i < s->n; i++) {
		int n = s->showings[i] != NULL
			    ? asprintf(&out->at[i], "%s/m/%s", l->run_path,
				  showing_id(s->showings[i]))
			    : asprintf(&out->at[i], "%s/s/%ju/fs", l->run_path,
				  (uintmax_t)c->links[i].number);

		if (n < 0)
			return err_set(e, ENOMEM, "lower folders");
		out->n++;
	}
	return 0;
}

static int
keep_stack(struct lowers *l, uint64_t number, const struct chain *c, show *fn,
    struct lower_paths *out, struct err *e)
{
	struct stack *s = make_stack(l, c, fn, e);
	int rc;

	if (s == NULL)
		return -1;
	rc = out == NULL ? 0 : make_paths(l, s, c, out, e);
	/* Asked before: the same showings, by other users of theirs. */
	if (rc < 0 || !add_stack(l, number, s))
		free_stack(l, s);
	if (rc < 0)
		lower_paths_release(out);
	return rc;
}

int
lowers_take(struct lowers *l, uint64_t number, const struct chain *c,
    struct lower_paths *out, struct err *e)
{
	*out = (struct lower_paths){ 0 };
	return keep_stack(l, number, c, take_showing, out, e);
}

int
lowers_resume(
    struct lowers *l, uint64_t number, const struct chain *c, struct err *e)
{
	return keep_stack(l, number, c, resume_showing, NULL, e);
}

/* ---- ending ---- */

void
lowers_end(struct lowers *l, uint64_t number)
{
	LOCK_SCOPE(&l->lock);
	struct stack *s = find_stack(l, number);

	if (s == NULL)
		return;
	hmap_remove(&l->stacks, &s->node);
	list_push_back(&l->ended, &s->link);
}

static struct stack *
next_ended(struct lowers *l)
{
	LOCK_SCOPE(&l->lock);
	struct list *k = list_pop_front(&l->ended);

	return k == NULL ? NULL : list_entry(k, struct stack, link);
}

void
lowers_reap(struct lowers *l)
{
	struct stack *s;

	while ((s = next_ended(l)) != NULL)
		free_stack(l, s);
}

/* ---- starting and ending ---- */

struct lowers *
lowers_new(
    struct showings *s, struct catalog *c, const char *run_path, struct err *e)
{
	struct lowers *l = calloc(1, sizeof *l);

	if (l == NULL) {
		err_set(e, ENOMEM, "lower folders");
		return NULL;
	}
	l->showings = s;
	l->catalog = c;
	l->run_path = run_path;
	lock_init(&l->lock, RANK_LEAF);
	list_init(&l->ended);
	return l;
}

static void
forget_stack(struct stack *s)
{
	free(s->showings);
	free(s);
}

void
lowers_free(struct lowers *l)
{
	struct hnode *n;
	struct list *k;

	if (l == NULL)
		return;
	while ((n = hmap_any(&l->stacks)) != NULL) {
		hmap_remove(&l->stacks, n);
		forget_stack(container_of(n, struct stack, node));
	}
	while ((k = list_pop_front(&l->ended)) != NULL)
		forget_stack(list_entry(k, struct stack, link));
	hmap_release(&l->stacks);
	lock_destroy(&l->lock);
	free(l);
}
