/* state.db: images, their layers and chains, who keeps and uses them. */
#include <errno.h>

#include "store/db_use.h"
#include "store/testing_db.h"

static int
count_digest(void *ctx, const struct digest *d)
{
	(void)d;
	++*(int *)ctx;
	return 0;
}

static int
count_layer(void *ctx, const struct db_layer *l)
{
	assert_true(l->blob_size == UINT64_C(1) << 40);
	assert_string_equal(l->format, "tar+gzip");
	assert_string_equal(l->reason, "");
	++*(int *)ctx;
	return 0;
}

static int
note_source(void *ctx, const char *where)
{
	return note_name(ctx, where);
}

static void
layers_that_no_image_names_are_orphans(void **state)
{
	struct db *d = open_db(state);
	struct digest image = digest_number(100), layers[3];
	int n = 0;
	struct err e;

	for (uint32_t i = 0; i < 3; i++) {
		struct db_layer l = { .digest = digest_number(i),
			.blob_size = UINT64_C(1) << 40,
			.format = "tar+gzip",
			.reason = "" };

		layers[i] = l.digest;
		OK(db_set_layer(d, &l, &e));
	}
	/* The same layer twice is legal. */
	layers[2] = layers[0];
	set_image(d, &image, layers, 3, NULL);
	OK(db_each_orphan_layer(d, count_digest, &n, &e));
	assert_int_equal(n, 1);
	set_image(d, &image, layers, 1, NULL);
	n = 0;
	OK(db_each_orphan_layer(d, count_digest, &n, &e));
	assert_int_equal(n, 2);
	n = 0;
	OK(db_each_image(d, count_image, &n, &e));
	assert_int_equal(n, 1);
	OK(db_remove_image(d, &image, &e));
	n = 0;
	OK(db_each_image(d, count_image, &n, &e));
	assert_int_equal(n, 0);
	OK(db_each_orphan_layer(d, count_digest, &n, &e));
	assert_int_equal(n, 3);
	OK(db_touch_layer(d, &layers[0], &e));
	OK(db_remove_layer(d, &layers[0], &e));
	n = 0;
	OK(db_each_layer(d, count_layer, &n, &e));
	assert_int_equal(n, 2);
	db_close(d);
}

static void
sources_keep_their_order_and_go_with_the_layer(void **state)
{
	struct db *d = open_db(state);
	struct digest layer = digest_number(1);
	struct seen s = { 0 };
	struct err e;

	OK(db_add_source(d, &layer, "z/first", &e));
	OK(db_add_source(d, &layer, "oci:/second", &e));
	OK(db_add_source(d, &layer, "z/first", &e));
	OK(db_each_source(d, &layer, note_source, &s, &e));
	assert_string_equal(s.names, "z/first oci:/second ");
	OK(db_remove_layer(d, &layer, &e));
	s = (struct seen){ 0 };
	OK(db_each_source(d, &layer, note_source, &s, &e));
	assert_string_equal(s.names, "");
	db_close(d);
}

static int
count_unwanted(struct db *d)
{
	int n = 0;
	struct err e;

	OK(db_each_unwanted_image(d, count_digest, &n, &e));
	return n;
}

static void
an_image_without_name_and_holder_is_unwanted(void **state)
{
	struct db *d = open_db(state);
	struct digest image = digest_number(1), found;
	struct seen s = { 0 };
	struct err e;

	assert_fails(db_add_holder(d, &image, "mount/1", &e), e, ENOENT);
	set_image(d, &image, NULL, 0, NULL);
	assert_int_equal(
	    db_each_unwanted_image(d, note_unwanted, &found, &e), 42);
	assert_true(digest_equal(&found, &image));
	assert_int_equal(db_is_image_wanted(d, &image, &e), 0);
	set_reference(d, "a", 1);
	assert_int_equal(db_is_image_wanted(d, &image, &e), 1);
	OK(db_add_holder(d, &image, "snapshot/1", &e));
	OK(db_add_holder(d, &image, "snapshot/1", &e));
	OK(db_add_holder(d, &image, "podman/1", &e));
	OK(db_each_holder(d, &image, note_source, &s, &e));
	assert_string_equal(s.names, "podman/1 snapshot/1 ");
	OK(db_remove_reference(d, "a", &e));
	OK(db_remove_holder(d, &image, "podman/1", &e));
	assert_int_equal(count_unwanted(d), 0);
	assert_int_equal(db_is_image_wanted(d, &image, &e), 1);
	OK(db_remove_holder(d, &image, "snapshot/1", &e));
	assert_int_equal(count_unwanted(d), 1);
	assert_int_equal(db_is_image_wanted(d, &image, &e), 0);
	db_close(d);
}

static void
an_image_is_found_by_what_it_was_opened_by(void **state)
{
	struct db *d = open_db(state);
	struct digest image = digest_number(1), found;
	int64_t when = 0;
	struct err e;

	assert_fails(db_find_image_by_label(d, "host/a:b", &found, &when, &e),
	    e, ENOENT);
	set_image(d, &image, NULL, 0, NULL);
	OK(db_find_image_by_label(d, "host/a:b", &found, &when, &e));
	assert_true(digest_equal(&found, &image));
	assert_true(when > 0);
	db_close(d);
}

/* Two images share the lower chain; only the second one's layer is here. */
static void
a_chain_is_found_where_its_layer_is(void **state)
{
	struct db *d = open_db(state);
	struct digest one = digest_number(1), two = digest_number(2), found;
	struct digest layers[2] = { digest_number(11), digest_number(12) };
	struct digest chains[2] = { digest_number(21), digest_number(22) };
	struct db_layer here = {
		.digest = digest_number(13), .format = "", .reason = ""
	};
	int position;
	struct err e;

	set_image(d, &two, &here.digest, 1, chains);
	set_image(d, &one, layers, 2, chains);
	OK(db_set_layer(d, &here, &e));
	OK(db_find_chain(d, &chains[1], &found, &position, &e));
	assert_true(digest_equal(&found, &one));
	assert_int_equal(position, 1);
	OK(db_find_chain(d, &chains[0], &found, &position, &e));
	assert_true(digest_equal(&found, &two));
	assert_int_equal(position, 0);
	OK(db_remove_image(d, &one, &e));
	assert_fails(
	    db_find_chain(d, &chains[1], &found, &position, &e), e, ENOENT);
	db_close(d);
}

static int
note_fallback(void *ctx, const struct db_fallback *f)
{
	assert_string_equal(f->label, "host/a:b");
	return note_name(ctx, f->reason);
}

static int
count_fallback(void *ctx, const struct db_fallback *f)
{
	(void)f;
	++*(int *)ctx;
	return 0;
}

static void
fallbacks_are_the_last_ones_and_one_a_layer(void **state)
{
	struct db *d = open_db(state);
	struct db_fallback f = { .label = "host/a:b" };
	struct seen s = { .stop_at = 2 };
	char reason[20];
	int n = 0;
	struct err e;

	f.reason = reason;
	OK(db_begin(d, &e));
	for (int i = 0; i < DB_FALLBACKS_MAX + 5; i++) {
		f.layer = digest_number(i);
		snprintf(reason, sizeof reason, "%d", i);
		OK(db_set_fallback(d, &f, &e));
	}
	f.layer = digest_number(500);
	f.reason = "again";
	OK(db_set_fallback(d, &f, &e));
	OK(db_commit(d, &e));
	assert_int_equal(db_each_fallback(d, note_fallback, &s, &e), 42);
	assert_string_equal(s.names, "again 1004 ");
	OK(db_each_fallback(d, count_fallback, &n, &e));
	assert_int_equal(n, DB_FALLBACKS_MAX);
	db_close(d);
}

static void
mounts_are_kept(void **state)
{
	struct db *d = open_db(state);
	struct db_mount m = { "1f", "", "{}" };
	struct seen s = { 0 };
	struct err e;

	OK(db_set_mount(d, &m, &e));
	m.target = "/mnt";
	OK(db_set_mount(d, &m, &e));
	OK(db_each_mount(d, note_mount, &s, &e));
	assert_string_equal(s.names, "1f ");
	OK(db_remove_mount(d, "1f", &e));
	s = (struct seen){ 0 };
	OK(db_each_mount(d, note_mount, &s, &e));
	assert_int_equal(s.n, 0);
	db_close(d);
}

static int
note_use(void *ctx, const struct db_use *u)
{
	struct seen *s = ctx;

	snprintf(s->names + strlen(s->names),
	    sizeof s->names - strlen(s->names), "%s:%u:%u:%d ", u->reference,
	    u->digest.bytes[31], u->manifest.bytes[31], (int)u->uses);
	return 0;
}

static void
uses_are_counted_and_gone_with_the_last(void **state)
{
	struct db *d = open_db(state);
	struct db_use a = { .reference = "a", .layer = 2 }, b = a;
	struct seen s = { 0 };
	int64_t uses;
	struct err e;

	a.digest.bytes[31] = b.digest.bytes[31] = 1;
	a.manifest.bytes[31] = 7;
	b.reference = "b";
	OK(db_add_use(d, &a, &uses, &e));
	OK(db_add_use(d, &b, &uses, &e));
	assert_int_equal(uses, 1);
	a.manifest.bytes[31] = 8;
	OK(db_add_use(d, &a, &uses, &e));
	assert_int_equal(uses, 2);
	OK(db_each_use(d, note_use, &s, &e));
	assert_string_equal(s.names, "a:1:7:2 b:1:0:1 ");
	OK(db_drop_use(d, "a", &a.digest, &uses, &e));
	assert_int_equal(uses, 1);
	OK(db_drop_use(d, "a", &a.digest, &uses, &e));
	assert_int_equal(uses, 0);
	assert_fails(db_drop_use(d, "a", &a.digest, &uses, &e), e, ENOENT);
	s = (struct seen){ 0 };
	OK(db_each_use(d, note_use, &s, &e));
	assert_string_equal(s.names, "b:1:0:1 ");
	db_close(d);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(layers_that_no_image_names_are_orphans),
		IN_FOLDER(an_image_without_name_and_holder_is_unwanted),
		IN_FOLDER(an_image_is_found_by_what_it_was_opened_by),
		IN_FOLDER(a_chain_is_found_where_its_layer_is),
		IN_FOLDER(fallbacks_are_the_last_ones_and_one_a_layer),
		IN_FOLDER(sources_keep_their_order_and_go_with_the_layer),
		IN_FOLDER(mounts_are_kept),
		IN_FOLDER(uses_are_counted_and_gone_with_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
