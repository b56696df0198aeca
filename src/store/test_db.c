/* state.db: what is set is found, transactions, damage. */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "store/db.h"
#include "store/db_use.h"
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
count_image(void *ctx, const struct db_image *i)
{
	assert_true(i->last_used_s > 0);
	assert_string_equal(i->label, "host/a:b");
	++*(int *)ctx;
	return 0;
}

static void
set_image(struct db *d, const struct digest *manifest,
    const struct digest *layers, unsigned n, const struct digest *chain_ids)
{
	struct db_image i = { .manifest = *manifest,
		.label = "host/a:b",
		.layers = layers,
		.n_layers = n,
		.chain_ids = chain_ids };
	struct err e;

	OK(db_set_image(d, &i, &e));
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
note_unwanted(void *ctx, const struct digest *manifest)
{
	*(struct digest *)ctx = *manifest;
	return 42;
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
	set_reference(d, "a", 1);
	OK(db_add_holder(d, &image, "snapshot/1", &e));
	OK(db_add_holder(d, &image, "snapshot/1", &e));
	OK(db_add_holder(d, &image, "podman/1", &e));
	OK(db_each_holder(d, &image, note_source, &s, &e));
	assert_string_equal(s.names, "podman/1 snapshot/1 ");
	OK(db_remove_reference(d, "a", &e));
	OK(db_remove_holder(d, &image, "podman/1", &e));
	assert_int_equal(count_unwanted(d), 0);
	OK(db_remove_holder(d, &image, "snapshot/1", &e));
	assert_int_equal(count_unwanted(d), 1);
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
	set_image(d, &image, &image, 1, NULL);
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

/* As the first version made it, with a name and a mount. */
static const char version_1[] =
    "CREATE TABLE reference (name TEXT PRIMARY KEY, manifest TEXT NOT NULL, "
    "  resolved_s INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE image (manifest TEXT PRIMARY KEY, "
    "  last_used_s INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE image_layer (manifest TEXT, position INTEGER, "
    "  layer TEXT NOT NULL, PRIMARY KEY (manifest, position)) WITHOUT ROWID;"
    "CREATE INDEX image_layer_by_layer ON image_layer (layer);"
    "CREATE TABLE layer (digest TEXT PRIMARY KEY, "
    "  blob_size INTEGER NOT NULL, format TEXT NOT NULL, "
    "  reason TEXT NOT NULL, last_used_s INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE source (layer TEXT NOT NULL, place TEXT NOT NULL, "
    "  UNIQUE (layer, place));"
    "CREATE TABLE mount (id TEXT PRIMARY KEY, target TEXT NOT NULL, "
    "  options TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT INTO mount VALUES ('1f', '/mnt', '{}');"
    "INSERT INTO image VALUES ('sha256:"
    "00000000000000000000000000000000000000000000000000000000000000ff', 9);"
    "PRAGMA user_version = 1;";

static void
a_database_of_the_first_version_is_upgraded_in_place(void **state)
{
	char path[100];
	struct digest image;
	struct seen s = { 0 };
	struct db *d;
	sqlite3 *h;
	struct err e;

	snprintf(path, sizeof path, "%s/state.db", test_path);
	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(h, version_1, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(h);
	for (int round = 0; round < 2; round++) {
		d = open_db(state);
		OK(db_each_mount(d, note_mount, &s, &e));
		assert_int_equal(
		    db_each_unwanted_image(d, note_unwanted, &image, &e),
		    round == 0 ? 42 : 0);
		OK(db_add_holder(d, &image, "mount/1f", &e));
		db_close(d);
	}
	assert_string_equal(s.names, "1f 1f ");
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
		IN_FOLDER(an_image_without_name_and_holder_is_unwanted),
		IN_FOLDER(an_image_is_found_by_what_it_was_opened_by),
		IN_FOLDER(a_chain_is_found_where_its_layer_is),
		IN_FOLDER(fallbacks_are_the_last_ones_and_one_a_layer),
		IN_FOLDER(sources_keep_their_order_and_go_with_the_layer),
		IN_FOLDER(mounts_are_kept),
		IN_FOLDER(uses_are_counted_and_gone_with_the_last),
		IN_FOLDER(a_transaction_happens_wholly_or_not_at_all),
		IN_FOLDER(threads_do_not_enter_each_others_transactions),
		IN_FOLDER(a_damaged_database_is_kept_aside),
		IN_FOLDER(a_newer_schema_is_left_alone),
		IN_FOLDER(a_database_of_the_first_version_is_upgraded_in_place),
		IN_FOLDER(a_digest_that_is_none_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
