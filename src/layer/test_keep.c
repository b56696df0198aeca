/* What is kept and what goes: names that move, pruning, pins, eviction; and
 * whose bytes are whose. */
#include <errno.h>
#include <string.h>

#include "layer/evict.h"
#include "layer/footprint.h"
#include "layer/prune.h"
#include "layer/testing.h"
#include "store/db_keep.h"

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

/* As an audit uses one: not by way of an image. */
static void
a_layer_that_was_used_when_its_image_went_goes_later(void **state)
{
	struct fixture *f = *state;
	struct layer *l;

	add_image(f, "a", 1);
	image_unref(open_image(f, "a", NAMED));
	l = catalog_find_layer(f->catalog, &f->lazy.layer.digest);
	assert_non_null(l);
	forget(f, "a", true);
	pause_ms(50);
	assert_known(f, 0, 0, 0);
	assert_int_equal(catalog_count_layers(f->catalog), 1);
	catalog_put_layer(f->catalog, l);
	wait_until_empty(f);
}

static bool is_layer_stuck;

int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);

int
__wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (!is_layer_stuck || strncmp(from, "layers/", 7) != 0)
		return __real_renameat(from_dir, from, to_dir, to);
	errno = EIO;
	return -1;
}

static void
a_layer_that_cannot_be_removed_stays_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct store_usage u;
	struct image *i;
	uint64_t bytes;
	char name[120];
	struct err e;

	add_image(f, "a", 2);
	i = open_image(f, "a", NAMED);
	snprintf(name, sizeof name, "%s", i->label);
	OK(image_fill(i, NULL, NULL, &bytes, &e));
	image_unref(i);
	is_layer_stuck = true;
	OK(db_remove_reference(f->parts.db, name, &e));
	assert_int_equal(catalog_sweep(f->catalog, &bytes, &e), -1);
	assert_int_equal(e.code, EIO);
	is_layer_stuck = false;
	assert_known(f, 0, 0, 0);
	assert_int_equal(catalog_count_layers(f->catalog), 2);

	image_unref(open_image(f, "a", NAMED));
	forget(f, "a", true);
	wait_until_empty(f);
	store_usage(f->parts.store, &u);
	assert_int_equal(u.present_bytes, 0);
}

/* ---- eviction ---- */

static uint64_t
evict_all(struct fixture *f)
{
	struct evict_request q = { .need_bytes = GIB(1), .is_full = true };
	uint64_t freed;
	struct err e = ERR_INIT;

	/* Not while something is removed. */
	while (catalog_evict(f->catalog, &q, &freed, &e) < 0) {
		assert_int_equal(e.code, EAGAIN);
		pause_ms(1);
	}
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
	struct store_usage before, after;
	uint64_t bytes;
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
	/* By this thread or the collector's, whoever comes first. */
	store_usage(f->parts.store, &before);
	forget(f, "a", true);
	for (int k = 0; k < 1000 && catalog_count_layers(f->catalog) > 1; k++)
		pause_ms(10);
	catalog_begin_removal(f->catalog);
	catalog_end_removal(f->catalog);
	store_usage(f->parts.store, &after);
	assert_int_equal(before.present_bytes - after.present_bytes, bytes);
}

#define ON_NODE(t) \
	cmocka_unit_test_setup_teardown(t, make_fixture, remove_fixture)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NODE(
		    the_image_that_a_tag_left_keeps_its_place_until_it_is_pruned),
		ON_NODE(a_tag_that_comes_back_is_not_lost),
		ON_NODE(layers_that_no_image_names_are_pruned),
		ON_NODE(a_layer_that_was_used_when_its_image_went_goes_later),
		ON_NODE(a_layer_that_cannot_be_removed_stays_as_it_is),
		ON_NODE(what_is_evicted_comes_again_and_what_is_pinned_stays),
		ON_NODE(what_could_not_be_had_again_stays),
		ON_NODE(what_two_images_have_is_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
