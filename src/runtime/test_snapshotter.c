/* containerd's rules for snapshots (its snapshots/testsuite): their life, usage and
 * labels. */
#include "runtime/testing.h"

/* ---- life of a snapshot ---- */

static void
a_snapshot_goes_from_active_to_committed(void **state)
{
	struct place *p = *state;
	char option[80];

	OK(prepare(p, "a", "", e));
	expect(p, "a", SNAPSHOT_ACTIVE, "");
	OK(commit(p, "a", "one", e));
	expect_absent(p, "a");
	expect(p, "one", SNAPSHOT_COMMITTED, "");
	OK(prepare(p, "b", "one", e));
	expect(p, "b", SNAPSHOT_ACTIVE, "one");
	snprintf(option, sizeof option, "upperdir=/r/s/%ju/fs",
	    (uintmax_t)number_of(p, "b"));
	expect_option(p, "b", option);
	expect_lowers(p, "b", "one", "");
	OK(commit(p, "b", "two", e));
	OK(view(p, "v", "two", e));
	expect(p, "v", SNAPSHOT_VIEW, "two");
	snprintf(option, sizeof option, ":/r/s/%ju/fs",
	    (uintmax_t)number_of(p, "one"));
	expect_lowers(p, "v", "two", option);
	assert_int_equal(count_folders(), 2);
}

static void
a_key_is_taken_once(void **state)
{
	struct place *p = *state;

	OK(prepare(p, "a", "", e));
	FAILS(prepare(p, "a", "", e), EEXIST);
	FAILS(view(p, "a", "", e), EEXIST);
	OK(commit(p, "a", "one", e));
	FAILS(prepare(p, "one", "", e), EEXIST);
	OK(prepare(p, "a", "", e));
	FAILS(commit(p, "a", "one", e), EEXIST);
	FAILS(commit(p, "none", "one", e), EEXIST);
	FAILS(commit(p, "none", "two", e), ENOENT);
	FAILS(commit(p, "one", "two", e), EBUSY);
}

static void
a_parent_must_be_committed(void **state)
{
	struct place *p = *state;

	OK(prepare(p, "a", "", e));
	FAILS(prepare(p, "b", "a", e), EINVAL);
	FAILS(prepare(p, "b", "none", e), ENOENT);
	FAILS(prepare(p, "", "", e), EINVAL);
	expect_absent(p, "b");
	OK(commit(p, "a", "one", e));
	OK(view(p, "v", "one", e));
	FAILS(commit(p, "v", "two", e), EBUSY);
	FAILS(prepare(p, "b", "v", e), EINVAL);
}

static void
only_what_nothing_builds_on_is_removed(void **state)
{
	struct place *p = *state;
	uint64_t number;

	add_layer(p, "one", "");
	number = number_of(p, "one");
	OK(prepare(p, "a", "one", e));
	FAILS(snapshotter_remove(p->s, "one", e), EBUSY);
	FAILS(snapshotter_remove(p->s, "none", e), ENOENT);
	OK(snapshotter_remove(p->s, "a", e));
	OK(snapshotter_remove(p->s, "one", e));
	FAILS(snapshotter_remove(p->s, "one", e), ENOENT);
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(count_folders(), 0);
	add_layer(p, "one", "");
	assert_true(number_of(p, "one") > number + 1);
}

static void
what_was_removed_goes_without_being_asked(void **state)
{
	struct place *p = *state;

	add_layer(p, "one", "");
	OK(snapshotter_remove(p->s, "one", e));
	for (int i = 0; i < 6000 && count_folders() > 0; i++)
		usleep(10000);
	assert_int_equal(count_folders(), 0);
}

static void
a_folder_that_cannot_be_made_leaves_nothing(void **state)
{
	struct place *p = *state;

	fake.is_full = true;
	FAILS(prepare(p, "a", "", e), ENOSPC);
	expect_absent(p, "a");
	fake.is_full = false;
	OK(prepare(p, "a", "", e));
}

/* Of a state.db that was lost: a container may still write into it. */
static void
a_folder_that_is_left_over_is_left_alone(void **state)
{
	struct place *p = *state;
	uint64_t number;

	OK(prepare(p, "a", "", e));
	number = number_of(p, "a");
	for (int i = 1; i < 10; i++)
		*fake_folder(number + i) = 1;
	OK(prepare(p, "b", "", e));
	assert_true(number_of(p, "b") > number + 9);
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(count_folders(), 11);
}

static void
a_committed_snapshot_has_no_mounts(void **state)
{
	struct place *p = *state;
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };

	add_layer(p, "one", "");
	FAILS(snapshotter_mounts(p->s, "one", &m, e), EBUSY);
	FAILS(snapshotter_mounts(p->s, "none", &m, e), ENOENT);
}

static void
a_mapped_root_owns_the_folder_and_those_above(void **state)
{
	struct place *p = *state;
	AUTO_DOC struct doc *labels = doc_new_object();

	doc_set_string(labels, LABEL_UIDS, "0:1000:65536");
	doc_set_string(labels, LABEL_GIDS, "0:2000:65536");
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	assert_int_equal(fake.uid, 1000);
	assert_int_equal(fake.gid, 2000);
	assert_int_equal(fake.mapped, 0);
	OK(commit(p, "a", "one", e));
	OK(prepare(p, "b", "one", e));
	assert_true(fake.like == number_of(p, "one"));
	doc_set_string(labels, LABEL_UIDS, "nonsense");
	FAILS(prepare_with(p, SNAPSHOT_ACTIVE, "c", "", labels, e), EINVAL);
}

/* ---- usage ---- */

static void
usage_is_measured_once_when_it_cannot_change(void **state)
{
	struct place *p = *state;
	struct snapshot_usage u;

	OK(prepare(p, "a", "", e));
	OK(snapshotter_usage(p->s, "a", &u, e));
	OK(snapshotter_usage(p->s, "a", &u, e));
	assert_int_equal(u.bytes, 8192);
	OK(commit(p, "a", "one", e));
	assert_int_equal(fake.measured, 2);
	for (int i = 0; i < 2; i++) {
		OK(snapshotter_usage(p->s, "one", &u, e));
		assert_int_equal(u.bytes, 3 * 4096);
		assert_int_equal(u.inodes, 3);
	}
	OK(view(p, "v", "one", e));
	OK(snapshotter_usage(p->s, "v", &u, e));
	assert_int_equal(u.bytes, 0);
	FAILS(snapshotter_usage(p->s, "none", &u, e), ENOENT);
}

/* ---- labels ---- */

static const char *
label(struct place *p, const char *key, const char *name, char value[20])
{
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };
	const char *v;

	OK(snapshotter_stat(p->s, key, &i, e));
	v = doc_string(doc_find(i.labels, name));
	snprintf(value, 20, "%s", v == NULL ? "" : v);
	return value;
}

static void
labels_are_updated_by_field(void **state)
{
	struct place *p = *state;
	AUTO_DOC struct doc *labels = doc_new_object();
	char v[20];

	doc_set_string(labels, "x", "old");
	doc_set_string(labels, "y", "old");
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	OK(update(p, "a", "labels.x", e));
	assert_string_equal(label(p, "a", "x", v), "new");
	assert_string_equal(label(p, "a", "y", v), "old");
	OK(update(p, "a", "labels.y", e));
	assert_string_equal(label(p, "a", "y", v), "");
	OK(update(p, "a", "labels.x", e));
	FAILS(update(p, "a", "parent", e), EINVAL);
	FAILS(update(p, "none", NULL, e), ENOENT);
	OK(snapshotter_remove(p->s, "a", e));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	OK(update(p, "a", NULL, e));
	assert_string_equal(label(p, "a", "y", v), "");
	OK(snapshotter_remove(p->s, "a", e));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	OK(update(p, "a", "labels", e));
	assert_string_equal(label(p, "a", "y", v), "");
	/* A commit brings its own. */
	OK(commit(p, "a", "one", e));
	assert_string_equal(label(p, "one", "x", v), "");
}

static void
expect_list(struct place *p, const char *filter, const char *names)
{
	char found[200] = "";

	OK(snapshotter_list(p->s, &filter, filter != NULL, append, found, e));
	assert_string_equal(found, names);
}

/* state.db has no checksums. */
static void
damage_kind(struct place *p, const char *name, int kind)
{
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	OK(db_get_snapshot(p->db, name, &row, e));
	row.kind = kind;
	OK(db_set_snapshot(p->db, &row, e));
}

static void
snapshots_are_listed_by_filters(void **state)
{
	struct place *p = *state;
	const char *bad = "name=";
	char found[10] = "";

	add_layer(p, "one", "");
	OK(prepare(p, "a", "one", e));
	OK(view(p, "v", "one", e));
	expect_list(p, NULL, "one a v ");
	expect_list(p, "kind==active", "a ");
	expect_list(p, "kind==committed", "one ");
	expect_list(p, "parent==one", "a v ");
	expect_list(p, "name~=/^[av]$/,kind!=view", "a ");
	FAILS(snapshotter_list(p->s, &bad, 1, append, found, e), EINVAL);
	damage_kind(p, "a", 1 << 28);
	expect_list(p, "kind!=view", "one a ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_snapshot_goes_from_active_to_committed),
		IN_PLACE(a_key_is_taken_once),
		IN_PLACE(a_parent_must_be_committed),
		IN_PLACE(only_what_nothing_builds_on_is_removed),
		IN_PLACE(what_was_removed_goes_without_being_asked),
		IN_PLACE(a_folder_that_cannot_be_made_leaves_nothing),
		IN_PLACE(a_folder_that_is_left_over_is_left_alone),
		IN_PLACE(a_committed_snapshot_has_no_mounts),
		IN_PLACE(a_mapped_root_owns_the_folder_and_those_above),
		IN_PLACE(usage_is_measured_once_when_it_cannot_change),
		IN_PLACE(labels_are_updated_by_field),
		IN_PLACE(snapshots_are_listed_by_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
