/* Layers of podman's store, on a real database and fake floors. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/fake_floors.h"
#include "runtime/store_layers.h"
#include "runtime/store_path.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "store/db.h"
#include "store/db_use.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "base/thread.h"

struct place {
	void *folder;
	struct db *db;
	struct store_layers *s;
};

/* As a puller: counted by fake.openings. */
static struct image *
open_image(void *ctx, const char *reference, const struct digest *manifest,
    struct err *e)
{
	struct digest known = fake_manifest();

	(void)ctx;
	fake.openings++;
	while (fake.is_stalled)
		usleep(1000);
	if (!fake.is_away)
		return catalog_open_known(NULL,
		    manifest != NULL ? manifest : &known, reference, true, e);
	err_set(e, ETIMEDOUT, "no route to host");
	return NULL;
}

static void
begin_life(struct place *p)
{
	const struct folder *folder = p->folder;
	struct store_layers_parts parts = { .open = open_image };
	struct err e = ERR_INIT;

	p->db = parts.db = db_open(folder->fd, &e);
	assert_non_null(p->db);
	p->s = store_layers_new(&parts, &e);
	assert_non_null(p->s);
}

/* Showings stay when a worker ends; here their references end with it. */
static void
end_life(struct place *p)
{
	store_layers_free(p->s);
	db_close(p->db);
	fake.showings = fake.images = 0;
}

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	fake_begin();
	if (make_folder(&p->folder) != 0)
		return -1;
	begin_life(p);
	*state = p;
	return 0;
}

/* Nobody looks meanwhile. */
static void
let_expire(struct store_layers *s)
{
	for (int i = 0; i < 4; i++)
		store_layers_expire(s);
}

static int
tear_down(void **state)
{
	struct place *p = *state;
	int rc;

	let_expire(p->s);
	end_life(p);
	rc = remove_folder(&p->folder);
	free(p);
	return rc;
}

static struct store_path
path_of(unsigned layer)
{
	return (struct store_path){ .place = STORE_DIFF,
		.reference = FAKE_REFERENCE,
		.digest = fake_layer(layer) };
}

/* Its id, "" when it is not to be had. */
static const char *
look(struct place *p, unsigned layer, bool asks_nobody, struct err *e)
{
	static struct store_answer found;
	struct store_path path = path_of(layer);

	*e = ERR_INIT;
	if (store_layers_take(p->s, &path, asks_nobody, &found, e) < 0)
		return "";
	free(found.info);
	return found.id;
}

static int
use(struct place *p, unsigned layer, struct err *e)
{
	struct store_path path = path_of(layer);

	return store_layers_use(p->s, &path, e);
}

static int
release(struct place *p, unsigned layer, struct err *e)
{
	struct store_path path = path_of(layer);

	return store_layers_release(p->s, &path, e);
}

static void
a_layer_is_opened_once_and_then_found(void **state)
{
	struct place *p = *state;
	struct store_path path = path_of(1);
	struct store_answer found;
	struct err e;

	assert_false(store_layers_find(p->s, &path, &found));
	assert_string_equal(look(p, 1, true, &e), "");
	assert_int_equal(e.code, EAGAIN);
	assert_int_equal(fake.fallbacks, 0);
	assert_string_equal(look(p, 1, false, &e), "a1");
	assert_true(store_layers_find(p->s, &path, &found));
	assert_string_equal(found.id, "a1");
	assert_int_equal(found.blob_size, 1001);
	assert_non_null(strstr(found.info, "diff-digest"));
	free(found.info);
	assert_string_equal(look(p, 1, true, &e), "a1");
	assert_int_equal(fake.openings, 1);
	assert_int_equal(fake.showings, 1);
}

static void *
look_on(void *arg)
{
	struct store_answer found;
	struct store_path path = path_of(0);
	struct place *p = arg;
	struct err e;

	if (store_layers_take(p->s, &path, false, &found, &e) < 0)
		return "failed";
	free(found.info);
	return NULL;
}

static void
those_who_want_one_at_once_wait_for_the_first(void **state)
{
	struct place *p = *state;
	pthread_t threads[4];
	struct err e;

	fake.is_stalled = true;
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    thread_start(&threads[i], "look", look_on, p, &e), 0);
	usleep(30000);
	fake.is_stalled = false;
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(fake.openings, 1);
	assert_int_equal(fake.showings, 1);
}

static void
what_cannot_be_had_is_noted_and_can_be_tried_again(void **state)
{
	struct place *p = *state;
	struct err e;

	fake.is_missing[2] = true;
	assert_string_equal(look(p, 2, false, &e), "");
	assert_string_equal(fake.reason, "too big to read whole");
	assert_string_equal(look(p, 7, false, &e), "");
	assert_int_equal(e.code, ENOENT);
	fake.is_away = true;
	assert_string_equal(look(p, 0, false, &e), "");
	assert_string_equal(fake.reason, "no route to host");
	assert_int_equal(fake.fallbacks, 3);
	fake.is_away = false;
	assert_string_equal(look(p, 0, false, &e), "a0");
	assert_fails(use(p, 2, &e), e, ENOENT);
}

static void
uses_hold_the_image_until_the_last_is_released(void **state)
{
	struct place *p = *state;
	struct err e;

	assert_fails(use(p, 0, &e), e, ENOENT);
	look(p, 0, false, &e);
	assert_int_equal(use(p, 0, &e), 0);
	assert_int_equal(fake.holds, 1);
	assert_int_equal(use(p, 0, &e), 0);
	assert_int_equal(release(p, 0, &e), 0);
	assert_int_equal(release(p, 0, &e), 0);
	/* the real catalog_hold() counts a holder once */
	assert_int_equal(fake.holds, 1);
	assert_fails(release(p, 0, &e), e, ENOENT);
}

static void
what_is_in_use_stays_shown_and_the_rest_goes(void **state)
{
	struct place *p = *state;
	struct err e;

	look(p, 0, false, &e);
	look(p, 1, false, &e);
	assert_int_equal(use(p, 0, &e), 0);
	for (int i = 0; i < 3; i++)
		store_layers_expire(p->s);
	assert_int_equal(fake.showings, 2);
	assert_string_equal(look(p, 1, true, &e), "a1");
	for (int i = 0; i < 3; i++)
		store_layers_expire(p->s);
	assert_int_equal(fake.showings, 2);
	store_layers_expire(p->s);
	assert_int_equal(fake.showings, 1);
	assert_string_equal(look(p, 0, true, &e), "a0");
	assert_int_equal(release(p, 0, &e), 0);
	let_expire(p->s);
	assert_int_equal(fake.showings, 0);
	assert_int_equal(fake.images, 0);
}

static void
what_lied_stays_while_it_is_in_use_and_is_opened_again_after(void **state)
{
	struct place *p = *state;
	struct store_path path = path_of(0);
	struct store_answer found;
	struct err e;

	look(p, 0, false, &e);
	look(p, 1, false, &e);
	assert_int_equal(fake.openings, 2);
	assert_int_equal(use(p, 0, &e), 0);
	fake.has_lied = true;
	assert_string_equal(look(p, 0, true, &e), "a0");
	assert_int_equal(release(p, 0, &e), 0);
	assert_false(store_layers_find(p->s, &path, &found));
	assert_string_equal(look(p, 0, true, &e), "");
	assert_int_equal(e.code, EAGAIN);
	/* The other one would keep the image open. */
	assert_int_equal(fake.showings, 0);
	assert_int_equal(fake.images, 0);
	fake.has_lied = false;
	assert_string_equal(look(p, 0, false, &e), "a0");
	assert_int_equal(fake.openings, 3);
}

/* state.db has no checksums. */
static void
a_place_that_no_layer_has_is_looked_up_again(void **state)
{
	struct place *p = *state;
	const struct db_use damaged = {
		.reference = FAKE_REFERENCE,
		.digest = fake_layer(1),
		.manifest = fake_manifest(),
		.layer = 1 << 28,
	};
	int64_t uses;
	struct err e;

	assert_int_equal(db_add_use(p->db, &damaged, &uses, &e), 0);
	end_life(p);
	begin_life(p);
	assert_string_equal(look(p, 1, false, &e), "a1");
	assert_int_equal(release(p, 1, &e), 0);
}

static void
after_a_restart_what_is_in_use_needs_no_registry(void **state)
{
	struct place *p = *state;
	struct store_path path = path_of(1);
	struct store_answer found;
	struct err e;

	look(p, 0, false, &e);
	look(p, 1, false, &e);
	assert_int_equal(use(p, 1, &e), 0);
	assert_int_equal(use(p, 1, &e), 0);

	end_life(p);
	fake.survived = FAKE_SHOWING(1);
	begin_life(p);
	assert_true(store_layers_find(p->s, &path, &found));
	free(found.info);

	end_life(p);
	fake.survived = 0;
	begin_life(p);
	assert_false(store_layers_find(p->s, &path, &found));
	assert_string_equal(look(p, 1, true, &e), "a1");
	assert_string_equal(look(p, 0, true, &e), "");
	assert_int_equal(fake.openings, 2);
	assert_int_equal(release(p, 1, &e), 0);
	assert_int_equal(release(p, 1, &e), 0);
	assert_fails(release(p, 1, &e), e, ENOENT);
}

/* Whose commits are done a moment before he knows it. */
static _Thread_local bool is_slow;

int __real_db_commit(struct db *d, struct err *e);
int __wrap_db_commit(struct db *d, struct err *e);

int
__wrap_db_commit(struct db *d, struct err *e)
{
	int rc = __real_db_commit(d, e);

	if (is_slow)
		usleep(30000);
	return rc;
}

static void *
release_slowly(void *arg)
{
	struct err e;

	is_slow = true;
	return release(arg, 1, &e) == 0 ? NULL : "failed";
}

/* Or what a container runs on goes 15 s later. */
static void
who_counts_at_once_with_another_counts_right(void **state)
{
	struct place *p = *state;
	struct store_path path = path_of(1);
	struct store_answer found;
	pthread_t thread;
	void *failed;
	struct err e;

	assert_string_equal(look(p, 1, false, &e), "a1");
	assert_int_equal(use(p, 1, &e), 0);
	assert_int_equal(
	    thread_start(&thread, "release", release_slowly, p, &e), 0);
	while (fake.holds > 0)
		usleep(1000);
	assert_int_equal(use(p, 1, &e), 0);
	pthread_join(thread, &failed);
	assert_null(failed);
	let_expire(p->s);
	assert_true(store_layers_find(p->s, &path, &found));
	free(found.info);
	assert_int_equal(release(p, 1, &e), 0);
}

#define IN_PLACE(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_layer_is_opened_once_and_then_found),
		IN_PLACE(those_who_want_one_at_once_wait_for_the_first),
		IN_PLACE(what_cannot_be_had_is_noted_and_can_be_tried_again),
		IN_PLACE(uses_hold_the_image_until_the_last_is_released),
		IN_PLACE(what_is_in_use_stays_shown_and_the_rest_goes),
		IN_PLACE(
		    what_lied_stays_while_it_is_in_use_and_is_opened_again_after),
		IN_PLACE(a_place_that_no_layer_has_is_looked_up_again),
		IN_PLACE(after_a_restart_what_is_in_use_needs_no_registry),
		IN_PLACE(who_counts_at_once_with_another_counts_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
