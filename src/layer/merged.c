#include "layer/merged.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/catalog_private.h"
#include "layer/files.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "layer/seal.h"
#include "index/index.h"
#include "index/merge.h"
#include "index/tree.h"
#include "index/writer.h"
#include "store/map.h"
#include "store/room.h"
#include "store/store.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

static struct store *
image_store(const struct image *i)
{
	return catalog_parts(i->catalog)->store;
}

/* ---- making it ---- */

static void
close_indexes(struct index **x, size_t n)
{
	for (size_t k = 0; k < n; k++)
		index_close(x[k]);
	free(x);
}

static struct tree *
merge_layers(const struct image *i, struct err *e)
{
	size_t n = i->manifest.n_layers, opened = 0;
	struct index **x = calloc(n + 1, sizeof *x);
	struct tree *t = NULL;

	if (x == NULL) {
		err_set(e, ENOMEM, "merging %zu layers", n);
		return NULL;
	}
	for (; opened < n; opened++) {
		x[opened] = layer_open_index(i->layers[opened], e);
		if (x[opened] == NULL)
			goto out;
	}
	t = index_merge(x, n, e);
out:
	close_indexes(x, opened);
	return t;
}

/* Of the image and of the places of its files' contents: where a layer was made
 * again they lie elsewhere, and what merged it before would show other bytes.
 */
static void
merged_uuid(const struct image *i, uint8_t out[16])
{
	size_t n = i->manifest.n_layers;
	struct {
		struct digest manifest;
		uint64_t maps[LIMIT_LAYERS];
	} all = { .manifest = i->manifest.digest };
	struct digest d;

	assert(n <= LIMIT_LAYERS);
	for (size_t k = 0; k < n; k++)
		all.maps[k] = map_checksum(i->layers[k]->map);
	digest_of(&d, &all, sizeof all.manifest + n * sizeof *all.maps);
	memcpy(out, d.bytes, 16);
}

static int
build_index(const struct image *i, struct err *e)
{
	AUTO_DRAFT struct draft w = { .dir = -1 };
	AUTO_TREE struct tree *t = merge_layers(i, e);
	AUTO_CLOSE int fd = -1;
	struct index_options o = { 0 };

	if (t == NULL || draft_begin(&w, image_store(i), e) < 0)
		return -1;
	merged_uuid(i, o.uuid);
	for (size_t n = 0; n < i->manifest.n_layers; n++)
		o.data_blocks += i->layers[n]->size / STORE_BLOCK + 1;
	fd = draft_create(&w, "index", e);
	if (fd < 0 || index_write(t, &o, fd, e) < 0 ||
	    seal_index(&w, fd, e) < 0)
		return -1;
	return draft_commit(&w, FILES_IMAGES, &i->manifest.digest, e);
}

static struct index *
open_built(const struct image *i, struct err *e)
{
	const struct digest *d = &i->manifest.digest;
	AUTO_INDEX struct index *x = NULL;
	uint8_t uuid[16];
	bool is_fresh;

	if (files_check_boot(image_store(i), FILES_IMAGES, d, &is_fresh, e) < 0)
		return NULL;
	x = files_open_index(image_store(i), FILES_IMAGES, d, e);
	if (x == NULL)
		return NULL;
	merged_uuid(i, uuid);
	if (memcmp(index_uuid(x), uuid, sizeof uuid) == 0)
		return take_ptr(&x);
	err_set(e, EBADMSG, "%s: its layers were made again since", i->label);
	return NULL;
}

static int
remove_built(const struct image *i, struct err *e)
{
	return files_remove_dir(
	    image_store(i), FILES_IMAGES, &i->manifest.digest, e);
}

static bool
may_make(const struct err *e)
{
	return e->code == ENOENT || e->code == EBADMSG || e->code == ESTALE;
}

/* Alone: what is there is of no use, unless somebody else has just made it. */
static struct index *
make(const struct image *i, struct err *e)
{
	struct index *x = open_built(i, e);

	if (x != NULL || !may_make(e))
		return x;
	if (e->code == EBADMSG)
		log_warn("%s; making it again", e->msg);
	if (e->code != ENOENT && remove_built(i, e) < 0)
		return NULL;
	if (build_index(i, e) < 0 &&
	    (!store_make_room(image_store(i), e) || build_index(i, e) < 0)) {
		err_wrap(e, "merging the layers of %s", i->label);
		return NULL;
	}
	return open_built(i, e);
}

/* ---- one at a time ---- */

struct merging {
	struct list link;
	const struct digest *image;
};

/* Lock held. */
static bool
is_merging(const struct catalog *c, const struct digest *image)
{
	list_for_each(l, &c->merging)
		if (digest_equal(
			list_entry(l, struct merging, link)->image, image))
			return true;
	return false;
}

static void
begin_merging(const struct image *i, struct merging *m)
{
	struct catalog *c = i->catalog;
	LOCK_SCOPE(&c->lock);

	while (is_merging(c, &i->manifest.digest))
		cond_wait(&c->changed, &c->lock);
	m->image = &i->manifest.digest;
	list_push_back(&c->merging, &m->link);
}

static void
end_merging(const struct image *i, struct merging *m)
{
	struct catalog *c = i->catalog;
	LOCK_SCOPE(&c->lock);

	list_remove(&m->link);
	cond_broadcast(&c->changed);
}

struct index *
merged_open(const struct image *i, struct err *e)
{
	struct index *x = open_built(i, e);
	struct merging m;

	if (x != NULL || !may_make(e))
		return x;
	begin_merging(i, &m);
	x = make(i, e);
	end_merging(i, &m);
	return x;
}

int
merged_remove(const struct image *i, struct err *e)
{
	struct merging m;
	int rc;

	begin_merging(i, &m);
	rc = remove_built(i, e);
	end_merging(i, &m);
	return rc;
}
