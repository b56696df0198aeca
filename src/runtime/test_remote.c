/* Layers of an image here that stand for snapshots, and who asks at once. */
#include <pthread.h>

#include "runtime/testing.h"

static void
an_image_is_pulled_without_a_folder(void **state)
{
	struct place *p = *state;
	char top[200];
	struct snapshot_usage u;

	pull(p, top);
	expect_absent(p, "extract");
	assert_int_equal(fake.openings, 1);
	assert_int_equal(fake.holds, 3);
	assert_int_equal(fake.fallbacks, 0);
	assert_int_equal(count_folders(), 0);
	OK(snapshotter_usage(p->s, top, &u, e));
	assert_int_equal(u.bytes, 12288);
	assert_int_equal(u.inodes, 7);
	/* Another namespace finds the same ones. */
	pull(p, top);
	assert_int_equal(fake.holds, 3);
}

static void
a_container_on_a_whole_image_has_one_lower_folder(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare(p, "c", top, e));
	assert_int_equal(fake.like, 0);
	assert_int_equal(fake.uid, 5);
	assert_int_equal(fake.gid, 6);
	expect_option(p, "c", "lowerdir=/r/m/9f"); /* IMAGE_MERGED */
	assert_int_equal(fake.showings, 1);
	expect_option(p, "c", "lowerdir=/r/m/9f");
	assert_int_equal(fake.showings, 1);
	OK(snapshotter_remove(p->s, "c", e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.showings, 0);
}

static void
a_mixed_chain_has_a_lower_folder_a_layer(void **state)
{
	struct place *p = *state;
	char one[200], two[200];

	FAILS(prepare_remote(p, 0, "", e), EEXIST);
	find_remote(p, 0, "", one);
	FAILS(prepare_remote(p, 1, one, e), EEXIST);
	find_remote(p, 1, one, two);
	add_layer(p, "three", two);
	OK(prepare(p, "c", "three", e));
	expect_lowers(p, "c", "three", ":/r/m/a1:/r/m/a0");
	/* The middle of the image is not the image. */
	OK(view(p, "v", two, e));
	expect_option(p, "v", "lowerdir=/r/m/a1:/r/m/a0");
}

static void
what_lies_on_a_whole_image_lies_on_its_merged_index(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	add_layer(p, "one", top);
	OK(view(p, "v", "one", e));
	expect_lowers(p, "v", "one", ":/r/m/9f");
	add_layer(p, "two", "one");
	OK(prepare(p, "c", "two", e));
	OK(snapshotter_remove(p->s, "v", e));
	OK(snapshotter_remove(p->s, "c", e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.showings, 0);
}

static void
removing_a_remote_snapshot_lets_go_of_its_image(void **state)
{
	struct place *p = *state;
	char name[200];

	FAILS(prepare_remote(p, 0, "", e), EEXIST);
	find_remote(p, 0, "", name);
	OK(snapshotter_remove(p->s, name, e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.holds, 0);
	FAILS(prepare_remote(p, 0, "", e), EEXIST);
	assert_int_equal(fake.holds, 1);
}

static void
a_layer_that_cannot_be_lazy_is_unpacked(void **state)
{
	struct place *p = *state;
	char name[200];

	fake.is_missing[1] = true;
	FAILS(prepare_remote(p, 0, "", e), EEXIST);
	find_remote(p, 0, "", name);
	OK(prepare_remote(p, 1, name, e));
	assert_int_equal(fake.fallbacks, 1);
	assert_string_equal(fake.reason, "too big to read whole");
	expect(p, "extract", SNAPSHOT_ACTIVE, name);
}

static void
a_registry_that_fails_is_not_asked_by_every_layer(void **state)
{
	struct place *p = *state;

	fake.is_away = true;
	OK(prepare_remote(p, 0, "", e));
	OK(commit(p, "extract", "one", e));
	OK(prepare_remote(p, 1, "one", e));
	assert_int_equal(fake.openings, 1);
	assert_int_equal(fake.fallbacks, 2);
}

/* As soon as it is noted that the image is open. */
static bool
await_remote(struct place *p)
{
	struct err why = ERR_INIT;

	for (int i = 0; i < 6000 && prepare_remote(p, 0, "", &why) == 0; i++) {
		OK(snapshotter_remove(p->s, "extract", e));
		usleep(10000);
	}
	return why.code == EEXIST;
}

static void
a_registry_that_stalls_is_waited_for_once(void **state)
{
	struct place *p = *state;

	end_life(p);
	p->timeout_ms = 200;
	begin_life(p);
	fake.is_stalled = true;
	OK(prepare_remote(p, 0, "", e));
	assert_non_null(strstr(fake.reason, "200 ms"));
	OK(commit(p, "extract", "one", e));
	fake.is_stalled = false;
	/* The opening went on, and serves the next. */
	assert_true(await_remote(p));
	assert_int_equal(fake.openings, 1);
}

static void *
cancel_soon(void *arg)
{
	struct place *p = arg;

	usleep(20000);
	snapshotter_cancel(p->s);
	return NULL;
}

static void
who_waits_for_a_registry_is_let_go_at_the_end(void **state)
{
	struct place *p = *state;
	pthread_t t;

	fake.is_stalled = true;
	pthread_create(&t, NULL, cancel_soon, p);
	OK(prepare_remote(p, 0, "", e));
	assert_non_null(strstr(fake.reason, "ends"));
	pthread_join(t, NULL);
	fake.is_stalled = false;
}

static void
labels_that_do_not_fit_the_image_are_not_believed(void **state)
{
	struct place *p = *state;
	AUTO_DOC struct doc *labels = remote_labels(0);
	struct digest other = fake_layer(2);

	/* The chain's layer is another. */
	doc_set_string(labels, "containerd.io/snapshot/remote/stargz.digest",
	    DIGEST_TEXT(&other));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	/* The image has no such chain. */
	doc_set_string(labels, LABEL_CHAIN, DIGEST_TEXT(&other));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "b", "", labels, e));
	/* The second layer on nothing. */
	OK(prepare_remote(p, 1, "", e));
	assert_int_equal(fake.fallbacks, 3);
	assert_int_equal(fake.holds, 0);
}

static void
a_known_chain_needs_no_reference(void **state)
{
	struct place *p = *state;
	AUTO_DOC struct doc *labels = doc_new_object();
	struct digest chain = fake_chain(0);

	doc_set_string(labels, LABEL_CHAIN, DIGEST_TEXT(&chain));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	fake.is_known = true;
	FAILS(prepare_with(p, SNAPSHOT_ACTIVE, "b", "", labels, e), EEXIST);
	assert_int_equal(fake.openings, 0);
	assert_int_equal(fake.fallbacks, 0);
}

/* What its labels say is the client's; which chain it is of is not. */
static void
a_remote_snapshot_is_of_its_chain_whatever_its_labels(void **state)
{
	struct place *p = *state;
	char top[200];
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };
	struct digest chain = fake_chain(fake.n_layers - 1);

	pull(p, top);
	OK(update(p, top, "labels", e));
	OK(db_get_snapshot(p->db, top, &row, e));
	assert_string_equal(row.chain, DIGEST_TEXT(&chain));
	FAILS(prepare_remote(p, fake.n_layers - 1, row.parent_name, e), EEXIST);
	assert_int_equal(fake.fallbacks, 0);
	assert_int_equal(fake.holds, fake.n_layers);
}

/* ---- several at once ---- */

struct racing {
	struct place *place;
	_Atomic int won;
	pthread_barrier_t start;
};

static void *
race(void *arg)
{
	struct racing *r = arg;
	struct err e = ERR_INIT;

	pthread_barrier_wait(&r->start);
	if (prepare(r->place, "a", "", &e) == 0)
		r->won++;
	else
		assert_int_equal(e.code, EEXIST);
	return NULL;
}

static void
of_two_that_take_a_key_at_once_one_gets_it(void **state)
{
	struct racing r = { .place = *state };
	pthread_t threads[8];

	pthread_barrier_init(&r.start, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, race, &r);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&r.start);
	assert_int_equal(r.won, 1);
}

static void *
race_remote(void *arg)
{
	struct racing *r = arg;

	pthread_barrier_wait(&r->start);
	FAILS(prepare_remote(r->place, 0, "", e), EEXIST);
	return NULL;
}

static void
a_layer_that_is_asked_for_at_once_is_made_once(void **state)
{
	struct racing r = { .place = *state };
	pthread_t threads[8];

	pthread_barrier_init(&r.start, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, race_remote, &r);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&r.start);
	assert_int_equal(fake.openings, 1);
	assert_int_equal(fake.holds, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(an_image_is_pulled_without_a_folder),
		IN_PLACE(a_container_on_a_whole_image_has_one_lower_folder),
		IN_PLACE(what_lies_on_a_whole_image_lies_on_its_merged_index),
		IN_PLACE(a_mixed_chain_has_a_lower_folder_a_layer),
		IN_PLACE(removing_a_remote_snapshot_lets_go_of_its_image),
		IN_PLACE(a_layer_that_cannot_be_lazy_is_unpacked),
		IN_PLACE(a_registry_that_fails_is_not_asked_by_every_layer),
		IN_PLACE(a_registry_that_stalls_is_waited_for_once),
		IN_PLACE(who_waits_for_a_registry_is_let_go_at_the_end),
		IN_PLACE(labels_that_do_not_fit_the_image_are_not_believed),
		IN_PLACE(a_known_chain_needs_no_reference),
		IN_PLACE(a_remote_snapshot_is_of_its_chain_whatever_its_labels),
		IN_PLACE(of_two_that_take_a_key_at_once_one_gets_it),
		IN_PLACE(a_layer_that_is_asked_for_at_once_is_made_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
