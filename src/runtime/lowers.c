#include "runtime/lowers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/chain.h"
#include "runtime/labels.h"
#include "runtime/snapshotter.h"
#include "runtime/stack.h"
#include "mount/showing.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"

struct lowers {
	struct agent *agent;
	struct stack_parts parts;
	const char *run_path;

	struct lock lock;   /* guards what follows */
	struct hmap stacks; /* several of a snapshot after a restart */
	struct list ended;
};

/* ---- snapshots' stacks ---- */

static void
unmap(struct lowers *l, uint64_t number)
{
	struct err e = ERR_INIT;

	if (agent_unmap_lowers(l->agent, number, &e) < 0)
		log_warn("snapshot %ju: %s", (uintmax_t)number, e.msg);
}

static void
free_stack(struct lowers *l, struct stack *s)
{
	if (s->is_mapped)
		unmap(l, s->number);
	stack_free(&l->parts, s);
}

/* With the lock held. */
static struct stack *
find_stack(struct lowers *l, uint64_t number, bool only_whole)
{
	hmap_for_each_match(&l->stacks, hash_u64(number), n) {
		struct stack *s = container_of(n, struct stack, node);

		if (s->number == number && (s->is_whole || !only_whole))
			return s;
	}
	return NULL;
}

static bool
has_whole(struct lowers *l, uint64_t number)
{
	LOCK_SCOPE(&l->lock);
	return find_stack(l, number, true) != NULL;
}

static void
add_stack(struct lowers *l, uint64_t number, struct stack *s)
{
	s->number = number;
	hmap_insert(&l->stacks, &s->node, hash_u64(number));
}

/* False: another thread was faster. */
static bool
try_add_first(struct lowers *l, uint64_t number, struct stack *s)
{
	LOCK_SCOPE(&l->lock);
	if (find_stack(l, number, true) != NULL)
		return false;
	add_stack(l, number, s);
	return true;
}

/* ---- paths ---- */

void
lower_paths_release(struct lower_paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->at[i]);
	free(p->at);
	free(p->from);
	*p = (struct lower_paths){ 0 };
}

static int
make_path(const struct lowers *l, const struct lower_source *from, char **out)
{
	return *from->id != 0 ? asprintf(out, "%s/m/%s", l->run_path, from->id)
			      : asprintf(out, "%s/s/%ju/fs", l->run_path,
				    (uintmax_t)from->number);
}

static int
make_paths(const struct lowers *l, const struct stack *s, const struct chain *c,
    struct lower_paths *out, struct err *e)
{
	out->at = calloc(s->n + 1, sizeof *out->at);
	out->from = calloc(s->n + 1, sizeof *out->from);
	if (out->at == NULL || out->from == NULL)
		return err_set(e, ENOMEM, "lower folders");
	for (size_t i = 0; i < s->n; i++) {
		struct lower_source *from = &out->from[i];

		if (s->showings[i] != NULL)
			snprintf(from->id, sizeof from->id, "%s",
			    showing_id(s->showings[i]));
		from->number = c->links[i].number;
		if (make_path(l, from, &out->at[i]) < 0)
			return err_set(e, ENOMEM, "lower folders");
		out->n++;
	}
	return 0;
}

/* Of what the snapshot has already. */
static int
find_paths(struct lowers *l, uint64_t number, const struct chain *c,
    struct lower_paths *out, struct err *e)
{
	LOCK_SCOPE(&l->lock);
	const struct stack *s = find_stack(l, number, true);

	return s != NULL ? make_paths(l, s, c, out, e)
			 : err_set(e, ENOENT, "the snapshot is gone");
}

int
lowers_take(struct lowers *l, uint64_t number, const struct chain *c,
    struct lower_paths *out, struct err *e)
{
	*out = (struct lower_paths){ 0 };
	if (!has_whole(l, number)) {
		struct stack *s = stack_take(&l->parts, c, e);

		if (s == NULL)
			return -1;
		if (!try_add_first(l, number, s))
			free_stack(l, s);
	}
	return find_paths(l, number, c, out, e);
}

/* ---- other owners ---- */

static int
map_lower(
    struct lowers *l, const struct agent_map *m, char **path, struct err *e)
{
	char *mapped = NULL;

	if (agent_map_lower(l->agent, m, e) < 0)
		return -1;
	if (asprintf(&mapped, "%s/m/i/%ju/%u", l->run_path,
		(uintmax_t)m->number, m->place) < 0)
		return err_set(e, ENOMEM, "lower folders");
	free(*path);
	*path = mapped;
	return 0;
}

static bool
note_mapped(struct lowers *l, uint64_t number)
{
	LOCK_SCOPE(&l->lock);
	struct stack *s = find_stack(l, number, true);

	if (s != NULL)
		s->is_mapped = true;
	return s != NULL;
}

int
lowers_map(struct lowers *l, uint64_t number, const struct label_maps *maps,
    struct lower_paths *paths, struct err *e)
{
	struct agent_map m = {
		.number = number, .uids = maps->uids, .gids = maps->gids
	};

	for (; m.place < paths->n; m.place++) {
		const struct lower_source *from = &paths->from[m.place];

		m.id = *from->id != 0 ? from->id : NULL;
		m.lower = from->number;
		if (map_lower(l, &m, &paths->at[m.place], e) == 0)
			continue;
		if (e->code != EALREADY)
			return -1;
		*e = ERR_INIT;
		break;
	}
	if (m.place == 0 || note_mapped(l, number))
		return 0;
	unmap(l, number);
	return err_set(e, ENOENT, "the snapshot is gone");
}

/* ---- after a restart ---- */

/* What is merged now may not have been, and the other way round: both forms are
 * kept as far as they are held, since one of them is mounted. */
int
lowers_resume(
    struct lowers *l, uint64_t number, const struct chain *c, struct err *e)
{
	for (int merged = stack_may_be_merged(&l->parts, c); merged >= 0;
	     merged--) {
		struct stack *s = stack_resume(&l->parts, c, merged, e);
		LOCK_SCOPE(&l->lock);

		if (s != NULL)
			add_stack(l, number, s);
	}
	return has_whole(l, number) ? 0 : -1;
}

/* ---- ending ---- */

void
lowers_end(struct lowers *l, uint64_t number)
{
	LOCK_SCOPE(&l->lock);
	struct stack *s;

	while ((s = find_stack(l, number, false)) != NULL) {
		hmap_remove(&l->stacks, &s->node);
		list_push_back(&l->ended, &s->link);
	}
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
    const struct snapshotter_parts *p, struct pulls *pulls, struct err *e)
{
	struct lowers *l = calloc(1, sizeof *l);

	if (l == NULL) {
		err_set(e, ENOMEM, "lower folders");
		return NULL;
	}
	l->agent = p->agent;
	l->parts = (struct stack_parts){ p->showings, p->catalog, pulls };
	l->run_path = p->run_path;
	lock_init(&l->lock, RANK_LEAF);
	list_init(&l->ended);
	return l;
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
		stack_forget(container_of(n, struct stack, node));
	}
	while ((k = list_pop_front(&l->ended)) != NULL)
		stack_forget(list_entry(k, struct stack, link));
	hmap_release(&l->stacks);
	lock_destroy(&l->lock);
	free(l);
}
