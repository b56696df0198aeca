#include "daemon/describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"
#include "layer/catalog.h"
#include "layer/distrust.h"
#include "layer/footprint.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "layer/profile.h"
#include "layer/profiles.h"
#include "fetch/usage.h"
#include "store/map.h"
#include "store/store.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"

#include "layerfs/profile.h"

/* Understood from a table beside the image: which, and whether that is known to
 * lie. */
static void
describe_table(struct doc *o, const struct layer *l)
{
	char why[DISTRUST_WHY_SIZE];

	doc_set_string(o, "table", DIGEST_TEXT(&l->table));
	if (distrust_find(l->store, &l->table, why)) {
		doc_set_string(o, "lie", why);
		doc_set_string(o, "reason", why);
	}
}

void
describe_layer(struct doc *o, const struct daemon *d, const struct layer *l)
{
	doc_set_string(o, "format", l->format);
	doc_set_bool(o, "lazy", l->reason[0] == 0);
	doc_set_string(o, "reason", l->reason);
	if (l->reason[0] != 0)
		doc_set_string(o, "reason_code", REASON_NO_TABLE);
	if (l->has_table)
		describe_table(o, l);
	doc_set_int(o, "size", l->size);
	doc_set_int(o, "present", store_map_present(d->store, l->map));
	doc_set_int(o, "files", l->files);
}

static const char *
state_of(const struct blob_usage *u)
{
	if (u->failing_since_s != 0)
		return "unreachable";
	return u->waiting > 0 ? "waiting" : "ok";
}

void
describe_counted(struct doc *o, const struct blob_usage *u)
{
	doc_set_int(o, "requests", u->requests);
	doc_set_int(o, "fetched", u->bytes);
	doc_set_int(o, "waits", u->waits);
	doc_set_int(o, "waited_ms", u->waited_ns / NS_PER_MS);
	doc_set_int(o, "waiting", u->waiting);
	doc_set_int(o, "oldest_wait_ms", u->oldest_wait_ns / NS_PER_MS);
	doc_set_string(o, "state", state_of(u));
	if (u->waiting > 0)
		doc_set_int(o, "waiting_since",
		    clock_wall_s() - u->oldest_wait_ns / NS_PER_S);
	if (u->failing_since_s != 0)
		doc_set_int(o, "unreachable_since", u->failing_since_s);
	if (u->why[0] == 0 || (u->waiting == 0 && u->failing_since_s == 0))
		return;
	doc_set_string(o, "host", u->host);
	doc_set_string(o, "why", u->why);
}

void
describe_usage(struct doc *o, const struct image *i, int layer)
{
	struct blob_usage u;

	image_usage(i, layer, &u);
	describe_counted(o, &u);
}

/* Layers that are not here have no more than what the manifest says. */
struct doc *
describe_layers(struct daemon *d, const struct image *i)
{
	struct doc *list = doc_new_array();

	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		const struct descriptor *l = &i->manifest.layers[k];
		struct doc *o = doc_new_object();

		doc_set_string(o, "layer", DIGEST_TEXT(&l->digest));
		doc_set_int(o, "blob_size", l->size);
		if (i->layers[k] != NULL)
			describe_layer(o, d, i->layers[k]);
		else
			doc_set_string(o, "missing", i->reasons[k]);
		doc_append(list, o);
	}
	return list;
}

static void
describe_sizes(struct doc *o, const struct image *i)
{
	struct image_sizes sizes;

	image_sizes(i, &sizes);
	doc_set_int(o, "size", sizes.size);
	doc_set_int(o, "present", sizes.present);
}

struct doc *
describe_profile(const struct profile *p)
{
	struct doc *o = doc_new_object();
	uint64_t blocks = 0;

	for (size_t i = 0; i < p->n_entries; i++)
		blocks += p->entries[i].n_blocks;
	doc_set_int(o, "runs", p->runs);
	doc_set_int(o, "recorded", p->recorded_s);
	doc_set_int(o, "files", p->n_files);
	doc_set_int(o, "size", blocks * LAYERFS_PROFILE_BLOCK);
	return o;
}

struct doc *
describe_profile_of(const struct daemon *d, const struct digest *manifest)
{
	struct err none = ERR_INIT;
	AUTO_PROFILE struct profile *p =
	    profiles_load(d->store, manifest, &none);

	return p == NULL ? NULL : describe_profile(p);
}

static struct doc *
list_texts(const char *const *texts, size_t n)
{
	struct doc *list = doc_new_array();

	for (size_t k = 0; k < n; k++)
		doc_append(list, doc_new_string(texts[k]));
	return list;
}

/* "snapshot/12" is one of the kind "snapshot". */
struct doc *
describe_holders(const struct known_image *k)
{
	struct doc *counts = doc_new_object();
	char kind[32];

	for (size_t n = 0; n < k->n_holders; n++) {
		snprintf(kind, sizeof kind, "%.*s",
		    (int)strcspn(k->holders[n], "/"), k->holders[n]);
		doc_set_int(counts, kind, doc_int(doc_find(counts, kind)) + 1);
	}
	return counts;
}

static void
describe_inside(struct doc *o, struct daemon *d, const struct image *i)
{
	struct doc *profile = describe_profile_of(d, &i->manifest.digest);

	if (profile != NULL)
		doc_set(o, "profile", profile);
	doc_set(o, "layer_list", describe_layers(d, i));
}

static struct image *
open_quietly(struct daemon *d, const struct known_image *k, struct err *e)
{
	return catalog_open_known(d->catalog, &k->manifest, k->label, true, e);
}

static void
describe_shares(
    struct doc *o, const struct footprint *u, const struct digest *manifest)
{
	const struct image_footprint *found = footprint_find(u, manifest);

	if (found == NULL)
		return;
	doc_set_int(o, "unique", found->own_bytes);
	doc_set_int(o, "shared", found->shared_bytes);
}

static struct doc *
describe_row(const struct known_image *k)
{
	struct doc *o = doc_new_object();

	doc_set_string(o, "image", DIGEST_TEXT(&k->manifest));
	doc_set_string(o, "label", k->label);
	doc_set(o, "references", list_texts(k->names, k->n_names));
	doc_set(o, "holders", describe_holders(k));
	doc_set_int(o, "last_used", k->last_used_s);
	doc_set_int(o, "resolved", k->resolved_s);
	return o;
}

struct doc *
describe_image(
    struct daemon *d, const struct known_image *k, const struct footprint *u)
{
	struct doc *o = describe_row(k);
	struct err e = ERR_INIT;
	struct image *i = open_quietly(d, k, &e);

	if (i == NULL) {
		doc_set_string(o, "problem", e.msg);
		return o;
	}
	doc_set_int(o, "layers", i->manifest.n_layers);
	describe_sizes(o, i);
	describe_shares(o, u, &k->manifest);
	image_unref(i);
	return o;
}

struct picking {
	const struct digest *manifest;
	struct doc *(*describe)(void *ctx, const struct known_image *k);
	void *ctx;
	struct doc *found;
};

static int
pick(void *ctx, const struct known_image *k)
{
	struct picking *p = ctx;

	if (!digest_equal(&k->manifest, p->manifest))
		return 0;
	p->found = p->describe(p->ctx, k);
	return 1;
}

static struct doc *
describe_one(struct daemon *d, struct picking *p, struct err *e)
{
	if (catalog_each_known(d->catalog, pick, p, e) < 0)
		return NULL;
	if (p->found == NULL)
		err_set(e, ENOENT, "image %s is not here",
		    DIGEST_TEXT(p->manifest));
	return p->found;
}

struct whole {
	struct daemon *daemon;
	struct footprint usage;
};

static struct doc *
with_layers(void *ctx, const struct known_image *k)
{
	struct whole *w = ctx;
	struct doc *o = describe_image(w->daemon, k, &w->usage);
	struct err absent = ERR_INIT;
	struct image *i = open_quietly(w->daemon, k, &absent);

	if (i != NULL)
		describe_inside(o, w->daemon, i);
	image_unref(i);
	return o;
}

struct doc *
describe_manifest(
    struct daemon *d, const struct digest *manifest, struct err *e)
{
	struct whole w = { .daemon = d };
	struct picking p = { manifest, with_layers, &w, NULL };
	struct doc *found;

	if (footprint_measure(d->catalog, NULL, 0, &w.usage, e) < 0)
		return NULL;
	found = describe_one(d, &p, e);
	footprint_release(&w.usage);
	return found;
}

static struct doc *
only_holders(void *ctx, const struct known_image *k)
{
	(void)ctx;
	return describe_holders(k);
}

struct doc *
describe_manifest_holders(
    struct daemon *d, const struct digest *manifest, struct err *e)
{
	struct picking p = { manifest, only_holders, NULL, NULL };

	return describe_one(d, &p, e);
}

uint64_t
describe_missing_bytes(const struct layer *l)
{
	return l->size - store_map_present(l->store, l->map);
}
