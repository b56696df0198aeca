#include "layer/starts.h"

#include <stdlib.h>
#include <string.h>

#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/places.h"
#include "layer/profile.h"
#include "layer/profiles.h"
#include "store/evict.h"
#include "base/err.h"

/* ---- looking ---- */

struct looking {
	struct catalog *catalog;
	struct spans spans;
};

static bool
add_span(struct spans *s, const struct place *p)
{
	if (s->n == s->cap) {
		size_t cap = s->cap == 0 ? 256 : 2 * s->cap;
		struct evict_span *at = reallocarray(s->at, cap, sizeof *at);

		if (at == NULL)
			return false;
		s->at = at;
		s->cap = cap;
	}
	s->at[s->n++] = (struct evict_span){ p->data_off, p->len };
	return true;
}

static void
add_places(struct looking *l, const struct image *i, const struct profile *p)
{
	struct places places = { 0 };
	struct err unknown = ERR_INIT;

	if (places_of_profile(i, p, &places, &unknown) < 0)
		return;
	for (size_t k = 0; k < places.n; k++)
		if (!add_span(&l->spans, &places.at[k]))
			break;
	places_release(&places);
}

/* Without a profile nothing is known, which is no failure. */
static int
add_image(void *ctx, const struct known_image *k)
{
	struct looking *l = ctx;
	struct err unknown = ERR_INIT;
	AUTO_PROFILE struct profile *p = NULL;
	struct image *i;

	if (!known_image_is_used(k))
		return 0;
	p = profiles_load(
	    catalog_parts(l->catalog)->store, &k->manifest, &unknown);
	if (p == NULL)
		return 0;
	i = catalog_open_known(
	    l->catalog, &k->manifest, k->label, true, &unknown);
	if (i != NULL)
		add_places(l, i, p);
	image_unref(i);
	return 0;
}

static void
look(struct task *t)
{
	struct starts *s = container_of(t, struct starts, task);
	struct looking l = { .catalog = s->catalog };
	struct err unknown = ERR_INIT;

	catalog_each_known(s->catalog, add_image, &l, &unknown);
	LOCK_SCOPE(&s->lock);
	free(s->spans.at);
	s->spans = l.spans;
	s->is_refreshing = false;
}

void
starts_refresh(struct starts *s)
{
	bool was_refreshing;

	lock_acquire(&s->lock);
	was_refreshing = s->is_refreshing;
	s->is_refreshing = true;
	lock_release(&s->lock);
	if (was_refreshing)
		return;
	s->task.run = look;
	catalog_submit(s->catalog, &s->task);
}

/* ---- telling ---- */

static int
list_starts(void *ctx, struct evict_span **out, size_t *n)
{
	struct starts *s = ctx;
	LOCK_SCOPE(&s->lock);

	*out = calloc(s->spans.n + 1, sizeof **out);
	if (*out == NULL)
		return -1;
	if (s->spans.n > 0)
		memcpy(*out, s->spans.at, s->spans.n * sizeof **out);
	*n = s->spans.n;
	return 0;
}

void
starts_init(struct starts *s, struct catalog *c)
{
	*s = (struct starts){ .list.list = list_starts, .catalog = c };
	s->list.ctx = s;
	lock_init(&s->lock, RANK_LEAF);
}

void
starts_release(struct starts *s)
{
	free(s->spans.at);
	lock_destroy(&s->lock);
}
