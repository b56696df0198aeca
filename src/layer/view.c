#include "layer/view.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "layer/recording.h"
#include "fetch/fetch.h"
#include "index/index.h"
#include "store/map.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"

struct view {
	struct store *store;
	struct index *index;
	char *label;
	struct recording *recording; /* or NULL */
	view_on_read *on_read;       /* or NULL */
	void (*on_free)(void *ctx);
	void *ctx;
	atomic_uint refs;
	size_t n;
	struct part { /* a layer; the bottom one first */
		struct blob *blob;
		const struct map *map;
	} parts[];
};

struct view *
view_new(struct store *s, struct index *take, struct blob *const *blobs,
    const struct map *const *maps, size_t n, const char *label,
    void (*on_free)(void *ctx), void *ctx, struct err *e)
{
	struct view *v = calloc(1, sizeof *v + n * sizeof v->parts[0]);
	char *copy = strdup(label);

	if (v == NULL || copy == NULL) {
		free(v);
		free(copy);
		err_set(e, ENOMEM, "%s", label);
		return NULL;
	}
	v->store = s;
	v->index = take;
	v->label = copy;
	v->on_free = on_free;
	v->ctx = ctx;
	v->n = n;
	atomic_init(&v->refs, 1);
	for (size_t i = 0; i < n; i++)
		v->parts[i] = (struct part){ blob_ref(blobs[i]), maps[i] };
	return v;
}

void
view_record(struct view *v, struct recording *r)
{
	v->recording = r;
}

void
view_watch(struct view *v, view_on_read *fn)
{
	v->on_read = fn;
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
	for (size_t i = 0; i < v->n; i++)
		blob_unref(v->parts[i].blob);
	index_close(v->index);
	if (v->on_free != NULL)
		v->on_free(v->ctx);
	free(v->label);
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

/* The next layer below `from` whose map has the position; v->n: none. */
static size_t
find_part(const struct view *v, size_t from, uint64_t data_off)
{
	uint32_t object;

	while (from-- > 0)
		if (map_find_object(v->parts[from].map, data_off, &object))
			return from;
	return v->n;
}

bool
view_guess(struct view *v, uint64_t data_off)
{
	size_t part = find_part(v, v->n, data_off);

	return part != v->n && blob_guess(v->parts[part].blob, data_off);
}

/* What may be guessed follows what is read. */
static void
note_read(struct view *v, const void *p, size_t len, uint64_t data_off)
{
	size_t part = find_part(v, v->n, data_off);

	if (part == v->n || !blob_may_guess(v->parts[part].blob))
		return;
	blob_note_read(v->parts[part].blob, data_off);
	if (v->on_read != NULL)
		v->on_read(v->ctx, v, data_off, p, len);
}

int
view_peek(struct view *v, void *p, size_t len, uint64_t data_off, struct err *e)
{
	return store_read(v->store, p, len, data_off, e);
}

int
view_read(struct view *v, void *p, size_t len, uint64_t data_off, struct err *e)
{
	if (store_read(v->store, p, len, data_off, e) < 0)
		return -1;
	recording_note(v->recording, data_off, len);
	if (v->recording != NULL && recording_is_on(v->recording))
		note_read(v, p, len, data_off);
	return 0;
}

uint64_t
view_extent(
    const struct view *v, uint64_t data_off, uint64_t len, uint64_t *start)
{
	size_t part = find_part(v, v->n, data_off);
	struct object o;
	uint32_t n;

	*start = 0;
	if (part == v->n || !map_find_object(v->parts[part].map, data_off, &n))
		return 0;
	map_object(v->parts[part].map, n, &o);
	*start = o.data_off;
	return min_u64(
	    len, align_up(o.data_off + o.size, STORE_BLOCK) - data_off);
}

/* A want that more than one layer can serve: asks one after the other. */
struct relay {
	struct want inner;
	struct want *outer;
	struct view *view;
	size_t part;
};

static void relay_ask(struct relay *r);

static void
relay_done(struct want *w, const struct err *failure)
{
	struct relay *r = container_of(w, struct relay, inner);
	struct view *v = r->view;
	size_t next = v->n;

	if (failure != NULL)
		next = find_part(v, r->part, r->outer->data_off);
	if (next != v->n) {
		r->part = next;
		relay_ask(r);
		return;
	}
	r->outer->on_done(r->outer, failure);
	view_unref(v);
	free(r);
}

/* Every layer but the last tries each source once.  The last has all of the want's
 * patience: what those before it took, or the machine that stood still meanwhile, says
 * nothing of it. */
static void
relay_ask(struct relay *r)
{
	bool is_last =
	    find_part(r->view, r->part, r->outer->data_off) == r->view->n;

	r->inner = (struct want){ .data_off = r->outer->data_off,
		.len = r->outer->len,
		.priority = r->outer->priority,
		.patience_ms = is_last ? r->outer->patience_ms : 0,
		.limit_ns = r->outer->limit_ns,
		.on_done = relay_done };
	blob_want(r->view->parts[r->part].blob, &r->inner);
}

static int
relay_start(struct view *v, struct want *w, size_t top)
{
	struct relay *r = calloc(1, sizeof *r);

	if (r == NULL)
		return -1;
	r->outer = w;
	r->view = view_ref(v);
	r->part = top;
	relay_ask(r);
	return 0;
}

void
view_want(struct view *v, struct want *w)
{
	size_t top = find_part(v, v->n, w->data_off);
	struct err e;

	if (w->priority == SOURCE_NOW)
		recording_note(v->recording, w->data_off, w->len);
	if (top == v->n) {
		err_set(&e, EIO, "no layer has the bytes at %llu",
		    (unsigned long long)w->data_off);
		w->on_done(w, &e);
		return;
	}
	if (find_part(v, top, w->data_off) != v->n &&
	    relay_start(v, w, top) == 0)
		return;
	blob_want(v->parts[top].blob, w);
}

void
view_hurry(struct view *v)
{
	for (size_t i = 0; i < v->n; i++)
		blob_hurry(v->parts[i].blob);
}
