#include "runtime/stack.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/chain.h"
#include "runtime/labels.h"
#include "runtime/pulls.h"
#include "mount/showing.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "base/err.h"

/* ---- which folders a chain has ---- */

/* The first link below which, itself included, all are remote. */
static size_t
find_remote(const struct chain *c)
{
	size_t at = c->n;

	while (at > 0 && c->links[at - 1].is_remote)
		at--;
	return at;
}

/* The links from `at` on are the image's layers from its last to its first.
 * Another image's layer will do where it stands for the same chain. */
static bool
is_image(const struct chain *c, size_t at, const struct image *i)
{
	size_t n = c->n - at;
	struct err no = ERR_INIT;

	if (n != i->manifest.n_layers)
		return false;
	for (size_t k = 0; k < n; k++) {
		const struct chain_link *l = &c->links[at + k];
		int layer = n - 1 - k;
		struct digest chain;

		if (digest_equal(&l->image, &i->manifest.digest) &&
		    l->layer == layer)
			continue;
		if (image_chain_id(i, layer, &chain, &no) < 0 ||
		    !digest_equal(&chain, &l->chain))
			return false;
	}
	return true;
}

/* Whether one merged index shows all that is remote; it can be had now only
 * where all the layers are here. */
static bool
is_merged(const struct stack_parts *p, const struct chain *c, bool only_whole)
{
	size_t at = find_remote(c);
	const struct chain_link *top = &c->links[at];
	struct err no = ERR_INIT;
	struct image *i;
	bool is;

	if (at == c->n)
		return false;
	i = catalog_open_known(p->catalog, &top->image, top->label, true, &no);
	if (i == NULL)
		return false;
	is = is_image(c, at, i) &&
	     (!only_whole || image_check_whole(i, &no) == 0);
	image_unref(i);
	return is;
}

bool
stack_may_be_merged(const struct stack_parts *p, const struct chain *c)
{
	return is_merged(p, c, false);
}

/* ---- showings ---- */

static bool
has_layer(const struct image *i, int layer)
{
	return layer == IMAGE_MERGED || image_has_layer(i, layer);
}

/* Also where others are shown it already. */
static int
check_layer(const struct image *i, int layer, struct err *e)
{
	if (layer == IMAGE_MERGED)
		return image_check_whole(i, e);
	if (has_layer(i, layer))
		return 0;
	return err_set(e, ENOENT, "layer %d of %s is not here: %s", layer,
	    i->label,
	    (size_t)layer < i->manifest.n_layers ? i->reasons[layer]
						 : "there is none");
}

/* What was damaged on disk, and dropped, is made again, and so is what an index
 * lied about. */
static struct image *
open_image(const struct stack_parts *p, const struct chain_link *link,
    int layer, struct err *e)
{
	struct remote_request again = {
		.reference = link->label,
		.has_manifest = true,
		.manifest = link->image,
		.is_promised = true,
	};
	struct image *i =
	    catalog_open_known(p->catalog, &link->image, link->label, true, e);

	if (*link->label == 0 || (i != NULL && has_layer(i, layer) &&
				     !image_is_distrusted(i, layer)))
		return i;
	image_unref(i);
	return pulls_take(p->pulls, &again, e);
}

static struct showing *
take_showing(const struct stack_parts *p, const struct chain_link *link,
    int layer, struct err *e)
{
	struct image *i = open_image(p, link, layer, e);
	struct showing *w = NULL;

	if (i == NULL)
		return NULL;
	if (check_layer(i, layer, e) == 0)
		w = showings_take(p->showings, i, layer, NULL, NULL, e);
	image_unref(i);
	return w;
}

/* ---- stacks ---- */

static struct stack *
new_stack(const struct chain *c, bool merged, struct err *e)
{
	struct stack *s = calloc(1, sizeof *s);

	if (s != NULL) {
		s->n = merged ? find_remote(c) + 1 : c->n;
		s->is_merged = merged;
		s->showings = calloc(s->n + 1, sizeof *s->showings);
	}
	if (s == NULL || s->showings == NULL) {
		free(s);
		err_set(e, ENOMEM, "lower folders");
		return NULL;
	}
	return s;
}

void
stack_forget(struct stack *s)
{
	free(s->showings);
	free(s);
}

void
stack_free(const struct stack_parts *p, struct stack *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->showings[i] != NULL)
			showings_put(p->showings, s->showings[i]);
	stack_forget(s);
}

static int
layer_of(const struct stack *s, const struct chain_link *k)
{
	return s->is_merged ? IMAGE_MERGED : k->layer;
}

struct stack *
stack_take(const struct stack_parts *p, const struct chain *c, struct err *e)
{
	struct stack *s = new_stack(c, is_merged(p, c, true), e);

	for (size_t i = 0; s != NULL && i < s->n; i++) {
		const struct chain_link *k = &c->links[i];

		if (!k->is_remote)
			continue;
		s->showings[i] = take_showing(p, k, layer_of(s, k), e);
		if (s->showings[i] != NULL)
			continue;
		stack_free(p, s);
		return NULL;
	}
	if (s != NULL)
		s->is_whole = true;
	return s;
}

struct stack *
stack_resume(const struct stack_parts *p, const struct chain *c, bool merged,
    struct err *e)
{
	struct stack *s = new_stack(c, merged, e);
	size_t wanted = 0, resumed = 0;

	for (size_t i = 0; s != NULL && i < s->n; i++) {
		const struct chain_link *k = &c->links[i];

		if (!k->is_remote)
			continue;
		s->showings[i] = showings_resume(
		    p->showings, &k->image, layer_of(s, k), k->label, NULL, e);
		wanted++;
		resumed += s->showings[i] != NULL;
	}
	if (s != NULL)
		s->is_whole = resumed == wanted;
	if (s == NULL || s->is_whole || resumed > 0)
		return s;
	stack_free(p, s);
	return NULL;
}
