/* An image's merged index is made again where it is of no use, and by one. */
#include <pthread.h>
#include <stdio.h>

#include "layer/merged.h"
#include "layer/testing.h"
#include "index/index.h"

/* How long this thread takes to move an index away or into its place, and to see
 * that it is there. */
static _Thread_local unsigned before_ms, after_ms;

int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);

int
__wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int rc;

	pause_ms(before_ms);
	rc = __real_renameat(from_dir, from, to_dir, to);
	if (strncmp(to, "images/", 7) == 0)
		pause_ms(after_ms);
	return rc;
}

/* As a reboot leaves it. */
static void
make_stale(struct fixture *f, const struct digest *image)
{
	char path[120];
	struct err e;

	snprintf(path, sizeof path, "images/%s/fresh", DIGEST_HEX(image));
	OK(fs_replace_file(f->root, path, "before", 6, 0600, &e));
}

static void *
open_late(void *image)
{
	struct err e = ERR_INIT;
	struct index *x;

	before_ms = 200;
	x = merged_open(image, &e);
	index_close(x);
	return x != NULL ? NULL : "failed";
}

static void
nobody_takes_away_what_another_has_just_made(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image *i = open_image(f, "a", NAMED);
	struct err e = ERR_INIT;
	struct index *x;
	pthread_t thread;
	void *failed;

	index_close(merged_open(i, &e));
	make_stale(f, &d);
	assert_int_equal(pthread_create(&thread, NULL, open_late, i), 0);
	pause_ms(30);
	after_ms = 250;
	x = merged_open(i, &e);
	after_ms = 0;
	pthread_join(thread, &failed);
	index_close(x);
	image_unref(i);
	if (x == NULL)
		fail_msg("%s", e.msg);
	assert_null(failed);
}

static void
one_that_was_removed_stays_open_and_is_made_again(void **state)
{
	struct fixture *f = *state;
	struct image *i;
	struct index *before, *after;
	struct err e;

	add_image(f, "a", 2);
	i = open_image(f, "a", NAMED);
	before = merged_open(i, &e);
	assert_non_null(before);
	OK(merged_remove(i, &e));
	after = merged_open(i, &e);
	assert_non_null(after);
	assert_memory_equal(index_uuid(before), index_uuid(after), 16);
	assert_true(index_lookup(before, INDEX_ROOT, "srv", 3) != 0);
	assert_true(index_lookup(after, INDEX_ROOT, "srv", 3) != 0);
	index_close(before);
	index_close(after);
	image_unref(i);
}

#define ON_NODE(t) \
	cmocka_unit_test_setup_teardown(t, make_fixture, remove_fixture)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NODE(nobody_takes_away_what_another_has_just_made),
		ON_NODE(one_that_was_removed_stays_open_and_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
