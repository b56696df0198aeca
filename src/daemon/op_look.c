/* ls, images, stat, inspect: what is here, for people. */
#include <string.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/image_arguments.h"
#include "daemon/mounts.h"
#include "daemon/ops.h"
#include "mount/mount.h"
#include "layer/cache.h"
#include "layer/catalog.h"
#include "layer/footprint.h"
#include "layer/image.h"
#include "fetch/usage.h"
#include "registry/reference.h"
#include "store/store.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/metrics.h"

struct listing {
	struct daemon *daemon;
	struct doc *list;
	const struct footprint *usage; /* or NULL */
};

static int
list_image(void *ctx, const struct known_image *k)
{
	struct listing *l = ctx;

	doc_append(l->list, describe_image(l->daemon, k, l->usage));
	return 0;
}

int
op_images(struct request *r, struct doc *result, struct err *e)
{
	AUTO_FOOTPRINT struct footprint u = { 0 };
	struct listing l = { r->daemon, doc_new_array(), &u };

	doc_set(result, "images", l.list);
	if (footprint_measure(r->daemon->catalog, NULL, 0, &u, e) < 0)
		return -1;
	return catalog_each_known(r->daemon->catalog, list_image, &l, e);
}

/* Everything but mounts, which `ls` lists by target. */
static int
list_user(void *ctx, const struct known_image *k)
{
	for (size_t n = 0; n < k->n_holders; n++)
		if (strncmp(k->holders[n], "mount/", 6) != 0)
			return list_image(ctx, k);
	return 0;
}

int
op_ls(struct request *r, struct doc *result, struct err *e)
{
	struct listing l = { r->daemon, doc_new_array(), NULL };

	doc_set(result, "mounts", mounts_list(r->daemon->mounts));
	doc_set(result, "users", l.list);
	return catalog_each_known(r->daemon->catalog, list_user, &l, e);
}

static int
stat_image(struct request *r, struct doc *result, struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	struct digest manifest;
	int64_t resolved_s;
	AUTO_DOC struct doc *found = NULL;

	if (arguments_reference(r, &ref, e) < 0 ||
	    catalog_find_image(
		r->daemon->catalog, ref.name, &manifest, &resolved_s, e) < 0)
		return -1;
	found = describe_manifest(r->daemon, &manifest, e);
	if (found == NULL)
		return err_wrap(e, "%s", ref.name);
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

static struct doc *
describe_cache(struct daemon *d)
{
	struct doc *o = doc_new_object();
	struct cache_state s;

	cache_look(d->cache, &s);
	doc_set_int(o, "quota_bytes", s.quota_bytes);
	doc_set_int(o, "high_bytes", s.high_bytes);
	doc_set_int(o, "low_bytes", s.low_bytes);
	doc_set_int(o, "used_bytes", s.used_bytes);
	doc_set_int(o, "min_free_bytes", s.min_free_bytes);
	doc_set_int(o, "free_bytes", s.free_bytes);
	doc_set_bool(o, "over", s.is_over);
	return o;
}

static struct doc *
describe_fetching(struct daemon *d)
{
	struct doc *o = doc_new_object();
	struct fetcher_usage u;
	uint64_t requests = 0;

	fetcher_get_usage(d->fetcher, &u);
	for (int p = 0; p < USAGE_PRIORITIES; p++)
		requests += u.running[p];
	doc_set_int(o, "requests", requests);
	doc_set_int(o, "chunks", u.coming);
	doc_set_int(o, "resting", u.resting);
	doc_set_int(o, "waiting", u.waiting);
	return o;
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
	const char *why;

	if (doc_find(r->arguments, "reference") != NULL) {
		doc_unref(counters);
		doc_unref(kind);
		return stat_image(r, result, e);
	}
	for (int m = 0; m < METRIC_COUNT; m++)
		doc_set_int(counters, metric_name(m), metric_get(m));
	doc_set(result, "counters", counters);
	doc_set_string(
	    kind, "name", mount_server_kind(r->daemon->server, &why));
	doc_set_string(kind, "why", why);
	doc_set(result, "kind", kind);
	doc_set(result, "cache", describe_cache(r->daemon));
	doc_set(result, "fetching", describe_fetching(r->daemon));
	doc_set_int(result, "mounts", mounts_count(r->daemon->mounts));
	return stat_store(r, result, e);
}

/* One that only its holders keep is not given its name for being looked at. */
static struct image *
open_to_inspect(struct request *r, struct err *e)
{
	struct catalog *c = r->daemon->catalog;
	AUTO_REFERENCE struct reference ref = { 0 };
	struct digest manifest;
	int64_t resolved_s;
	struct err unknown = ERR_INIT;

	if (arguments_reference(r, &ref, e) < 0)
		return NULL;
	if (catalog_find_reference(
		c, ref.name, &manifest, &resolved_s, &unknown) < 0 &&
	    catalog_find_image(c, ref.name, &manifest, &resolved_s, &unknown) ==
		0)
		return catalog_open_known(c, &manifest, ref.name, true, e);
	return arguments_open_image(r, false, NULL, e);
}

int
op_inspect(struct request *r, struct doc *result, struct err *e)
{
	struct image *i = open_to_inspect(r, e);
	struct doc *manifest, *config, *profile;

	if (i == NULL)
		return -1;
	manifest = doc_parse_json(i->manifest.raw, i->manifest.raw_len, e);
	config = image_read_config(i, e);
	doc_set_string(result, "image", DIGEST_TEXT(&i->manifest.digest));
	doc_set_string(result, "reference", i->label);
	doc_set(result, "layer_list", describe_layers(r->daemon, i));
	profile = describe_profile_of(r->daemon, &i->manifest.digest);
	if (profile != NULL)
		doc_set(result, "profile", profile);
	if (manifest != NULL)
		doc_set(result, "manifest", manifest);
	if (config != NULL)
		doc_set(result, "config", config);
	image_unref(i);
	return manifest == NULL || config == NULL ? -1 : 0;
}
