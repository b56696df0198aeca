/* state.db: what is set is found, transactions, damage. */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "store/db.h"
#include "store/testing.h"

static struct db *
open_db(void **state)
{
	struct err e = ERR_INIT;
	struct db *d = db_open(*(int *)*state, &e);

	if (d == NULL)
		fail_msg("%s", e.msg);
	return d;
}

static void
set_reference(struct db *d, const char *name, uint32_t n)
{
	struct db_reference r = { name, digest_number(n), 1000 + n };
	struct err e;

	OK(db_set_reference(d, &r, &e));
}

static void
a_reference_is_what_was_set_last(void **state)
{
	struct db *d = open_db(state);
	struct digest got, two = digest_number(2);
	int64_t resolved_s;
	struct err e;

	assert_fails(
	    db_get_reference(d, "host/a:b", &got, &resolved_s, &e), e, ENOENT);
	set_reference(d, "host/a:b", 1);
	set_reference(d, "host/a:b", 2);
	db_close(d);
	d = open_db(state);
	OK(db_get_reference(d, "host/a:b", &got, &resolved_s, &e));
	assert_true(digest_equal(&got, &two));
	assert_int_equal(resolved_s, 1002);
	OK(db_remove_reference(d, "host/a:b", &e));
	OK(db_remove_reference(d, "host/a:b", &e));
	assert_fails(
	    db_get_reference(d, "host/a:b", &got, &resolved_s, &e), e, ENOENT);
	db_close(d);
}

struct seen {
	struct db *db;
	char names[200];
	int n, stop_at;
};

static int
note_name(struct seen *s, const char *name)
{
	strcat(strcat(s->names, name), " ");
	return ++s->n == s->stop_at ? 42 : 0;
}

static int
note_reference(void *ctx, const struct db_reference *r)
{
	struct seen *s = ctx;
	struct err e = ERR_INIT;

	/* The database may be called from here. */
	db_remove_reference(s->db, r->name, &e);
	return note_name(s, r->name);
}

static void
each_visits_all_until_it_is_told_to_stop(void **state)
{
	struct db *d = open_db(state);
	struct seen s = { .db = d, .stop_at = 2 };
	struct err e;

	set_reference(d, "c", 1);
	set_reference(d, "a'; DROP TABLE reference; --", 2);
	set_reference(d, "b", 3);
	assert_int_equal(db_each_reference(d, note_reference, &s, &e), 42);
	assert_string_equal(s.names, "a'; DROP TABLE reference; -- b ");
	s = (struct seen){ .db = d };
	OK(db_each_reference(d, note_reference, &s, &e));
	assert_string_equal(s.names, "c ");
	db_close(d);
}

/* ---- images and layers ---- */

static int
count_digest(void *ctx, const struct digest *d)
{
	(void)d;
	++*(int *)ctx;
	return 0;
}

static int
count_image(void *ctx, const struct digest *d, int64_t last_used_s)
{
	(void)d;
	assert_true(last_used_s > 0);
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
	OK(db_set_image(d, &image, layers, 3, &e));
	OK(db_each_orphan_layer(d, count_digest, &n, &e));
	assert_int_equal(n, 1);
	OK(db_set_image(d, &image, layers, 1, &e));
	n = 0;
	OK(db_each_orphan_layer(d, count_digest, &n, &e));
	assert_int_equal(n, 2);
	n = 0;
	OK(db_each_image(d, count_image, &n, &e));
	assert_int_equal(n, 1);
	OK(db_remove_image(d, &image, &e));
	OK(db_touch_image(d, &image, &e));
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
note_mount(void *ctx, const struct db_mount *m)
{
	assert_string_equal(m->options, "{}");
	assert_string_equal(m->target, "/mnt");
	return note_name(ctx, m->id);
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

/* ---- transactions ---- */

static void
a_transaction_happens_wholly_or_not_at_all(void **state)
{
	struct db *d = open_db(state);
	struct digest got, image = digest_number(9);
	int64_t when;
	int n = 0;
	struct err e;

	OK(db_begin(d, &e));
	set_reference(d, "a", 1);
	OK(db_set_image(d, &image, &image, 1, &e));
	db_rollback(d);
	assert_fails(db_get_reference(d, "a", &got, &when, &e), e, ENOENT);
	OK(db_each_image(d, count_image, &n, &e));
	assert_int_equal(n, 0);
	OK(db_begin(d, &e));
	set_reference(d, "a", 1);
	OK(db_commit(d, &e));
	OK(db_get_reference(d, "a", &got, &when, &e));
	db_close(d);
}

static void *
add_many(void *ctx)
{
	struct db *d = ctx;
	struct err e = ERR_INIT;
	char name[40];

	for (int i = 0; i < 50; i++) {
		struct db_reference r = { name, digest_number(i), i };

		snprintf(name, sizeof name, "%lx-%d", (long)pthread_self(), i);
		if (db_begin(d, &e) < 0 || db_set_reference(d, &r, &e) < 0)
			return NULL;
		if (i % 2 == 0)
			db_rollback(d);
		else if (db_commit(d, &e) < 0)
			return NULL;
	}
	return d;
}

static int
count_reference(void *ctx, const struct db_reference *r)
{
	assert_int_equal(r->resolved_s % 2, 1);
	++*(int *)ctx;
	return 0;
}

static void
threads_do_not_enter_each_others_transactions(void **state)
{
	struct db *d = open_db(state);
	pthread_t threads[4];
	void *result;
	int n = 0;
	struct err e;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, add_many, d);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		assert_ptr_equal(result, d);
	}
	OK(db_each_reference(d, count_reference, &n, &e));
	assert_int_equal(n, 4 * 25);
	db_close(d);
}

/* ---- damage ---- */

static void
overwrite(int root, const char *name, uint64_t off, const char *text)
{
	AUTO_CLOSE int fd = openat(root, name, O_RDWR | O_CREAT, 0600);
	struct err e;

	OK(fs_pwrite(fd, text, strlen(text), off, &e));
}

static void
a_damaged_database_is_kept_aside(void **state)
{
	int root = *(int *)*state;
	char garbage[4096];
	struct db *d;
	int n = 0;
	struct err e;

	memset(garbage, 'x', sizeof garbage - 1);
	garbage[sizeof garbage - 1] = 0;
	for (int round = 1; round <= 2; round++) {
		char name[40];

		d = open_db(state);
		set_reference(d, "a", 1);
		db_close(d);
		/* The file's head the first time, a page's the second. */
		overwrite(root, "state.db", (round - 1) * 4096, garbage);
		d = open_db(state);
		n = 0;
		OK(db_each_reference(d, count_reference, &n, &e));
		assert_int_equal(n, 0);
		db_close(d);
		snprintf(name, sizeof name, "state.db.damaged-%d", round);
		assert_int_equal(faccessat(root, name, F_OK, 0), 0);
	}
}

static void
a_newer_schema_is_left_alone(void **state)
{
	char path[100];
	sqlite3 *h;
	struct err e;

	db_close(open_db(state));
	snprintf(path, sizeof path, "%s/state.db", test_path);
	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	sqlite3_exec(h, "PRAGMA user_version = 99", NULL, NULL, NULL);
	sqlite3_close(h);
	assert_null_with(db_open(*(int *)*state, &e), e, ENOTSUP);
	assert_int_not_equal(
	    faccessat(*(int *)*state, "state.db.damaged-1", F_OK, 0), 0);
}

static void
a_digest_that_is_none_is_damage(void **state)
{
	struct db *d = open_db(state);
	char path[100];
	struct digest got;
	int64_t when;
	sqlite3 *h;
	struct err e;

	set_reference(d, "a", 1);
	snprintf(path, sizeof path, "%s/state.db", test_path);
	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	sqlite3_exec(
	    h, "UPDATE reference SET manifest = 'md5:1'", NULL, NULL, NULL);
	sqlite3_close(h);
	assert_fails(db_get_reference(d, "a", &got, &when, &e), e, EBADMSG);
	db_close(d);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_reference_is_what_was_set_last),
		IN_FOLDER(each_visits_all_until_it_is_told_to_stop),
		IN_FOLDER(layers_that_no_image_names_are_orphans),
		IN_FOLDER(sources_keep_their_order_and_go_with_the_layer),
		IN_FOLDER(mounts_are_kept),
		IN_FOLDER(a_transaction_happens_wholly_or_not_at_all),
		IN_FOLDER(threads_do_not_enter_each_others_transactions),
		IN_FOLDER(a_damaged_database_is_kept_aside),
		IN_FOLDER(a_newer_schema_is_left_alone),
		IN_FOLDER(a_digest_that_is_none_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
