/* Starts become runs of a profile, and a profile brings what a start reads, on
 * images in a layout folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "layer/places.h"
#include "layer/profile.h"
#include "layer/profiles.h"
#include "layer/recordings.h"
#include "layer/testing.h"
#include "layer/view.h"
#include "index/index.h"

#define NAMED ((struct image_request){ .layout = -1 })
#define STARTED ((struct image_request){ .layout = -1, .is_start = true })

/* Of the tar, and of the blob with a table of contents. */
#define HELLO "srv/hello"
#define LONG "srv/odd/xattrs"

static int
make_recorded(void **state)
{
	int rc = make_fixture(state);
	struct fixture *f = *state;

	if (rc < 0)
		return rc;
	stop(f);
	f->parts.record_ms = 60000;
	f->parts.quiet_ms = 60000;
	start(f);
	return 0;
}

/* ---- a run ---- */

struct reading {
	struct want want;
	_Atomic bool is_done;
};

static void
on_done(struct want *w, const struct err *failure)
{
	assert_null(failure);
	container_of(w, struct reading, want)->is_done = true;
}

static uint64_t
find(const struct view *v, const char *path)
{
	AUTO_FREE char *copy = strdup(path);
	char *rest = copy, *name;
	uint64_t nid = INDEX_ROOT;

	while ((name = strsep(&rest, "/")) != NULL)
		nid = index_lookup(view_index(v), nid, name, strlen(name));
	assert_true(nid != 0);
	return nid;
}

/* As a mount does: at once, or after waiting. */
static void
read_file(struct view *v, const char *path)
{
	struct reading r = { .want = {
				 .priority = SOURCE_NOW, .on_done = on_done } };
	AUTO_FREE char *bytes = NULL;
	struct err e = ERR_INIT;

	assert_true(index_file(
	    view_index(v), find(v, path), &r.want.data_off, &r.want.len));
	bytes = malloc(r.want.len);
	if (view_read(v, bytes, r.want.len, r.want.data_off, &e) == 0)
		return;
	assert_int_equal(e.code, EAGAIN);
	view_want(v, &r.want);
	while (!r.is_done)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	OK(view_read(v, bytes, r.want.len, r.want.data_off, &e));
}

static bool
has_file(struct fixture *f, struct view *v, const char *path)
{
	uint64_t data_off, size;

	assert_true(index_file(view_index(v), find(v, path), &data_off, &size));
	return store_has(f->parts.store, data_off, size);
}

static struct view *
begin_run(struct fixture *f, struct image *i)
{
	struct view *v;

	image_start(i);
	v = image_view(i, IMAGE_MERGED, &f->e);
	assert_non_null(v);
	return v;
}

static void
run(struct fixture *f, const char *first, const char *second)
{
	struct image *i = open_image(f, "a", NAMED);
	struct view *v = begin_run(f, i);

	read_file(v, first);
	if (second != NULL)
		read_file(v, second);
	view_unref(v);
	recordings_settle(catalog_recordings(f->catalog), &i->manifest.digest);
	image_unref(i);
}

/* "1:srv/hello(2/0) ..." */
static const char *
profile_text(struct fixture *f, const struct digest *d)
{
	AUTO_PROFILE struct profile *p =
	    profiles_load(f->parts.store, d, &f->e);
	static char text[1000];
	char *at = text;

	*at = 0;
	for (size_t i = 0; p != NULL && i < p->n_entries; i++)
		at += sprintf(at, "%s%u:%s(%u/%u)", i == 0 ? "" : " ",
		    p->files[p->entries[i].file]->layer,
		    p->files[p->entries[i].file]->path, p->entries[i].runs,
		    p->entries[i].missed);
	return text;
}

static void
a_run_that_ends_is_recorded(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);

	run(f, HELLO, LONG);
	assert_string_equal(
	    profile_text(f, &d), "1:" HELLO "(1/0) 0:" LONG "(1/0)");
	run(f, LONG, NULL);
	assert_string_equal(
	    profile_text(f, &d), "0:" LONG "(2/0) 1:" HELLO "(1/1)");
}

static void
a_run_ends_by_itself_when_it_is_quiet(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image *i;
	struct view *v;

	stop(f);
	f->parts.quiet_ms = 50;
	start(f);
	i = open_image(f, "a", NAMED);
	v = begin_run(f, i);
	read_file(v, HELLO);
	for (int n = 0; n < 1000 && !profiles_has(f->parts.store, &d); n++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	read_file(v, LONG);
	view_unref(v);
	image_unref(i);
	assert_string_equal(profile_text(f, &d), "1:" HELLO "(1/0)");
}

static void
what_is_mounted_already_is_not_started(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image *i = open_image(f, "a", NAMED);
	struct view *v = image_view(i, IMAGE_MERGED, &f->e);

	image_note_shown(i, true);
	read_file(v, HELLO);
	image_start(i);
	read_file(v, LONG);
	image_note_shown(i, false);
	view_unref(v);
	recordings_settle(catalog_recordings(f->catalog), &d);
	image_unref(i);
	assert_false(profiles_has(f->parts.store, &d));
}

/* Its kernel's memory is its own. */
static void
a_mount_that_was_taken_away_and_lives_on_hides_no_start(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image *i = open_image(f, "a", NAMED);
	struct view *left = image_view(i, IMAGE_MERGED, &f->e), *v;

	image_note_shown(i, true);
	read_file(left, HELLO);
	image_note_shown(i, false);
	v = begin_run(f, i);
	image_note_shown(i, true);
	read_file(v, LONG);
	image_note_shown(i, false);
	view_unref(v);
	view_unref(left);
	recordings_settle(catalog_recordings(f->catalog), &d);
	image_unref(i);
	assert_string_equal(profile_text(f, &d), "0:" LONG "(1/0)");
}

static void
renewing_forgets_and_records_what_is_mounted(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image *i;
	struct view *v;
	struct err e;

	run(f, HELLO, NULL);
	i = open_image(f, "a", NAMED);
	v = begin_run(f, i);
	read_file(v, HELLO);
	OK(recordings_renew(catalog_recordings(f->catalog), &d, &e));
	assert_false(profiles_has(f->parts.store, &d));
	read_file(v, LONG);
	view_unref(v);
	recordings_settle(catalog_recordings(f->catalog), &d);
	image_unref(i);
	assert_string_equal(profile_text(f, &d), "0:" LONG "(1/0)");
}

static void
a_daemon_that_ends_saves_a_run_cut_short(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct image *i;
	struct view *v;

	run(f, HELLO, NULL);
	i = open_image(f, "a", NAMED);
	v = begin_run(f, i);
	read_file(v, LONG);
	recordings_stop(catalog_recordings(f->catalog));
	/* It says nothing of the file that it did not come to. */
	assert_string_equal(
	    profile_text(f, &d), "0:" LONG "(1/0) 1:" HELLO "(1/0)");
	read_file(v, HELLO);
	view_unref(v);
	image_unref(i);
}

static void
a_profile_brings_what_a_start_reads_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 1);
	AUTO_PROFILE struct profile *p = NULL;
	struct places places;
	struct image *i;
	struct view *v;
	struct err e;

	run(f, LONG, NULL);
	p = profiles_load(f->parts.store, &d, &e);
	assert_non_null(p);
	/* Another node: nothing of it here but the profile. */
	remove_fixture(state);
	assert_int_equal(make_recorded(state), 0);
	f = *state;
	add_image(f, "a", 1);
	OK(profiles_save(f->parts.store, p, &e));
	i = open_image(f, "a", STARTED);
	v = begin_run(f, i);
	for (int n = 0; n < 1000 && !has_file(f, v, LONG); n++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	assert_true(has_file(f, v, LONG));
	/* And what makes room is told where it lies. */
	OK(image_find_start(i, &places, &e));
	assert_int_equal(places.n, 1);
	assert_true(
	    store_has(f->parts.store, places.at[0].data_off, places.at[0].len));
	places_release(&places);
	view_unref(v);
	/* Nobody read: that was no run. */
	recordings_settle(catalog_recordings(f->catalog), &d);
	image_unref(i);
	assert_string_equal(profile_text(f, &d), "0:" LONG "(1/0)");
}

static void
drop_file(struct fixture *f, struct view *v, const char *path)
{
	uint64_t data_off, size;
	struct err e;

	assert_true(index_file(view_index(v), find(v, path), &data_off, &size));
	OK(store_drop(f->parts.store, data_off, size, &e));
}

/* The name means another image, on top of the layer that it meant before. */
static void
an_image_without_a_profile_starts_by_the_one_before_it(void **state)
{
	struct fixture *f = *state;
	struct image *i;
	struct view *v;

	add_image(f, "a", 1);
	run(f, LONG, NULL);
	doc_unref(f->entries);
	f->entries = doc_new_array();
	add_image(f, "a", 2);
	i = open_image(f, "a", STARTED);
	assert_int_equal(i->manifest.n_layers, 2);
	v = image_view(i, IMAGE_MERGED, &f->e);
	assert_non_null(v);
	drop_file(f, v, LONG);
	image_start(i);
	for (int n = 0; n < 1000 && !has_file(f, v, LONG); n++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	assert_true(has_file(f, v, LONG));
	view_unref(v);
	image_unref(i);
}

static void
a_damaged_profile_goes_and_hurts_nobody(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	char path[100];
	struct err e;

	snprintf(path, sizeof path, "profiles/%s", DIGEST_HEX(&d));
	OK(fs_replace_file(f->root, path, "nonsense", 8, 0600, &e));
	assert_null_with(profiles_load(f->parts.store, &d, &e), e, ENOENT);
	assert_false(profiles_has(f->parts.store, &d));
	OK(fs_replace_file(f->root, path, "nonsense", 8, 0600, &e));
	run(f, HELLO, NULL);
	assert_string_equal(profile_text(f, &d), "1:" HELLO "(1/0)");
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_recorded, remove_fixture)
	const struct CMUnitTest tests[] = {
		TEST(a_run_that_ends_is_recorded),
		TEST(a_run_ends_by_itself_when_it_is_quiet),
		TEST(what_is_mounted_already_is_not_started),
		TEST(a_mount_that_was_taken_away_and_lives_on_hides_no_start),
		TEST(renewing_forgets_and_records_what_is_mounted),
		TEST(a_daemon_that_ends_saves_a_run_cut_short),
		TEST(a_profile_brings_what_a_start_reads_and_no_more),
		TEST(an_image_without_a_profile_starts_by_the_one_before_it),
		TEST(a_damaged_profile_goes_and_hurts_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
