/* Rows of snapshots: what is set is found, numbers are given once. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/db.h"
#include "store/db_snapshot.h"
#include "store/testing_db.h"

static struct db_snapshot
row(const char *name, uint64_t parent)
{
	return (struct db_snapshot){
		.parent = parent,
		.state = SNAPSHOT_THERE,
		.kind = 3,
		.life = -5,
		.created_ns = 1700000000123456789,
		.updated_ns = 1700000000123456790,
		.bytes = -1,
		.inodes = -1,
		.uid = UINT32_MAX,
		.gid = 7,
		.name = name,
		.was = "",
		.labels = "{\"a\":\"1\"}",
		.chain = "",
		.image = "",
		.image_label = "",
	};
}

static uint64_t
add(struct db *d, const char *name, uint64_t parent)
{
	struct db_snapshot s = row(name, parent);
	uint64_t number;
	struct err e;

	OK(db_add_snapshot(d, &s, &number, &e));
	return number;
}

static void
a_row_is_what_was_set(void **state)
{
	struct db *d = open_db(state);
	uint64_t one = add(d, "one", 0), two = add(d, "two", one);
	AUTO_DB_SNAPSHOT struct db_snapshot s = { 0 };
	AUTO_DB_SNAPSHOT struct db_snapshot again = { 0 };
	struct err e;

	db_close(d);
	d = open_db(state);
	OK(db_get_snapshot(d, "two", &s, &e));
	assert_int_equal(s.number, two);
	assert_int_equal(s.parent, one);
	assert_string_equal(s.parent_name, "one");
	assert_int_equal(s.life, -5);
	assert_true(s.created_ns == 1700000000123456789);
	assert_true(s.uid == UINT32_MAX && s.gid == 7);
	assert_string_equal(s.labels, "{\"a\":\"1\"}");
	s.name = "three";
	s.was = "two";
	s.bytes = 4096;
	s.image = "sha256:x";
	s.layer = 2;
	s.image_label = "host/a:1";
	OK(db_set_snapshot(d, &s, &e));
	OK(db_get_snapshot_number(d, two, &again, &e));
	assert_string_equal(again.name, "three");
	assert_string_equal(again.was, "two");
	assert_string_equal(again.image_label, "host/a:1");
	assert_true(again.bytes == 4096 && again.inodes == -1);
	assert_true(again.layer == 2);
	db_snapshot_release(&s);
	assert_fails(db_get_snapshot(d, "two", &s, &e), e, ENOENT);
	db_close(d);
}

static void
a_number_is_given_once_and_a_name_to_one(void **state)
{
	struct db *d = open_db(state);
	struct db_snapshot s = row("a", 0);
	uint64_t one = add(d, "a", 0), number;
	struct err e = ERR_INIT;

	assert_int_equal(db_add_snapshot(d, &s, &number, &e), -1);
	OK(db_delete_snapshot(d, one, &e));
	assert_true(add(d, "a", 0) > one);
	db_close(d);
}

/* Folders of its snapshots may still be in use. */
static void
numbers_go_on_in_a_database_begun_anew(void **state)
{
	struct db *d = open_db(state);
	uint64_t before = add(d, "a", 0);

	db_close(d);
	assert_return_code(unlinkat(*(int *)*state, "state.db", 0), errno);
	usleep(1100000);
	d = open_db(state);
	assert_true(add(d, "a", 0) > before);
	db_close(d);
}

static void
what_is_gone_leaves_its_name(void **state)
{
	struct db *d = open_db(state);
	AUTO_DB_SNAPSHOT struct db_snapshot s = { 0 };
	AUTO_DB_SNAPSHOT struct db_snapshot gone = { 0 };
	struct err e;

	for (int round = 0; round < 2; round++) {
		add(d, "a", 0);
		OK(db_get_snapshot(d, "a", &s, &e));
		s.was = s.name;
		s.name = "";
		s.state = SNAPSHOT_GONE;
		OK(db_set_snapshot(d, &s, &e));
		OK(db_get_snapshot_gone(d, "a", &gone, &e));
		assert_int_equal(gone.number, s.number);
		db_snapshot_release(&gone);
		db_snapshot_release(&s);
	}
	assert_fails(db_get_snapshot(d, "", &s, &e), e, ENOENT);
	db_close(d);
}

static void
children_are_counted_until_they_are_gone(void **state)
{
	struct db *d = open_db(state);
	uint64_t one = add(d, "one", 0);
	AUTO_DB_SNAPSHOT struct db_snapshot s = { 0 };
	unsigned n;
	struct err e;

	add(d, "two", one);
	OK(db_count_snapshot_children(d, one, &n, &e));
	assert_int_equal(n, 1);
	OK(db_get_snapshot(d, "two", &s, &e));
	s.name = "";
	s.state = SNAPSHOT_GONE;
	OK(db_set_snapshot(d, &s, &e));
	OK(db_count_snapshot_children(d, one, &n, &e));
	assert_int_equal(n, 0);
	db_close(d);
}

static void
a_chain_is_found_on_its_parent(void **state)
{
	struct db *d = open_db(state);
	struct db_snapshot s = row("a", 0);
	AUTO_DB_SNAPSHOT struct db_snapshot found = { 0 };
	uint64_t number;
	struct err e;

	s.chain = "sha256:c";
	OK(db_add_snapshot(d, &s, &number, &e));
	OK(db_get_snapshot_chain(d, "sha256:c", 0, &found, &e));
	assert_int_equal(found.number, number);
	db_snapshot_release(&found);
	assert_fails(
	    db_get_snapshot_chain(d, "sha256:c", 1, &found, &e), e, ENOENT);
	add(d, "b", 0);
	assert_fails(db_get_snapshot_chain(d, "", 0, &found, &e), e, ENOENT);
	db_close(d);
}

static int
count(void *ctx, const struct db_snapshot *s)
{
	int *n = ctx;

	assert_string_equal(s->name, *n == 0 ? "a" : "b");
	++*n;
	return 0;
}

static void
each_visits_those_in_a_state(void **state)
{
	struct db *d = open_db(state);
	int n = 0;
	struct err e;

	add(d, "a", 0);
	add(d, "b", 0);
	OK(db_each_snapshot(d, SNAPSHOT_THERE, count, &n, &e));
	assert_int_equal(n, 2);
	n = 0;
	OK(db_each_snapshot(d, SNAPSHOT_GONE, count, &n, &e));
	assert_int_equal(n, 0);
	db_close(d);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_row_is_what_was_set),
		IN_FOLDER(a_number_is_given_once_and_a_name_to_one),
		IN_FOLDER(numbers_go_on_in_a_database_begun_anew),
		IN_FOLDER(what_is_gone_leaves_its_name),
		IN_FOLDER(children_are_counted_until_they_are_gone),
		IN_FOLDER(a_chain_is_found_on_its_parent),
		IN_FOLDER(each_visits_those_in_a_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
