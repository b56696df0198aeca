#include "mount/fake_view.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "layer/view.h"
#include "fetch/fetch.h"
#include "index/index.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/lock.h"

struct view {
	struct index *index;
	const char *label;
	int data;
	atomic_uint refs;

	struct lock lock; /* guards what is below */
	struct list wants;
	unsigned n_wants;
	uint32_t patience_ms;
	bool has_cold;
};

struct waiting {
	struct list link;
	struct want *want;
};

struct view *
fake_view_new(struct index *take, int data, const char *label)
{
	struct view *v = calloc(1, sizeof *v);

	assert(v != NULL);
	v->index = take;
	v->label = label;
	v->data = data;
	atomic_init(&v->refs, 1);
	lock_init(&v->lock, RANK_FETCH);
	list_init(&v->wants);
	return v;
}

struct view *
view_ref(struct view *v)
{
	atomic_fetch_add(&v->refs, 1);
	return v;
}

void
view_unref(struct view *v)
{
	if (v == NULL || atomic_fetch_sub(&v->refs, 1) != 1)
		return;
	assert(list_is_empty(&v->wants));
	index_close(v->index);
	lock_destroy(&v->lock);
	free(v);
}

const struct index *
view_index(const struct view *v)
{
	return v->index;
}

const char *
view_label(const struct view *v)
{
	return v->label;
}

static bool
is_missing(struct view *v, uint64_t data_off)
{
	LOCK_SCOPE(&v->lock);
	return data_off >= FAKE_COLD && !v->has_cold;
}

int
view_read(struct view *v, void *p, size_t len, uint64_t data_off, struct err *e)
{
	if (is_missing(v, data_off))
		return err_set(e, EAGAIN, "missing");
	return fs_pread(v->data, p, len, data_off, e);
}

uint64_t
view_extent(
    const struct view *v, uint64_t data_off, uint64_t len, uint64_t *start)
{
	uint64_t nid = index_find_position(v->index, data_off), size;

	*start = 0;
	if (nid == 0 || !index_file(v->index, nid, start, &size))
		return 0;
	return min_u64(len, align_up(*start + size, 4096) - data_off);
}

void
view_want(struct view *v, struct want *want)
{
	struct waiting *w = calloc(1, sizeof *w);
	bool is_there;

	assert(w != NULL);
	w->want = want;
	{
		LOCK_SCOPE(&v->lock);
		v->patience_ms = want->patience_ms;
		is_there = v->has_cold;
		if (!is_there) {
			list_push_back(&v->wants, &w->link);
			v->n_wants++;
		}
	}
	if (is_there) {
		free(w);
		want->on_done(want, NULL);
	}
}

/* Those whose time is up. */
static void
take_late(struct view *v, struct list *late)
{
	LOCK_SCOPE(&v->lock);
	list_for_each_safe(l, &v->wants) {
		const struct want *want =
		    list_entry(l, struct waiting, link)->want;

		if (atomic_load(want->limit_ns) > clock_now_ns())
			continue;
		list_remove(l);
		list_push_back(late, l);
		v->n_wants--;
	}
}

static void
tell_all(struct list *told, const struct err *why)
{
	struct list *l;

	while ((l = list_pop_front(told)) != NULL) {
		struct waiting *w = list_entry(l, struct waiting, link);
		struct want *want = w->want;
		free(w);
		want->on_done(want, why);
	}
}

void
view_hurry(struct view *v)
{
	struct list late;
	struct err why;

	list_init(&late);
	take_late(v, &late);
	err_set(&why, ETIMEDOUT, "late");
	tell_all(&late, &why);
}

unsigned
fake_view_waiting(struct view *v)
{
	LOCK_SCOPE(&v->lock);
	return v->n_wants;
}

uint32_t
fake_view_patience_ms(struct view *v)
{
	LOCK_SCOPE(&v->lock);
	return v->patience_ms;
}

/* Tells those who wait now, not those who come back meanwhile. */
static void
tell(struct view *v, const struct err *why, bool has_arrived)
{
	struct list told, *l;

	list_init(&told);
	{
		LOCK_SCOPE(&v->lock);
		v->has_cold |= has_arrived;
		while ((l = list_pop_front(&v->wants)) != NULL)
			list_push_back(&told, l);
		v->n_wants = 0;
	}
	tell_all(&told, why);
}

void
fake_view_deliver(struct view *v)
{
	tell(v, NULL, true);
}

void
fake_view_fail(struct view *v, const struct err *why)
{
	tell(v, why, false);
}

void
fake_view_evict(struct view *v)
{
	tell(v, NULL, false);
}
