/* state.db: what is set is found, transactions, damage. */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "store/testing_db.h"

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

/* One bit of the file, in the first place where it has this text. */
static void
flip_bit(int root, const char *text)
{
	AUTO_BUF struct buf file = BUF_INIT(1 << 20);
	const uint8_t *at;
	char flipped[2] = { 0 };
	struct err e;

	OK(fs_read_file(root, "state.db", &file, &e));
	at = memmem(file.data, file.len, text, strlen(text));
	assert_non_null(at);
	flipped[0] = *at ^ 1;
	overwrite(root, "state.db", at - file.data, flipped);
}

/* By another connection, while nobody has it open. */
static void
change_db(const char *sql)
{
	char path[100];
	sqlite3 *h;

	snprintf(path, sizeof path, "%s/state.db", test_path);
	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(h);
}

/* SQLite finds nothing wrong with it: a column has another name. */
static void
a_schema_that_is_not_ours_is_damage(void **state)
{
	int root = *(int *)*state;
	struct db *d = open_db(state);
	int n = 0;
	struct err e;

	set_reference(d, "a", 1);
	db_close(d);
	flip_bit(root, "resolved_s INTEGER");
	d = open_db(state);
	OK(db_each_reference(d, count_reference, &n, &e));
	assert_int_equal(n, 0);
	db_close(d);
	OK(faccessat(root, "state.db.damaged-1", F_OK, 0));
}

/* A digit of a digest became another: its row was found by the index alone, and could
 * not be removed. */
static void
an_index_that_says_otherwise_is_damage(void **state)
{
	int root = *(int *)*state;
	struct db *d = open_db(state);
	struct digest image = digest_number(1), layer = digest_number(2);
	int n = 0;
	struct err e;

	set_image(d, &image, &layer, 1, NULL);
	db_close(d);
	flip_bit(root, strchr(DIGEST_TEXT(&layer), ':') + 1);
	d = open_db(state);
	OK(db_each_image(d, count_image, &n, &e));
	assert_int_equal(n, 0);
	db_close(d);
	OK(faccessat(root, "state.db.damaged-1", F_OK, 0));
}

/* The version of whoever may write it: SQLite would only read what it does not know. */
static void
a_database_that_is_only_to_be_read_is_damage(void **state)
{
	int root = *(int *)*state;
	struct db *d = open_db(state);
	struct err e;

	set_reference(d, "a", 1);
	db_close(d);
	overwrite(root, "state.db", 18, "\3");
	d = open_db(state);
	set_reference(d, "a", 2);
	db_close(d);
	OK(faccessat(root, "state.db.damaged-1", F_OK, 0));
}

static void
a_newer_schema_is_left_alone(void **state)
{
	struct err e;

	db_close(open_db(state));
	change_db("PRAGMA user_version = 99");
	assert_null_with(db_open(*(int *)*state, &e), e, ENOTSUP);
	assert_int_not_equal(
	    faccessat(*(int *)*state, "state.db.damaged-1", F_OK, 0), 0);
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
	struct digest image;
	struct seen s = { 0 };
	struct db *d;
	struct err e;

	change_db(version_1);
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
	struct digest got;
	int64_t when;
	struct err e;

	set_reference(d, "a", 1);
	change_db("UPDATE reference SET manifest = 'md5:1'");
	assert_fails(db_get_reference(d, "a", &got, &when, &e), e, EBADMSG);
	db_close(d);
	d = open_db(state);
	assert_fails(db_get_reference(d, "a", &got, &when, &e), e, ENOENT);
	db_close(d);
	OK(faccessat(*(int *)*state, "state.db.damaged-1", F_OK, 0));
}

#define ZEROS "'sha256:' || lower(hex(zeroblob(32)))"

/* What nobody writes, and what it came to. */
static const char *const no_rows[] = {
	/* Not found by its name. */
	"INSERT INTO mount VALUES (x'3166', '/mnt', '{}')",
	"INSERT INTO reference VALUES (x'61', " ZEROS ", 1)",
	"INSERT INTO source VALUES (" ZEROS ", 'host' || char(0) || '/a')",
	"INSERT INTO layer VALUES (" ZEROS ", 'one', 'tar', '', 1)",
	/* No snapshot can be made any more, */
	"INSERT INTO sqlite_sequence VALUES ('snapshot', 9223372036854775807)",
	"INSERT INTO snapshot VALUES (9223372036854775807, "
	"  0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 'a', '', '{}', '', '', 0, '')",
	"INSERT INTO snapshot VALUES (9223372036854775, "
	"  0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 'a', '', '{}', '', '', 0, '');"
	"UPDATE sqlite_sequence SET seq = 4",
	/* nor one of this name. */
	"INSERT INTO snapshot VALUES (5, "
	"  0, 7, 1, 1, 1, 1, 1, 1, 0, 0, 'a', '', '{}', '', '', 0, '')",
	/* Never released. */
	"INSERT INTO layer_use VALUES ('a', " ZEROS ", " ZEROS ", 0, 0)",
};

static void
a_value_that_is_none_of_its_column_is_damage(void **state)
{
	for (size_t i = 0; i < sizeof no_rows / sizeof *no_rows; i++) {
		char name[40];

		db_close(open_db(state));
		change_db(no_rows[i]);
		db_close(open_db(state));
		snprintf(name, sizeof name, "state.db.damaged-%zu", i + 1);
		if (faccessat(*(int *)*state, name, F_OK, 0) < 0)
			fail_msg("not found: %s", no_rows[i]);
	}
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_reference_is_what_was_set_last),
		IN_FOLDER(each_visits_all_until_it_is_told_to_stop),
		IN_FOLDER(a_transaction_happens_wholly_or_not_at_all),
		IN_FOLDER(threads_do_not_enter_each_others_transactions),
		IN_FOLDER(a_damaged_database_is_kept_aside),
		IN_FOLDER(a_schema_that_is_not_ours_is_damage),
		IN_FOLDER(an_index_that_says_otherwise_is_damage),
		IN_FOLDER(a_database_that_is_only_to_be_read_is_damage),
		IN_FOLDER(a_newer_schema_is_left_alone),
		IN_FOLDER(a_database_of_the_first_version_is_upgraded_in_place),
		IN_FOLDER(a_digest_that_is_none_is_damage),
		IN_FOLDER(a_value_that_is_none_of_its_column_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
