#include "layer/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/image.h"
#include "layer/layer.h"
#include "layer/profile.h"
#include "index/index.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

#include "layerfs/profile.h"

void
places_release(struct places *p)
{
	free(p->at);
	*p = (struct places){ 0 };
}

/* ---- layers of the profile ---- */

enum { NO_LAYER = -1 };

static int
find_layer(const struct manifest *m, const struct profile *p, size_t k)
{
	for (size_t n = 0; n < m->n_layers; n++)
		if (digest_equal(&m->layers[n].digest, &p->layers[k]))
			return n;
	return p->n_layers == m->n_layers ? (int)k : NO_LAYER;
}

/* Which of the image's a layer of the profile is; NO_LAYER: none that is
 * here. */
static void
find_layers(
    const struct image *i, const struct profile *p, int to[LIMIT_LAYERS])
{
	for (size_t k = 0; k < p->n_layers; k++) {
		to[k] = find_layer(&i->manifest, p, k);
		if (to[k] != NO_LAYER && i->layers[to[k]] == NULL)
			to[k] = NO_LAYER;
	}
}

/* ---- files of the profile ---- */

/* Where a file lies; size 0: nowhere. */
struct lying {
	uint64_t data_off, size;
};

/* The folder that the last path was in, since the files are sorted. */
struct walking {
	const struct index *index;
	char folder[LIMIT_PATH_BYTES + 1];
	size_t len;
	uint64_t nid;
};

static uint64_t
walk(const struct index *x, const char *path, size_t len)
{
	uint64_t nid = INDEX_ROOT;

	while (len > 0 && nid != 0) {
		const char *slash = memchr(path, '/', len);
		size_t n = slash == NULL ? len : (size_t)(slash - path);

		nid = index_lookup(x, nid, path, n);
		n += slash != NULL;
		path += n;
		len -= n;
	}
	return nid;
}

static uint64_t
find_folder(struct walking *w, const char *path, size_t len)
{
	if (w->len == len && w->nid != 0 && memcmp(w->folder, path, len) == 0)
		return w->nid;
	w->nid = walk(w->index, path, len);
	w->len = len;
	memcpy(w->folder, path, len);
	return w->nid;
}

static void
find_file(struct walking *w, const char *path, struct lying *out)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	uint64_t dir =
	    slash == NULL ? INDEX_ROOT : find_folder(w, path, slash - path);
	uint64_t nid =
	    dir == 0 ? 0 : index_lookup(w->index, dir, name, strlen(name));

	if (nid == 0 || !index_file(w->index, nid, &out->data_off, &out->size))
		out->size = 0;
}

/* Of those that the profile has in its layer k; `layer` is this node's. */
static int
find_files_of_layer(const struct profile *p, unsigned k,
    const struct layer *layer, struct lying *all, struct err *e)
{
	AUTO_INDEX struct index *x = NULL;
	struct walking w = { .nid = 0 };

	for (size_t n = 0; n < p->n_files; n++) {
		const struct profile_file *f = p->files[n];

		if (f->layer != k)
			continue;
		if (x == NULL) {
			x = layer_open_index(layer, e);
			if (x == NULL)
				return -1;
			w.index = x;
		}
		find_file(&w, f->path, &all[n]);
	}
	return 0;
}

static struct lying *
find_files(const struct image *i, const struct profile *p,
    const int to[LIMIT_LAYERS], struct err *e)
{
	AUTO_FREE struct lying *all = calloc(p->n_files + 1, sizeof *all);

	if (all == NULL) {
		err_set(e, ENOMEM, "profile of %s", i->label);
		return NULL;
	}
	for (size_t k = 0; k < p->n_layers; k++)
		if (to[k] != NO_LAYER &&
		    find_files_of_layer(p, k, i->layers[to[k]], all, e) < 0)
			return NULL;
	return take_ptr(&all);
}

/* ---- entries ---- */

/* False: it is not there. */
static bool
place_entry(const struct map *m, const struct profile_entry *x,
    const struct lying *l, struct place *out)
{
	uint64_t from = x->first_block * (uint64_t)LAYERFS_PROFILE_BLOCK;
	uint64_t to = from + x->n_blocks * (uint64_t)LAYERFS_PROFILE_BLOCK;
	struct object o;
	uint32_t n;

	to = min_u64(to, l->size);
	if (from >= to || !map_find_object(m, l->data_off, &n))
		return false;
	map_object(m, n, &o);
	to = min_u64(to, o.size);
	if (from >= to || o.data_off != l->data_off)
		return false;
	out->data_off = o.data_off + from;
	out->len = to - from;
	map_object_chunks(m, &o, from, to, &out->first_chunk, &out->last_chunk);
	return true;
}

int
places_of_profile(const struct image *i, const struct profile *p,
    struct places *out, struct err *e)
{
	AUTO_FREE struct lying *files = NULL;
	int to[LIMIT_LAYERS];

	*out = (struct places){ 0 };
	find_layers(i, p, to);
	files = find_files(i, p, to, e);
	if (files == NULL)
		return -1;
	out->at = calloc(p->n_entries + 1, sizeof *out->at);
	if (out->at == NULL)
		return err_set(e, ENOMEM, "profile of %s", i->label);
	for (size_t n = 0; n < p->n_entries; n++) {
		const struct profile_entry *x = &p->entries[n];
		int layer = to[p->files[x->file]->layer];
		struct place *at = &out->at[out->n];

		if (layer == NO_LAYER)
			continue;
		at->layer = layer;
		if (place_entry(i->layers[layer]->map, x, &files[x->file], at))
			out->n++;
	}
	return 0;
}

/* ---- ranges ---- */

/* Chunks to look at, whatever a profile names. */
enum { CHUNKS_MAX = 1 << 17 };

static size_t
add_ranges(const struct map *m, const struct place *at,
    struct profile_range *out, size_t room)
{
	size_t n = 0;

	for (uint32_t k = at->first_chunk; k <= at->last_chunk && n < room;
	     k++) {
		struct chunk c;

		map_chunk(m, k, &c);
		if (c.codec != CHUNK_STREAM && c.blob_len > 0)
			out[n++] = (struct profile_range){ c.blob_off,
				c.blob_len, at->layer };
	}
	return n;
}

int
places_set_ranges(const struct image *i, struct profile *p, struct err *e)
{
	AUTO_FREE struct profile_range *all = calloc(CHUNKS_MAX, sizeof *all);
	struct places places = { 0 };
	size_t n = 0;
	int rc;

	if (all == NULL)
		return err_set(e, ENOMEM, "profile of %s", i->label);
	rc = places_of_profile(i, p, &places, e);
	for (size_t k = 0; k < places.n; k++)
		n += add_ranges(i->layers[places.at[k].layer]->map,
		    &places.at[k], all + n, CHUNKS_MAX - n);
	places_release(&places);
	return rc < 0 ? -1 : profile_set_ranges(p, all, n, e);
}
