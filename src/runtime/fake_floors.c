#include "runtime/fake_floors.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount/showing.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "registry/reference.h"
#include "index/index.h"
#include "store/store.h"
#include "supervisor/agent.h"
#include "base/err.h"

struct fake_floors fake;

void
fake_begin(void)
{
	memset(&fake, 0, sizeof fake);
	fake.n_layers = 3;
}

static struct digest
digest_of_text(const char *what, unsigned n)
{
	char text[40];
	struct digest d;

	snprintf(text, sizeof text, "%s %u", what, n);
	digest_of(&d, text, strlen(text));
	return d;
}

struct digest
fake_manifest(void)
{
	return digest_of_text("manifest", 0);
}

struct digest
fake_layer(unsigned layer)
{
	return digest_of_text("layer", layer);
}

struct digest
fake_chain(unsigned layer)
{
	return digest_of_text("chain", layer);
}

/* ---- layer/ ---- */

static struct image *
open_fake(const char *label)
{
	static struct layer layer;
	struct image *i = calloc(1, sizeof *i);

	assert(i != NULL);
	i->refs = 1;
	i->manifest.digest = fake_manifest();
	i->manifest.n_layers = fake.n_layers;
	i->manifest.layers = calloc(fake.n_layers, sizeof *i->manifest.layers);
	i->layers = calloc(fake.n_layers, sizeof(struct layer *));
	i->reasons = calloc(fake.n_layers, sizeof(char *));
	i->label = strdup(label);
	for (unsigned k = 0; k < fake.n_layers; k++) {
		i->manifest.layers[k].digest = fake_layer(k);
		i->manifest.layers[k].size = 1000 + k;
		i->manifest.layers[k].media_type =
		    "application/vnd.oci.image.layer.v1.tar+zstd";
		if (fake.is_missing[k] || (fake.is_damaged && k == 1))
			i->reasons[k] = strdup("too big to read whole");
		else
			i->layers[k] = &layer;
	}
	fake.images++;
	return i;
}

struct image *
catalog_open_image(
    struct catalog *c, const struct image_request *q, struct err *e)
{
	(void)c;
	assert(q->is_partial && q->is_unnamed);
	fake.openings++;
	while (fake.is_stalled)
		usleep(1000);
	if (!fake.is_away && strcmp(q->reference->name, FAKE_REFERENCE) == 0) {
		fake.is_damaged = false;
		return open_fake(q->reference->name);
	}
	err_set(e, EAGAIN, "%s: no route to host", q->reference->name);
	return NULL;
}

struct image *
catalog_open_known(struct catalog *c, const struct digest *manifest,
    const char *label, bool is_partial, struct err *e)
{
	struct digest known = fake_manifest();

	(void)c;
	assert(is_partial);
	if (digest_equal(manifest, &known))
		return open_fake(label);
	err_set(e, ENOENT, "image %s is not here", label);
	return NULL;
}

int
catalog_find_chain(struct catalog *c, const struct digest *chain_id,
    struct digest *manifest, int *layer, struct err *e)
{
	(void)c;
	for (unsigned k = 0; fake.is_known && k < fake.n_layers; k++) {
		struct digest chain = fake_chain(k);

		if (!digest_equal(&chain, chain_id))
			continue;
		*manifest = fake_manifest();
		*layer = k;
		return 0;
	}
	return err_set(e, ENOENT, "no such chain");
}

int
catalog_hold(struct catalog *c, const struct digest *manifest, const char *who,
    struct err *e)
{
	(void)c, (void)manifest, (void)e;
	assert(strncmp(who, "snapshot/", 9) == 0 ||
	       strncmp(who, "podman/", 7) == 0);
	fake.holds++;
	return 0;
}

int
catalog_release(struct catalog *c, const struct digest *manifest,
    const char *who, struct err *e)
{
	(void)c, (void)manifest, (void)who, (void)e;
	fake.holds--;
	return 0;
}

void
catalog_note_fallback(struct catalog *c, const char *label,
    const struct digest *layer, const char *reason)
{
	(void)c, (void)label, (void)layer;
	fake.fallbacks++;
	snprintf(fake.reason, sizeof fake.reason, "%s", reason);
}

struct image *
image_ref(struct image *i)
{
	i->refs++;
	return i;
}

void
image_unref(struct image *i)
{
	if (i == NULL || --i->refs > 0)
		return;
	for (unsigned k = 0; k < i->manifest.n_layers; k++)
		free(i->reasons[k]);
	free(i->manifest.layers);
	free(i->layers);
	free(i->reasons);
	free(i->label);
	free(i);
	fake.images--;
}

int
image_chain_id(
    const struct image *i, int layer, struct digest *out, struct err *e)
{
	(void)i, (void)e;
	*out = fake_chain(layer);
	return 0;
}

int
image_diff_id(
    const struct image *i, int layer, struct digest *out, struct err *e)
{
	(void)i, (void)e;
	*out = digest_of_text("diff", layer);
	return 0;
}

int
image_check_whole(const struct image *i, struct err *e)
{
	for (unsigned k = 0; k < i->manifest.n_layers; k++)
		if (i->layers[k] == NULL)
			return err_set(e, ENOENT, "%s", i->reasons[k]);
	return 0;
}

bool
image_is_distrusted(const struct image *i, int layer)
{
	(void)i, (void)layer;
	return fake.has_lied;
}

void
image_start(struct image *i)
{
	(void)i;
}

void
image_fill_small(struct image *i, uint64_t max_bytes)
{
	(void)i, (void)max_bytes;
}

struct index *
layer_open_index(const struct layer *l, struct err *e)
{
	(void)l, (void)e;
	return (struct index *)&fake;
}

void
index_close(struct index *x)
{
	(void)x;
}

void
index_totals(const struct index *x, struct index_totals *out)
{
	(void)x;
	*out = (struct index_totals){ .inodes = 7 };
}

bool
index_is_implied(const struct index *x, uint64_t nid)
{
	(void)x, (void)nid;
	return false;
}

bool
index_stat(const struct index *x, uint64_t nid, struct stat *st)
{
	(void)x, (void)nid;
	*st = (struct stat){ .st_uid = 5, .st_gid = 6 };
	return true;
}

uint64_t
store_map_present(struct store *s, const struct map *m)
{
	(void)s, (void)m;
	return 12288;
}

/* ---- mount/: an id says what is shown ---- */

struct showing {
	char id[AGENT_ID_MAX + 1];
};

static struct showing *
show(int layer)
{
	static struct showing all[FAKE_LAYERS_MAX + 1] = { { "9f" }, { "a0" },
		{ "a1" }, { "a2" }, { "a3" } };

	fake.showings++;
	return &all[layer + 1]; /* IMAGE_MERGED is -1 */
}

struct showing *
showings_take(struct showings *s, struct image *i, int layer,
    const char *own_id, const char *target, struct err *e)
{
	(void)s, (void)i, (void)own_id, (void)target, (void)e;
	return show(layer);
}

struct showing *
showings_resume(struct showings *s, const struct digest *image, int layer,
    const char *label, const char *own_id, struct err *e)
{
	(void)s, (void)image, (void)label, (void)own_id;
	if (layer < FAKE_LAYERS_MAX && fake.survived & FAKE_SHOWING(layer))
		return show(layer);
	err_set(e, ENOENT, "its mount did not survive");
	return NULL;
}

void
showings_put(struct showings *s, struct showing *w)
{
	(void)s, (void)w;
	fake.showings--;
}

const char *
showing_id(const struct showing *w)
{
	return w->id;
}

/* Nobody's reference: it lives as long as the test. */
const struct image *
showing_image(const struct showing *w)
{
	static struct image *i;

	(void)w;
	if (i == NULL) {
		i = open_fake(FAKE_REFERENCE);
		fake.images--;
	}
	return i;
}

/* ---- supervisor/ ---- */

_Atomic unsigned *
fake_folder(uint64_t number)
{
	if (fake.first == 0)
		fake.first = number;
	assert(number - fake.first < FAKE_FOLDERS_MAX);
	return &fake.folders[number - fake.first];
}

int
agent_make_snapshot(struct agent *a, uint64_t number,
    const struct agent_snapshot_options *o, struct err *e)
{
	_Atomic unsigned *f = fake_folder(number);

	(void)a;
	if (fake.is_full)
		return err_set(e, ENOSPC, "no room");
	if (*f > 0)
		return err_set(e, EEXIST, "it is there");
	*f = o->with_work ? 2 : 1;
	fake.uid = o->uid;
	fake.gid = o->gid;
	fake.like = o->like;
	return 0;
}

int
agent_remove_snapshot(struct agent *a, uint64_t number, struct err *e)
{
	(void)a, (void)e;
	*fake_folder(number) = 0;
	return 0;
}

int
agent_measure_snapshot(struct agent *a, uint64_t number, uint64_t *bytes,
    uint64_t *inodes, struct err *e)
{
	(void)a, (void)number, (void)e;
	*bytes = ++fake.measured * 4096;
	*inodes = fake.measured;
	return 0;
}

int
agent_map_lower(struct agent *a, const struct agent_map *m, struct err *e)
{
	(void)a;
	if (m->id == NULL && m->lower == fake.theirs)
		return err_set(e, EALREADY, "it has them");
	if (fake.is_old)
		return err_set(e, ENOTSUP, "Linux 6.12 can");
	fake.mapped++;
	fake.map = m->uids;
	return 0;
}

int
agent_unmap_lowers(struct agent *a, uint64_t number, struct err *e)
{
	(void)a, (void)number, (void)e;
	fake.mapped = 0;
	return 0;
}
