/* images, stat, inspect: what is here, for people. */
#include <errno.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/image_arguments.h"
#include "daemon/mounts.h"
#include "daemon/ops.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "registry/reference.h"
#include "store/map.h"
#include "store/store.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/metrics.h"

/* ---- one image ---- */

static void
describe_known_layer(
    struct doc *o, const struct daemon *d, const struct layer *l)
{
	doc_set_string(o, "format", l->format);
	doc_set_bool(o, "lazy", l->reason[0] == 0);
	doc_set_string(o, "reason", l->reason);
	doc_set_int(o, "size", l->size);
	doc_set_int(o, "present", store_map_present(d->store, l->map));
	doc_set_int(o, "files", l->files);
}

/* Layers that are not here have no more than what the manifest says. */
static struct doc *
describe_layers(struct daemon *d, const struct image *i)
{
	struct doc *list = doc_new_array();

	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		const struct descriptor *l = &i->manifest.layers[k];
		struct doc *o = doc_new_object();

		doc_set_string(o, "layer", DIGEST_TEXT(&l->digest));
		doc_set_int(o, "blob_size", l->size);
		if (i->layers[k] != NULL)
			describe_known_layer(o, d, i->layers[k]);
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
	doc_set_int(o, "unique", sizes.unique);
}

static struct doc *
list_texts(const char *const *texts, size_t n)
{
	struct doc *list = doc_new_array();

	for (size_t k = 0; k < n; k++)
		doc_append(list, doc_new_string(texts[k]));
	return list;
}

/* What state.db says, and what the layers say that are here. */
static struct doc *
describe_image(struct daemon *d, const struct known_image *k, bool with_layers)
{
	struct doc *o = doc_new_object();
	struct err e = ERR_INIT;
	struct image *i =
	    catalog_open_known(d->catalog, &k->manifest, k->label, true, &e);

	doc_set_string(o, "image", DIGEST_TEXT(&k->manifest));
	doc_set_string(o, "label", k->label);
	doc_set(o, "references", list_texts(k->names, k->n_names));
	doc_set(o, "holders", list_texts(k->holders, k->n_holders));
	doc_set_int(o, "last_used", k->last_used_s);
	doc_set_int(o, "resolved", k->resolved_s);
	if (i == NULL) {
		doc_set_string(o, "problem", e.msg);
		return o;
	}
	doc_set_int(o, "layers", i->manifest.n_layers);
	describe_sizes(o, i);
	if (with_layers)
		doc_set(o, "layer_list", describe_layers(d, i));
	image_unref(i);
	return o;
}

/* ---- operations ---- */

struct listing {
	struct daemon *daemon;
	struct doc *list;
};

static int
list_image(void *ctx, const struct known_image *k)
{
	struct listing *l = ctx;

	doc_append(l->list, describe_image(l->daemon, k, false));
	return 0;
}

int
op_images(struct request *r, struct doc *result, struct err *e)
{
	struct listing l = { r->daemon, doc_new_array() };

	doc_set(result, "images", l.list);
	return catalog_each_known(r->daemon->catalog, list_image, &l, e);
}

struct picking {
	struct daemon *daemon;
	const struct digest *manifest;
	struct doc *found;
};

static int
pick_image(void *ctx, const struct known_image *k)
{
	struct picking *p = ctx;

	if (!digest_equal(&k->manifest, p->manifest))
		return 0;
	p->found = describe_image(p->daemon, k, true);
	return 1;
}

static int
stat_image(struct request *r, struct doc *result, struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	struct digest manifest;
	int64_t resolved_s;
	struct picking p = { r->daemon, &manifest, NULL };
	AUTO_DOC struct doc *found = NULL;

	if (arguments_reference(r, &ref, e) < 0 ||
	    catalog_find_image(
		r->daemon->catalog, ref.name, &manifest, &resolved_s, e) < 0 ||
	    catalog_each_known(r->daemon->catalog, pick_image, &p, e) < 0)
		return -1;
	found = p.found;
	if (found == NULL)
		return err_set(e, ENOENT, "%s is not here", ref.name);
	doc_for_each(found, key, v)
		doc_set(result, key, doc_ref(v));
	return 0;
}

static int
count_image(void *ctx, const struct known_image *k)
{
	int64_t *n = ctx;

	(void)k;
	++*n;
	return 0;
}

static int
stat_store(struct request *r, struct doc *result, struct err *e)
{
	struct doc *store = doc_new_object();
	struct store_usage u;
	int64_t images = 0;

	doc_set(result, "store", store);
	store_usage(r->daemon->store, &u);
	doc_set_int(store, "data_bytes", u.data_bytes);
	doc_set_int(store, "present_bytes", u.present_bytes);
	doc_set_int(store, "objects", u.objects);
	doc_set_int(store, "free_bytes", u.free_bytes);
	doc_set_int(store, "layers", catalog_count_layers(r->daemon->catalog));
	if (catalog_each_known(r->daemon->catalog, count_image, &images, e) < 0)
		return -1;
	doc_set_int(store, "images", images);
	return 0;
}

int
op_stat(struct request *r, struct doc *result, struct err *e)
{
	struct doc *counters = doc_new_object();
	struct doc *kind = doc_new_object();

	if (doc_find(r->arguments, "reference") != NULL) {
		doc_unref(counters);
		doc_unref(kind);
		return stat_image(r, result, e);
	}
	for (int m = 0; m < METRIC_COUNT; m++)
		doc_set_int(counters, metric_name(m), metric_get(m));
	doc_set(result, "counters", counters);
	doc_set_string(kind, "name", "fuse");
	doc_set_string(kind, "why", "the only way that this version has");
	doc_set(result, "kind", kind);
	doc_set_int(result, "mounts", mounts_count(r->daemon->mounts));
	return stat_store(r, result, e);
}

int
op_inspect(struct request *r, struct doc *result, struct err *e)
{
	struct image *i = arguments_open_image(r, e);
	struct doc *manifest, *config;

	if (i == NULL)
		return -1;
	manifest = doc_parse_json(i->manifest.raw, i->manifest.raw_len, e);
	config = image_read_config(i, e);
	doc_set_string(result, "image", DIGEST_TEXT(&i->manifest.digest));
	doc_set_string(result, "reference", i->label);
	doc_set(result, "layer_list", describe_layers(r->daemon, i));
	if (manifest != NULL)
		doc_set(result, "manifest", manifest);
	if (config != NULL)
		doc_set(result, "config", config);
	image_unref(i);
	return manifest == NULL || config == NULL ? -1 : 0;
}
