/* What the catalog promises of names, holders, limits and chains. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "layer/layer.h"
#include "layer/testing.h"
#include "layer/view.h"

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
	assert_null_with(image_view(i, 1 << 28, &e), e, ENOENT);
	image_sizes(i, &sizes);
	assert_int_equal(sizes.size, i->layers[0]->size);
	image_start(i);
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

/* Lazy layers need none: the registry may have lost it, or descriptors may be
 * short. */
static void
an_image_whose_config_is_not_to_be_had_has_no_chains(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 1), lazy = digest_number(7), got;
	AUTO_DOC struct doc *config = describe_config(f, 1, "a");
	const char *digest = doc_string(doc_find(config, "digest"));
	char path[120];
	struct image *i;
	int layer;
	struct err e;

	snprintf(path, sizeof path, "blobs/sha256/%s", strchr(digest, ':') + 1);
	assert_int_equal(unlinkat(f->layout, path, 0), 0);
	i = open_image(f, "a", NAMED);
	assert_true(digest_equal(&i->manifest.digest, &d));
	assert_fails(image_chain_id(i, 0, &got, &e), e, ENOENT);
	image_unref(i);
	assert_known(f, 1, 1, 0);
	assert_fails(
	    catalog_find_chain(f->catalog, &lazy, &got, &layer, &e), e, ENOENT);
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

/* Also where the process died after it had made the layers, before it had noted
 * where they are from. */
static void
layers_that_are_here_get_the_source_of_whoever_opens_them(void **state)
{
	struct fixture *f = *state;
	struct image *i;

	add_image(f, "a", 2);
	image_unref(open_image(f, "a", NAMED));
	assert_int_equal(symlinkat("layout", f->root, "other"), 0);
	i = try_open_in(f, "other", "a", NAMED);
	assert_non_null(i);
	for (size_t k = 0; k < 2; k++)
		assert_int_equal(blob_n_sources(i->layers[k]->blob), 2);
	image_unref(i);
	i = open_image(f, "a", NAMED);
	assert_int_equal(blob_n_sources(i->layers[0]->blob), 2);
	image_unref(i);
	stop(f);
	start(f);
	i = open_image(f, "a", NAMED);
	assert_int_equal(blob_n_sources(i->layers[1]->blob), 2);
	image_unref(i);
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

/* ---- the heap ---- */

enum { HEAP_UNTOUCHED, HEAP_FIRST_CALL, HEAP_READY };
static _Atomic int heap;
static _Atomic bool was_heap_shared; /* before it was ready */

int __real_malloc_trim(size_t pad);
int __wrap_malloc_trim(size_t pad);

/* The first call takes its time, as on a busy machine. */
int
__wrap_malloc_trim(size_t pad)
{
	int untouched = HEAP_UNTOUCHED, rc;
	bool is_first =
	    atomic_compare_exchange_strong(&heap, &untouched, HEAP_FIRST_CALL);

	if (is_first)
		pause_ms(100);
	else if (atomic_load(&heap) != HEAP_READY)
		atomic_store(&was_heap_shared, true);
	rc = __real_malloc_trim(pad);
	if (is_first)
		atomic_store(&heap, HEAP_READY);
	return rc;
}

/* In this test or one before it. */
static void
makers_that_end_together_find_the_heap_ready(void **state)
{
	struct fixture *f = *state;

	add_image(f, "a", 2);
	image_unref(open_image(f, "a", NAMED));
	assert_int_equal(heap, HEAP_READY);
	assert_false(was_heap_shared);
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
		    a_layer_over_the_asker_s_limit_is_left_out_and_says_why),
		ON_NODE(
		    a_partial_image_is_filled_and_known_without_what_it_lacks),
		ON_NODE(a_layer_that_others_read_is_used_whatever_the_limit),
		ON_NODE(small_layers_are_fetched_whole),
		ON_NODE(a_manifest_that_is_known_needs_no_tag),
		ON_NODE(chains_follow_from_the_config),
		ON_NODE(an_image_whose_config_is_not_to_be_had_has_no_chains),
		ON_NODE(the_config_is_kept_though_every_layer_was_here),
		ON_NODE(
		    layers_that_are_here_get_the_source_of_whoever_opens_them),
		ON_NODE(why_a_layer_was_downloaded_is_kept),
		ON_NODE(makers_that_end_together_find_the_heap_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
