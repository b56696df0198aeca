/* What the catalog promises of names, holders, limits and chains, on images in
 * a layout folder: one layer as skopeo wrote it, with its table of contents,
 * and one plain tar. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "layer/catalog.h"
#include "layer/evict.h"
#include "layer/footprint.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "layer/prune.h"
#include "layer/view.h"
#include "fetch/fetch.h"
#include "format/testing.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "store/db.h"
#include "store/db_keep.h"
#include "store/store.h"
#include "store/testing.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/limits.h"
#include "base/pool.h"

struct fixture {
	int root, layout;
	struct doc *entries; /* of index.json */
	struct sample lazy;
	struct buf tar;
	struct digest tar_digest;
	struct catalog_parts parts;
	struct catalog *catalog;
	struct err e;
};

/* ---- images in a layout folder ---- */

static void
add_blob(struct fixture *f, const void *p, size_t n, struct digest *d)
{
	char path[120];

	digest_of(d, p, n);
	snprintf(path, sizeof path, "blobs/sha256/%s", DIGEST_HEX(d));
	assert_int_equal(
	    fs_replace_file(f->layout, path, p, n, 0600, &f->e), 0);
}

static struct doc *
describe_blob(const char *type, const struct digest *d, uint64_t size)
{
	struct doc *o = doc_new_object();

	doc_set_string(o, "mediaType", type);
	doc_set_string(o, "digest", DIGEST_TEXT(d));
	doc_set_int(o, "size", size);
	return o;
}

static struct doc *
add_document(struct fixture *f, struct doc *take, const char *type)
{
	AUTO_FREE char *text = doc_to_json(take, false);
	struct digest d;

	add_blob(f, text, strlen(text), &d);
	doc_unref(take);
	return describe_blob(type, &d, strlen(text));
}

static struct doc *
describe_config(struct fixture *f, size_t n_layers, const char *author)
{
	struct doc *config = doc_new_object(), *rootfs = doc_new_object();
	struct doc *ids = doc_new_array();
	struct digest lazy = digest_number(7);

	/* The diff_id of a lazy layer is believed, that of a tar checked. */
	doc_append(ids, doc_new_string(DIGEST_TEXT(&lazy)));
	if (n_layers > 1)
		doc_append(ids, doc_new_string(DIGEST_TEXT(&f->tar_digest)));
	doc_set_string(rootfs, "type", "layers");
	doc_set(rootfs, "diff_ids", ids);
	doc_set(config, "rootfs", rootfs);
	doc_set_string(config, "os", "linux");
	doc_set_string(config, "architecture", "amd64");
	doc_set_string(config, "author", author);
	return add_document(
	    f, config, "application/vnd.oci.image.config.v1+json");
}

static void
write_index(struct fixture *f)
{
	AUTO_DOC struct doc *index = doc_new_object();
	AUTO_FREE char *text = NULL;

	doc_set_int(index, "schemaVersion", 2);
	doc_set(index, "manifests", doc_ref(f->entries));
	text = doc_to_json(index, false);
	assert_int_equal(fs_replace_file(f->layout, "index.json", text,
			     strlen(text), 0600, &f->e),
	    0);
}

/* One layer: the lazy one; two: the tar on top. */
static struct digest
add_image(struct fixture *f, const char *tag, size_t n_layers)
{
	struct doc *m = doc_new_object(), *layers = doc_new_array();
	struct doc *notes = doc_new_object(), *entry;
	struct digest d;

	doc_append(layers, descriptor_to_doc(&f->lazy.layer));
	if (n_layers > 1)
		doc_append(layers,
		    describe_blob("application/vnd.oci.image.layer.v1.tar",
			&f->tar_digest, f->tar.len));
	doc_set_int(m, "schemaVersion", 2);
	doc_set_string(
	    m, "mediaType", "application/vnd.oci.image.manifest.v1+json");
	doc_set(m, "config", describe_config(f, n_layers, tag));
	doc_set(m, "layers", layers);
	entry =
	    add_document(f, m, "application/vnd.oci.image.manifest.v1+json");
	assert_int_equal(
	    digest_parse(&d, doc_string(doc_find(entry, "digest")), &f->e), 0);
	doc_set_string(notes, "org.opencontainers.image.ref.name", tag);
	doc_set(entry, "annotations", notes);
	doc_append(f->entries, entry);
	write_index(f);
	return d;
}

/* ---- a node ---- */

static void
start(struct fixture *f)
{
	struct registry_options r = { 0 };
	struct fetcher_options o = { 0 };
	struct catalog_parts *p = &f->parts;
	struct err e = ERR_INIT;

	p->store = store_open(f->root, &e);
	assert_non_null(p->store);
	p->db = db_open(f->root, &e);
	assert_non_null(p->db);
	p->fetcher = fetcher_new(p->store, &o, &e);
	assert_non_null(p->fetcher);
	p->registry = registry_new(&r, &e);
	assert_non_null(p->registry);
	p->makers = pool_new("maker", 4, &e);
	assert_non_null(p->makers);
	f->catalog = catalog_new(p, &e);
	assert_non_null(f->catalog);
	catalog_collect(f->catalog);
}

static void
stop(struct fixture *f)
{
	struct catalog_parts *p = &f->parts;

	fetcher_cancel(p->fetcher);
	pool_free(p->makers);
	catalog_free(f->catalog);
	fetcher_free(p->fetcher);
	registry_free(p->registry);
	db_close(p->db);
	store_close(p->store);
}

static int
make_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct digest lazy;
	static const char version[] = "{\"imageLayoutVersion\": \"1.0.0\"}";

	if (make_root(state) < 0)
		return -1;
	f->root = *(int *)*state;
	f->e = ERR_INIT;
	f->entries = doc_new_array();
	fs_make_dirs(f->root, "layout/blobs/sha256", 0700, &f->e);
	f->layout = fs_open_dir(f->root, "layout", &f->e);
	fs_replace_file(
	    f->layout, "oci-layout", version, strlen(version), 0600, &f->e);
	sample_load(&f->lazy, "podman");
	add_blob(f, f->lazy.blob.data, f->lazy.blob.len, &lazy);
	buf_init(&f->tar, MIB(1));
	tar_add(&f->tar, '0', "srv/hello", NULL, "hello\n", 6);
	tar_finish(&f->tar);
	add_blob(f, f->tar.data, f->tar.len, &f->tar_digest);
	start(f);
	*state = f;
	return 0;
}

static int
remove_fixture(void **state)
{
	struct fixture *f = *state;
	int root = f->root;

	stop(f);
	close(f->layout);
	doc_unref(f->entries);
	sample_release(&f->lazy);
	buf_release(&f->tar);
	free(f);
	*state = &root;
	return remove_root(state);
}

/* ---- opening ---- */

/* The request's reference is layout:TAG. */
static struct image *
try_open(struct fixture *f, const char *tag, struct image_request q)
{
	AUTO_REFERENCE struct reference r = { 0 };
	char text[120];

	snprintf(text, sizeof text, "oci:%s/layout:%s", test_path, tag);
	assert_int_equal(reference_parse(&r, text, &f->e), 0);
	q.reference = &r;
	q.layout = f->layout;
	f->e = ERR_INIT;
	return catalog_open_image(f->catalog, &q, &f->e);
}

static struct image *
open_image(struct fixture *f, const char *tag, struct image_request q)
{
	struct image *i = try_open(f, tag, q);

	if (i == NULL)
		fail_msg("%s: %s", tag, f->e.msg);
	return i;
}

#define NAMED ((struct image_request){ .layout = -1 })
#define UNNAMED ((struct image_request){ .is_unnamed = true })
#define SMALL ((struct image_request){ .whole_max_bytes = 10 })

/* How many bytes that freed. */
static uint64_t
forget(struct fixture *f, const char *tag, bool is_last)
{
	struct digest image;
	uint64_t freed;
	bool removed;
	char name[120];
	struct err e;

	snprintf(name, sizeof name, "oci:%s/layout:%s", test_path, tag);
	OK(catalog_forget(f->catalog, name, &image, &removed, &freed, &e));
	assert_int_equal(removed, is_last);
	return freed;
}

struct seen {
	unsigned images, names, holders;
};

static int
count(void *ctx, const struct known_image *k)
{
	struct seen *s = ctx;

	s->images++;
	s->names += k->n_names;
	s->holders += k->n_holders;
	return 0;
}

static void
assert_known(
    struct fixture *f, unsigned images, unsigned names, unsigned holders)
{
	struct seen s = { 0 };
	struct err e;

	OK(catalog_each_known(f->catalog, count, &s, &e));
	assert_int_equal(s.images, images);
	assert_int_equal(s.names, names);
	assert_int_equal(s.holders, holders);
}

static void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){ 0, ms * 1000000 }, NULL);
}

/* What is removed in the background goes within ten seconds. */
static void
wait_until_empty(struct fixture *f)
{
	struct seen s;
	struct err e;

	for (int i = 0; i < 1000; i++) {
		s = (struct seen){ 0 };
		OK(catalog_each_known(f->catalog, count, &s, &e));
		if (s.images == 0 && catalog_count_layers(f->catalog) == 0)
			return;
		pause_ms(10);
	}
	fail_msg("%u images are still there", s.images);
}

/* ---- names and holders ---- */

static void
an_image_stays_as_long_as_somebody_holds_it(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image *i = open_image(f, "a", UNNAMED);
	struct err e;

	OK(catalog_hold(f->catalog, &d, "snapshot/1", &e));
	OK(catalog_hold(f->catalog, &d, "podman/1", &e));
	image_unref(i);
	assert_known(f, 1, 0, 2);
	stop(f);
	start(f);
	OK(catalog_release(f->catalog, &d, "snapshot/1", &e));
	OK(catalog_release(f->catalog, &d, "snapshot/1", &e));
	pause_ms(50);
	assert_known(f, 1, 0, 1);
	OK(catalog_release(f->catalog, &d, "podman/1", &e));
	wait_until_empty(f);
	assert_fails(catalog_hold(f->catalog, &d, "snapshot/1", &e), e, ENOENT);
	assert_null_with(
	    catalog_open_known(f->catalog, &d, "a", true, &e), e, ENOENT);
}

static void
an_image_that_is_open_is_removed_when_it_is_closed(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image *i = open_image(f, "a", UNNAMED);
	struct view *v;
	struct err e;

	v = image_view(i, IMAGE_MERGED, &e);
	assert_non_null(v);
	OK(catalog_hold(f->catalog, &d, "snapshot/1", &e));
	OK(catalog_release(f->catalog, &d, "snapshot/1", &e));
	pause_ms(50);
	assert_known(f, 1, 0, 0);
	image_unref(i);
	pause_ms(50);
	/* The view keeps it. */
	assert_known(f, 1, 0, 0);
	i = catalog_open_known(f->catalog, &d, "a", false, &e);
	assert_non_null(i);
	view_unref(v);
	image_unref(i);
	wait_until_empty(f);
}

static void
an_image_that_nobody_came_to_hold_is_removed(void **state)
{
	struct fixture *f = *state;

	add_image(f, "a", 1);
	image_unref(open_image(f, "a", UNNAMED));
	wait_until_empty(f);
}

static void
a_held_image_outlives_its_name(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 1), found;
	char name[120];
	int64_t when;
	struct err e;

	image_unref(open_image(f, "a", NAMED));
	OK(catalog_hold(f->catalog, &d, "snapshot/1", &e));
	forget(f, "a", false);
	assert_known(f, 1, 0, 1);
	snprintf(name, sizeof name, "oci:%s/layout:a", test_path);
	OK(catalog_find_image(f->catalog, name, &found, &when, &e));
	assert_true(digest_equal(&found, &d));
	assert_fails(
	    catalog_find_reference(f->catalog, name, &found, &when, &e), e,
	    ENOENT);
	OK(catalog_release(f->catalog, &d, "snapshot/1", &e));
	wait_until_empty(f);
}

static void
forgetting_waits_for_no_one_and_leaves_what_others_have(void **state)
{
	struct fixture *f = *state;

	add_image(f, "a", 1);
	add_image(f, "b", 2);
	image_unref(open_image(f, "a", NAMED));
	image_unref(open_image(f, "b", NAMED));
	forget(f, "b", true);
	assert_known(f, 1, 1, 0);
	assert_int_equal(catalog_count_layers(f->catalog), 1);
	forget(f, "a", true);
	assert_int_equal(catalog_count_layers(f->catalog), 0);
}

/* ---- pruning ---- */

struct heard {
	unsigned n;
	struct digest last;
};

static void
hear(void *ctx, const struct known_image *k)
{
	struct heard *h = ctx;

	h->n++;
	h->last = k->manifest;
}

static unsigned
prune(struct fixture *f, int64_t unused_s, bool is_dry, uint64_t *freed)
{
	struct heard h = { 0 };
	struct prune_request q = { unused_s, is_dry, hear, &h };
	struct err e;

	OK(catalog_prune(f->catalog, &q, freed, &e));
	return h.n;
}

/* `a` is two layers, then another image of one of them. */
static struct digest
move_tag(struct fixture *f)
{
	struct digest before = add_image(f, "a", 2);

	image_unref(open_image(f, "a", NAMED));
	doc_unref(f->entries);
	f->entries = doc_new_array();
	add_image(f, "a", 1);
	image_unref(open_image(f, "a", NAMED));
	return before;
}

static void
the_image_that_a_tag_left_keeps_its_place_until_it_is_pruned(void **state)
{
	struct fixture *f = *state;
	struct digest before = move_tag(f);
	uint64_t foreseen, freed;
	struct err e;

	pause_ms(50);
	assert_known(f, 2, 1, 1);
	assert_int_equal(catalog_count_layers(f->catalog), 2);
	/* Too lately used, then used. */
	assert_int_equal(prune(f, 3600, false, &freed), 0);
	OK(catalog_hold(f->catalog, &before, DB_PIN, &e));
	assert_int_equal(prune(f, 0, true, &foreseen), 1);
	OK(catalog_release(f->catalog, &before, DB_PIN, &e));
	pause_ms(50);
	assert_known(f, 2, 1, 1);

	assert_int_equal(prune(f, 0, true, &foreseen), 2);
	assert_true(foreseen > 0);
	assert_int_equal(prune(f, 0, false, &freed), 2);
	assert_int_equal(freed, foreseen);
	wait_until_empty(f);
}

static void
a_tag_that_comes_back_is_not_lost(void **state)
{
	struct fixture *f = *state;

	move_tag(f);
	doc_unref(f->entries);
	f->entries = doc_new_array();
	add_image(f, "a", 2);
	image_unref(open_image(f, "a", NAMED));
	/* Now it is the other one that lost it. */
	assert_known(f, 2, 1, 1);
	forget(f, "a", true);
	assert_known(f, 1, 0, 1);
}

static void
layers_that_no_image_names_are_pruned(void **state)
{
	struct fixture *f = *state;
	uint64_t freed;
	struct err e;

	add_image(f, "a", 2);
	image_unref(open_image(f, "a", NAMED));
	stop(f);
	OK(unlinkat(f->root, "state.db", 0));
	unlinkat(f->root, "state.db-wal", 0);
	start(f);
	assert_int_equal(catalog_count_layers(f->catalog), 2);
	assert_int_equal(prune(f, 0, false, &freed), 0);
	assert_true(freed > 0);
	assert_int_equal(catalog_count_layers(f->catalog), 0);
	image_unref(open_image(f, "a", NAMED));
	assert_known(f, 1, 1, 0);
}

/* ---- eviction ---- */

static uint64_t
evict_all(struct fixture *f)
{
	struct evict_request q = { .need_bytes = GIB(1), .is_full = true };
	uint64_t freed;
	struct err e;

	OK(catalog_evict(f->catalog, &q, &freed, &e));
	return freed;
}

static uint64_t
present(const struct image *i)
{
	struct image_sizes sizes;

	image_sizes(i, &sizes);
	return sizes.present;
}

static void
what_is_evicted_comes_again_and_what_is_pinned_stays(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image *i = open_image(f, "a", NAMED);
	uint64_t whole, bytes;
	struct err e;

	OK(image_fill(i, NULL, NULL, &bytes, &e));
	whole = present(i);
	OK(catalog_hold(f->catalog, &d, DB_PIN, &e));
	assert_int_equal(evict_all(f), 0);
	assert_int_equal(present(i), whole);
	OK(catalog_release(f->catalog, &d, DB_PIN, &e));
	assert_true(evict_all(f) > 0);
	assert_int_equal(present(i), 0);
	OK(image_fill(i, NULL, NULL, &bytes, &e));
	assert_int_equal(present(i), whole);
	image_unref(i);
	assert_true(evict_all(f) > 0);
}

static void
what_could_not_be_had_again_stays(void **state)
{
	struct fixture *f = *state;
	struct image *i;
	uint64_t bytes;
	struct err e;

	add_image(f, "a", 1);
	i = open_image(f, "a", NAMED);
	OK(image_fill(i, NULL, NULL, &bytes, &e));
	assert_true(evict_all(f) > 0);
	/* The source is gone; one miss finds out. */
	OK(fs_remove_tree(f->layout, "blobs", &e));
	assert_int_equal(image_fill(i, NULL, NULL, &bytes, &e), -1);
	assert_int_equal(evict_all(f), 0);
	image_unref(i);
}

static void
what_two_images_have_is_shared(void **state)
{
	struct fixture *f = *state;
	struct digest a = add_image(f, "a", 2), b = add_image(f, "b", 1);
	struct image *i = open_image(f, "a", NAMED);
	struct footprint u;
	uint64_t bytes, freed;
	struct err e;

	OK(image_fill(i, NULL, NULL, &bytes, &e));
	image_unref(i);
	image_unref(open_image(f, "b", NAMED));
	OK(footprint_measure(f->catalog, &b, 1, &u, &e));
	assert_int_equal(u.n, 2);
	assert_int_equal(u.together_bytes, 0);
	assert_int_equal(footprint_find(&u, &b)->own_bytes, 0);
	assert_true(footprint_find(&u, &b)->shared_bytes > 0);
	assert_int_equal(footprint_find(&u, &a)->shared_bytes,
	    footprint_find(&u, &b)->shared_bytes);
	bytes = footprint_find(&u, &a)->own_bytes;
	assert_int_equal(bytes, STORE_BLOCK); /* "hello" */
	footprint_release(&u);
	freed = forget(f, "a", true);
	assert_int_equal(freed, bytes);
}

/* ---- limits, and images that lack layers ---- */

static void
a_layer_over_the_asker_s_limit_is_left_out_and_says_why(void **state)
{
	struct fixture *f = *state;
	struct image_request q = SMALL;
	struct image_sizes sizes;
	struct image *i;
	struct err e;

	add_image(f, "a", 2);
	assert_null(try_open(f, "a", SMALL));
	assert_int_equal(f->e.code, ENOTSUP);
	q.is_partial = true;
	i = open_image(f, "a", q);
	assert_non_null(i->layers[0]);
	assert_null(i->reasons[0]);
	assert_null(i->layers[1]);
	assert_string_equal(i->reasons[1],
	    "the manifest vouches for no table of contents, and 2.0 KiB is "
	    "over whole_layer_bytes");
	view_unref(image_view(i, 0, &e));
	assert_null_with(image_view(i, 1, &e), e, ENOENT);
	assert_null_with(image_view(i, IMAGE_MERGED, &e), e, ENOENT);
	assert_non_null(strstr(e.msg, "layer 1 of "));
	image_sizes(i, &sizes);
	assert_int_equal(sizes.size, i->layers[0]->size);
	image_prefetch(i);
	image_unref(i);
}

static void
a_partial_image_is_filled_and_known_without_what_it_lacks(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image_request q = SMALL;
	struct image_sizes sizes;
	uint64_t bytes;
	struct image *i;
	struct err e;

	q.is_partial = true;
	i = open_image(f, "a", q);
	OK(image_fill(i, NULL, NULL, &bytes, &e));
	image_sizes(i, &sizes);
	assert_int_equal(sizes.present, sizes.size);
	image_unref(i);
	assert_null_with(
	    catalog_open_known(f->catalog, &d, "a", false, &e), e, ENOENT);
	i = catalog_open_known(f->catalog, &d, "a", true, &e);
	assert_non_null(i);
	assert_non_null(i->layers[0]);
	assert_string_equal(i->reasons[1], "it was not opened here");
	image_unref(i);
}

/* The limit is no failure of the layer. */
static void
a_layer_that_others_read_is_used_whatever_the_limit(void **state)
{
	struct fixture *f = *state;
	struct image *i;

	add_image(f, "a", 2);
	assert_null(try_open(f, "a", SMALL));
	image_unref(open_image(f, "a", NAMED));
	i = open_image(f, "a", SMALL);
	assert_non_null(i->layers[1]);
	image_unref(i);
}

static void
small_layers_are_fetched_whole(void **state)
{
	struct fixture *f = *state;
	struct image_sizes sizes;
	struct image *i;

	add_image(f, "a", 1);
	i = open_image(f, "a", NAMED);
	image_fill_small(i, f->lazy.layer.size - 1);
	pause_ms(50);
	image_sizes(i, &sizes);
	assert_int_equal(sizes.present, 0);
	image_fill_small(i, f->lazy.layer.size);
	for (int k = 0; k < 1000 && sizes.present < sizes.size; k++) {
		pause_ms(10);
		image_sizes(i, &sizes);
	}
	assert_int_equal(sizes.present, sizes.size);
	image_unref(i);
}

/* ---- manifests that are known, configs, chains ---- */

static void
a_manifest_that_is_known_needs_no_tag(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 1);
	struct image_request q = { .manifest = &d };
	struct image *i = open_image(f, "nowhere", q);

	assert_true(digest_equal(&i->manifest.digest, &d));
	image_unref(i);
	assert_known(f, 1, 1, 0);
	/* And nobody is asked when it is here. */
	fs_remove_tree(f->layout, "blobs", &f->e);
	i = open_image(f, "elsewhere", q);
	image_unref(i);
	assert_known(f, 1, 2, 0);
}

static void
chains_follow_from_the_config(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2), lazy = digest_number(7);
	struct digest want, got, manifest;
	char text[2 * DIGEST_TEXT_SIZE];
	struct image *i = open_image(f, "a", NAMED);
	int layer;
	struct err e;

	OK(image_diff_id(i, 1, &got, &e));
	assert_true(digest_equal(&got, &f->tar_digest));
	OK(image_chain_id(i, 0, &got, &e));
	assert_true(digest_equal(&got, &lazy));
	snprintf(text, sizeof text, "%s %s", DIGEST_TEXT(&lazy),
	    DIGEST_TEXT(&f->tar_digest));
	digest_of(&want, text, strlen(text));
	OK(image_chain_id(i, 1, &got, &e));
	assert_true(digest_equal(&got, &want));
	image_unref(i);
	OK(catalog_find_chain(f->catalog, &want, &manifest, &layer, &e));
	assert_true(digest_equal(&manifest, &d));
	assert_int_equal(layer, 1);
	forget(f, "a", true);
	assert_fails(
	    catalog_find_chain(f->catalog, &want, &manifest, &layer, &e), e,
	    ENOENT);
}

static void
the_config_is_kept_though_every_layer_was_here(void **state)
{
	struct fixture *f = *state;
	struct digest d, got, lazy = digest_number(7);
	struct doc *config;
	struct image *i;
	int layer;
	struct err e;

	add_image(f, "a", 1);
	d = add_image(f, "b", 1);
	image_unref(open_image(f, "a", NAMED));
	image_unref(open_image(f, "b", NAMED));
	fs_remove_tree(f->layout, "blobs", &f->e);
	i = catalog_open_known(f->catalog, &d, "b", false, &e);
	assert_non_null(i);
	config = image_read_config(i, &e);
	assert_string_equal(doc_string(doc_find(config, "author")), "b");
	doc_unref(config);
	OK(image_chain_id(i, 0, &got, &e));
	image_unref(i);
	/* Two images have it: the chain goes with the last. */
	forget(f, "a", true);
	OK(catalog_find_chain(f->catalog, &lazy, &got, &layer, &e));
	assert_true(digest_equal(&got, &d));
}

static int
note_reason(void *ctx, const struct fallback *k)
{
	strcpy(ctx, k->reason);
	return 0;
}

static void
why_a_layer_was_downloaded_is_kept(void **state)
{
	struct fixture *f = *state;
	struct digest layer = digest_number(1);
	char reason[40] = "";
	struct err e;

	catalog_note_fallback(f->catalog, "a", &layer, "before");
	catalog_note_fallback(f->catalog, "a", &layer, "over the limit");
	OK(catalog_each_fallback(f->catalog, note_reason, reason, &e));
	assert_string_equal(reason, "over the limit");
}

#define ON_NODE(t) \
	cmocka_unit_test_setup_teardown(t, make_fixture, remove_fixture)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NODE(an_image_stays_as_long_as_somebody_holds_it),
		ON_NODE(an_image_that_is_open_is_removed_when_it_is_closed),
		ON_NODE(an_image_that_nobody_came_to_hold_is_removed),
		ON_NODE(a_held_image_outlives_its_name),
		ON_NODE(
		    forgetting_waits_for_no_one_and_leaves_what_others_have),
		ON_NODE(
		    the_image_that_a_tag_left_keeps_its_place_until_it_is_pruned),
		ON_NODE(a_tag_that_comes_back_is_not_lost),
		ON_NODE(layers_that_no_image_names_are_pruned),
		ON_NODE(what_is_evicted_comes_again_and_what_is_pinned_stays),
		ON_NODE(what_could_not_be_had_again_stays),
		ON_NODE(what_two_images_have_is_shared),
		ON_NODE(
		    a_layer_over_the_asker_s_limit_is_left_out_and_says_why),
		ON_NODE(
		    a_partial_image_is_filled_and_known_without_what_it_lacks),
		ON_NODE(a_layer_that_others_read_is_used_whatever_the_limit),
		ON_NODE(small_layers_are_fetched_whole),
		ON_NODE(a_manifest_that_is_known_needs_no_tag),
		ON_NODE(chains_follow_from_the_config),
		ON_NODE(the_config_is_kept_though_every_layer_was_here),
		ON_NODE(why_a_layer_was_downloaded_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
