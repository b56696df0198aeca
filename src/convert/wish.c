#include "convert/wish.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "convert/plan.h"
#include "layer/profile.h"
#include "base/err.h"

void
wish_release(struct wish *w)
{
	free(w->paths);
}

static bool
is_of(
    const struct plan *p, const struct plan_image *m, const struct profile *of)
{
	if (m->n_layers != of->n_layers)
		return false;
	for (size_t i = 0; i < m->n_layers; i++)
		if (!digest_equal(
			&p->layers[m->layers[i]].from.digest, &of->layers[i]))
			return false;
	return true;
}

/* Files as they are read first. */
static int
wish_layer(
    struct wish *w, const struct profile *of, size_t layer, struct err *e)
{
	AUTO_FREE bool *is_seen = calloc(of->n_files + 1, sizeof *is_seen);
	AUTO_HASHER struct hasher *h = hasher_new();

	w->paths = calloc(of->n_files + 1, sizeof *w->paths);
	if (is_seen == NULL || w->paths == NULL)
		return err_set(e, ENOMEM, "the profile's files");
	for (size_t i = 0; i < of->n_entries; i++) {
		uint32_t n = of->entries[i].file;
		const struct profile_file *f = of->files[n];

		if (f->layer != layer || is_seen[n])
			continue;
		is_seen[n] = true;
		w->paths[w->n++] = f->path;
		hasher_update(h, f->path, strlen(f->path) + 1);
	}
	if (w->n > 0)
		hasher_end(h, &w->digest);
	return 0;
}

static int
wish_image(struct plan *p, const struct plan_image *m, const struct profile *of,
    struct err *e)
{
	for (size_t i = 0; i < m->n_layers; i++) {
		struct wish *w = &p->layers[m->layers[i]].wish;

		if (w->paths == NULL && wish_layer(w, of, i, e) < 0)
			return -1;
	}
	return 0;
}

int
wish_all(struct plan *p, const struct profile *of, struct err *e)
{
	bool is_found = false;

	for (size_t i = 0; i < p->n_images; i++) {
		if (!is_of(p, &p->images[i], of))
			continue;
		is_found = true;
		if (wish_image(p, &p->images[i], of, e) < 0)
			return -1;
	}
	return is_found ? 0
			: err_set(e, EINVAL,
			      "the profile is of another image: manifest %s",
			      DIGEST_TEXT(&of->image));
}
