/* From positions of `data` to the files that lie there: each layer's tree is
 * walked once, whatever was read of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/image.h"
#include "layer/layer.h"
#include "layer/places.h"
#include "layer/profile.h"
#include "layer/trail.h"
#include "index/index.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

#include "layerfs/profile.h"

/* What was read of one object at a time. */
struct piece {
	unsigned layer;
	uint32_t first_block, n_blocks;
	uint64_t data_off; /* of the object */
};

/* An object that was read, and the file it was given. */
struct found {
	uint64_t data_off;
	uint32_t file;
	bool has_file;
};

struct finding {
	const struct image *image;
	struct profile *profile;
	struct piece *pieces; /* in the order in which they were read */
	size_t n_pieces, room;

	/* of one layer */
	const struct index *index;
	unsigned layer;
	struct found *found; /* sorted */
	size_t n_found, n_left;
	char path[LIMIT_PATH_BYTES + 1];
	struct err *e;
};

/* ---- positions to objects ---- */

/* The topmost layer's; false: no layer's. */
static bool
find_object(
    const struct image *i, uint64_t data_off, unsigned *layer, struct object *o)
{
	for (size_t k = i->manifest.n_layers; k-- > 0;) {
		uint32_t n;

		if (i->layers[k] == NULL ||
		    !map_find_object(i->layers[k]->map, data_off, &n))
			continue;
		map_object(i->layers[k]->map, n, o);
		*layer = k;
		return true;
	}
	return false;
}

static int
add_piece(struct finding *f, const struct piece *p)
{
	if (f->n_pieces == f->room) {
		size_t room = f->room == 0 ? 256 : 2 * f->room;
		struct piece *grown =
		    reallocarray(f->pieces, room, sizeof *grown);

		if (grown == NULL)
			return err_set(f->e, ENOMEM, "profile");
		f->pieces = grown;
		f->room = room;
	}
	f->pieces[f->n_pieces++] = *p;
	return 0;
}

static int
split_range(struct finding *f, struct trail_range r)
{
	while (r.len > 0) {
		uint64_t part = LAYERFS_PROFILE_BLOCK;
		struct piece p;
		struct object o;

		if (find_object(f->image, r.data_off, &p.layer, &o)) {
			uint64_t end = align_up(
			    o.data_off + o.size, LAYERFS_PROFILE_BLOCK);

			part = min_u64(r.len, end - r.data_off);
			p.data_off = o.data_off;
			p.first_block =
			    (r.data_off - o.data_off) / LAYERFS_PROFILE_BLOCK;
			p.n_blocks = part / LAYERFS_PROFILE_BLOCK;
			if (add_piece(f, &p) < 0)
				return -1;
		}
		r.data_off += part;
		r.len -= part;
	}
	return 0;
}

/* ---- objects to files ---- */

static int
compare_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return (x->data_off > y->data_off) - (x->data_off < y->data_off);
}

/* The objects of f->layer that were read, each once. */
static int
list_objects(struct finding *f)
{
	size_t n = 0;

	f->n_found = 0;
	f->found = calloc(f->n_pieces + 1, sizeof *f->found);
	if (f->found == NULL)
		return err_set(f->e, ENOMEM, "profile");
	for (size_t i = 0; i < f->n_pieces; i++)
		if (f->pieces[i].layer == f->layer)
			f->found[n++].data_off = f->pieces[i].data_off;
	qsort(f->found, n, sizeof *f->found, compare_found);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || f->found[i].data_off != f->found[i - 1].data_off)
			f->found[f->n_found++] = f->found[i];
	f->n_left = f->n_found;
	return 0;
}

static struct found *
find_found(struct finding *f, uint64_t data_off)
{
	struct found key = { .data_off = data_off };

	return bsearch(
	    &key, f->found, f->n_found, sizeof *f->found, compare_found);
}

/* The first path of an object is its name. */
static int
note_file(struct finding *f, uint64_t nid)
{
	uint64_t data_off, size;
	struct found *x;

	if (!index_file(f->index, nid, &data_off, &size) || size == 0)
		return 0;
	x = find_found(f, data_off);
	if (x == NULL || x->has_file)
		return 0;
	if (profile_add_file(f->profile, f->layer, f->path, &x->file, f->e) < 0)
		return -1;
	x->has_file = true;
	f->n_left--;
	return 0;
}

static bool
is_dots(const struct index_entry *x)
{
	return x->name[0] == '.' &&
	       (x->name_len == 1 || (x->name_len == 2 && x->name[1] == '.'));
}

/* `len` of f->path name the folder.  Folders lie at most LIMIT_DEPTH deep. */
static int
walk_folder(struct finding *f, uint64_t dir, size_t len)
{
	struct index_entry x;
	uint64_t cookie = 0;

	while (f->n_left > 0 && index_read_dir(f->index, dir, &cookie, &x)) {
		size_t end = len + x.name_len;
		int rc = 0;

		if (is_dots(&x) || end + 1 > LIMIT_PATH_BYTES)
			continue;
		memcpy(f->path + len, x.name, x.name_len);
		f->path[end] = 0;
		if (S_ISREG(x.type)) {
			rc = note_file(f, x.nid);
		} else if (S_ISDIR(x.type)) {
			f->path[end] = '/';
			rc = walk_folder(f, x.nid, end + 1);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
name_objects(struct finding *f)
{
	AUTO_INDEX struct index *x = NULL;

	if (f->n_found == 0)
		return 0;
	x = layer_open_index(f->image->layers[f->layer], f->e);
	if (x == NULL)
		return -1;
	f->index = x;
	return walk_folder(f, INDEX_ROOT, 0);
}

/* Pieces of this layer are told their file in place of their object. */
static void
tell_pieces(struct finding *f)
{
	for (size_t i = 0; i < f->n_pieces; i++) {
		struct piece *p = &f->pieces[i];
		const struct found *x;

		if (p->layer != f->layer)
			continue;
		x = find_found(f, p->data_off);
		if (x->has_file)
			p->data_off = x->file;
		else
			p->n_blocks = 0;
	}
}

static int
find_files(struct finding *f)
{
	int rc = list_objects(f);

	if (rc == 0)
		rc = name_objects(f);
	/* A full profile is one, too: of what was read first, mostly. */
	if (rc < 0 && f->e->code == E2BIG)
		rc = 0;
	if (rc == 0)
		tell_pieces(f);
	free(take_ptr(&f->found));
	return rc;
}

/* ---- all of it ---- */

static int
add_entries(struct finding *f)
{
	for (size_t i = 0; i < f->n_pieces; i++) {
		const struct piece *p = &f->pieces[i];
		struct profile_entry x = { p->data_off, p->first_block,
			p->n_blocks, 1, 0 };

		if (x.n_blocks > 0 && profile_add(f->profile, &x, f->e) < 0)
			return f->e->code == E2BIG ? 0 : -1;
	}
	return 0;
}

static int
find_all(struct finding *f, const struct trail *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (split_range(f, t->ranges[i]) < 0)
			return -1;
	for (f->layer = 0; f->layer < f->image->manifest.n_layers; f->layer++)
		if (f->image->layers[f->layer] != NULL && find_files(f) < 0)
			return -1;
	return add_entries(f);
}

static struct profile *
new_profile(const struct manifest *m, struct err *e)
{
	struct digest layers[LIMIT_LAYERS];

	for (size_t k = 0; k < m->n_layers; k++)
		layers[k] = m->layers[k].digest;
	return profile_new(&m->digest, layers, m->n_layers, e);
}

struct profile *
places_to_profile(const struct image *i, const struct trail *t, struct err *e)
{
	AUTO_PROFILE struct profile *p = new_profile(&i->manifest, e);
	AUTO_FREE struct finding *f = calloc(1, sizeof *f);
	int rc;

	if (p == NULL || f == NULL) {
		err_set(e, ENOMEM, "profile of %s", i->label);
		return NULL;
	}
	f->image = i;
	f->profile = p;
	f->e = e;
	rc = find_all(f, t);
	free(f->pieces);
	if (rc < 0) {
		err_wrap(e, "profile of %s", i->label);
		return NULL;
	}
	return take_ptr(&p);
}
