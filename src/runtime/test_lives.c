/* What an earlier life of the worker left, and lower folders with other owners. */
#include "runtime/testing.h"

/* ---- restarts ---- */

static void
what_an_earlier_life_answered_is_there(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	add_layer(p, "one", "");
	OK(prepare(p, "c", top, e));
	end_life(p);
	fake.showings = 0;
	fake.survived = FAKE_SHOWING(IMAGE_MERGED);
	begin_life(p);
	expect(p, "one", SNAPSHOT_COMMITTED, "");
	assert_int_equal(fake.showings, 1);
	expect_option(p, "c", "lowerdir=/r/m/9f");
	assert_int_equal(fake.showings, 1);
}

/* The lower folders of `key` as the supervisor shows them: the first `mapped`,
 * then `rest`. */
static void
expect_mapped(
    struct place *p, const char *key, unsigned mapped, const char *rest)
{
	char option[400] = "lowerdir=";
	size_t at = strlen(option);

	for (unsigned i = 0; i < mapped; i++)
		at +=
		    snprintf(option + at, sizeof option - at, "%s/r/m/i/%ju/%u",
			i > 0 ? ":" : "", (uintmax_t)number_of(p, key), i);
	snprintf(option + at, sizeof option - at, "%s", rest);
	expect_option(p, key, option);
}

static int
prepare_mapped(
    struct place *p, const char *key, const char *parent, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();

	doc_set_string(labels, LABEL_UIDS, "0:1000:65536");
	doc_set_string(labels, LABEL_GIDS, "0:2000:65536");
	return prepare_with(p, SNAPSHOT_ACTIVE, key, parent, labels, e);
}

static void
labels_give_lower_folders_other_owners(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare_mapped(p, "c", top, e));
	assert_int_equal(fake.uid, 1000);
	assert_int_equal(fake.mapped, 1);
	assert_int_equal(fake.map.ranges[0].outside, 1000);
	expect_mapped(p, "c", 1, "");
	add_layer(p, "one", top);
	OK(prepare_mapped(p, "d", "one", e));
	expect_mapped(p, "d", 2, "");
	OK(snapshotter_remove(p->s, "d", e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.mapped, 0);
}

/* By a client that did not know better. */
static void
what_was_given_away_already_stays_as_it_is(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	add_layer(p, "remapped", top);
	add_layer(p, "more", "remapped");
	fake.theirs = number_of(p, "remapped");
	fake.is_old = true;
	OK(prepare_mapped(p, "c", "remapped", e));
	expect_lowers(p, "c", "remapped", ":/r/m/9f");
	assert_int_equal(fake.mapped, 0);
	fake.is_old = false;
	OK(prepare_mapped(p, "d", "more", e));
	assert_int_equal(fake.mapped, 1);
}

static void
a_kernel_without_other_owners_is_told_of(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	fake.is_old = true;
	FAILS(prepare_mapped(p, "c", top, e), ENOTSUP);
	expect_absent(p, "c");
	OK(prepare(p, "c", top, e));
}

/* What is merged now was a folder a layer while the image was not whole. */
static void
lower_folders_stay_what_they_were(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare(p, "c", top, e));
	fake.is_missing[0] = true;
	expect_option(p, "c", "lowerdir=/r/m/9f");
	fake.is_missing[0] = false;
	end_life(p);
	fake.showings = 0;
	fake.survived = FAKE_SHOWING(0) | FAKE_SHOWING(1) | FAKE_SHOWING(2);
	begin_life(p);
	assert_int_equal(fake.showings, 3);
	expect_option(p, "c", "lowerdir=/r/m/a2:/r/m/a1:/r/m/a0");
	assert_int_equal(fake.showings, 3);
}

static void
all_that_may_be_mounted_is_resumed(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare(p, "c", top, e));
	end_life(p);
	fake.showings = 0;
	fake.survived = FAKE_SHOWING(IMAGE_MERGED) | FAKE_SHOWING(0);
	begin_life(p);
	assert_int_equal(fake.showings, 2);
	expect_option(p, "c", "lowerdir=/r/m/9f");
	OK(snapshotter_remove(p->s, "c", e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.showings, 0);
}

static void
a_layer_that_was_damaged_is_made_again(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	end_life(p);
	fake.is_damaged = true;
	fake.is_away = true;
	begin_life(p);
	FAILS(prepare(p, "c", top, e), EAGAIN);
	expect_absent(p, "c");
	end_life(p);
	fake.is_away = false;
	begin_life(p);
	OK(prepare(p, "c", top, e));
	expect_option(p, "c", "lowerdir=/r/m/a2:/r/m/a1:/r/m/a0");
	assert_false(fake.is_damaged);
}

static void
a_showing_that_did_not_survive_is_taken_anew(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare(p, "c", top, e));
	end_life(p);
	fake.showings = 0;
	begin_life(p);
	assert_int_equal(fake.showings, 0);
	expect_option(p, "c", "lowerdir=/r/m/9f");
	assert_int_equal(fake.showings, 1);
}

static void
a_repeat_of_what_an_earlier_life_did_succeeds_once(void **state)
{
	struct place *p = *state;

	OK(prepare(p, "a", "", e));
	OK(prepare(p, "b", "", e));
	OK(commit(p, "b", "one", e));
	OK(prepare(p, "c", "", e));
	OK(snapshotter_remove(p->s, "c", e));
	FAILS(prepare(p, "a", "", e), EEXIST);
	end_life(p);
	begin_life(p);
	FAILS(view(p, "a", "", e), EEXIST);
	FAILS(prepare(p, "a", "one", e), EEXIST);
	FAILS(commit(p, "a", "one", e), EEXIST);
	OK(prepare(p, "a", "", e));
	FAILS(prepare(p, "a", "", e), EEXIST);
	OK(commit(p, "b", "one", e));
	FAILS(commit(p, "b", "one", e), EEXIST);
	OK(snapshotter_remove(p->s, "c", e));
	FAILS(snapshotter_remove(p->s, "c", e), ENOENT);
}

static void
what_an_earlier_life_only_began_goes(void **state)
{
	struct place *p = *state;
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	OK(prepare(p, "a", "", e));
	OK(db_get_snapshot(p->db, "a", &row, e));
	row.state = SNAPSHOT_MAKING;
	OK(db_set_snapshot(p->db, &row, e));
	expect_absent(p, "a");
	FAILS(prepare(p, "a", "", e), EEXIST);
	end_life(p);
	begin_life(p);
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(count_folders(), 0);
	OK(prepare(p, "a", "", e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(what_an_earlier_life_answered_is_there),
		IN_PLACE(labels_give_lower_folders_other_owners),
		IN_PLACE(what_was_given_away_already_stays_as_it_is),
		IN_PLACE(a_kernel_without_other_owners_is_told_of),
		IN_PLACE(lower_folders_stay_what_they_were),
		IN_PLACE(all_that_may_be_mounted_is_resumed),
		IN_PLACE(a_layer_that_was_damaged_is_made_again),
		IN_PLACE(a_showing_that_did_not_survive_is_taken_anew),
		IN_PLACE(a_repeat_of_what_an_earlier_life_did_succeeds_once),
		IN_PLACE(what_an_earlier_life_only_began_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
