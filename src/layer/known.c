/* Looking at what the catalog knows, from state.db. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/catalog.h"
#include "store/db.h"
#include "base/cleanup.h"
#include "base/err.h"

int
catalog_find_reference(struct catalog *c, const char *name,
    struct digest *manifest, int64_t *resolved_s, struct err *e)
{
	int64_t ignored;

	if (db_get_reference(catalog_parts(c)->db, name, manifest,
		resolved_s == NULL ? &ignored : resolved_s, e) < 0)
		return e->code == ENOENT
			   ? err_set(e, ENOENT,
				 "%s is not known here: see `layerfs images`",
				 name)
			   : -1;
	return 0;
}

/* A copy of what one query gave, since another may not run inside it. */
struct name {
	char *text;
	struct digest manifest;
	int64_t resolved_s;
};

struct image_row {
	struct digest manifest;
	int64_t last_used_s;
};

struct rows {
	struct name *names;
	size_t n_names;
	struct image_row *images;
	size_t n_images;
};

static void
rows_release(struct rows *r)
{
	for (size_t i = 0; i < r->n_names; i++)
		free(r->names[i].text);
	free(r->names);
	free(r->images);
}

/* Room for one more in an array of n. */
static void *
grow(void *array, size_t n, size_t size)
{
	/* Doubles whenever n is a power of two. */
	if (n > 0 && (n & (n - 1)) != 0)
		return array;
	return realloc(array, (n == 0 ? 1 : 2 * n) * size);
}

static int
add_name(void *ctx, const struct db_reference *ref)
{
	struct rows *r = ctx;
	struct name *names = grow(r->names, r->n_names, sizeof *names);
	char *text = strdup(ref->name);

	if (names != NULL)
		r->names = names;
	if (names == NULL || text == NULL) {
		free(text);
		return -1;
	}
	names[r->n_names++] =
	    (struct name){ text, ref->manifest, ref->resolved_s };
	return 0;
}

static int
add_image(void *ctx, const struct digest *manifest, int64_t last_used_s)
{
	struct rows *r = ctx;
	struct image_row *images = grow(r->images, r->n_images, sizeof *images);

	if (images == NULL)
		return -1;
	r->images = images;
	images[r->n_images++] = (struct image_row){ *manifest, last_used_s };
	return 0;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
find_names(const struct rows *r, struct known_image *k, const char **names)
{
	for (size_t i = 0; i < r->n_names; i++) {
		const struct name *n = &r->names[i];

		if (!digest_equal(&n->manifest, &k->manifest))
			continue;
		names[k->n_names++] = n->text;
		if (n->resolved_s > k->resolved_s)
			k->resolved_s = n->resolved_s;
	}
	if (k->n_names == 0)
		names[k->n_names++] = "";
	qsort(names, k->n_names, sizeof *names, compare_texts);
	k->names = names;
}

int
catalog_each_known(struct catalog *c,
    int (*fn)(void *ctx, const struct known_image *k), void *ctx, struct err *e)
{
	struct db *db = catalog_parts(c)->db;
	CLEANUP(rows_release) struct rows r = { 0 };
	AUTO_FREE const char **names = NULL;

	if (db_each_reference(db, add_name, &r, e) != 0 ||
	    db_each_image(db, add_image, &r, e) != 0)
		return err_wrap(e, "state.db");
	names = calloc(r.n_names + 1, sizeof *names);
	if (names == NULL)
		return err_set(e, ENOMEM, "list of images");
	for (size_t i = 0; i < r.n_images; i++) {
		struct known_image k = { .manifest = r.images[i].manifest,
			.last_used_s = r.images[i].last_used_s };

		find_names(&r, &k, names);
		if (fn(ctx, &k) != 0)
			return 0;
	}
	return 0;
}

unsigned
catalog_count_users(struct catalog *c, const struct digest *layer)
{
	struct err e = ERR_INIT;
	unsigned n = 0;

	if (db_count_layer_images(catalog_parts(c)->db, layer, &n, &e) < 0)
		return 0;
	return n;
}
