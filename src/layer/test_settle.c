/* What a power cut may take of layers and merged indexes, and what not. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layer/layer.h"
#include "layer/testing.h"
#include "layer/view.h"

/* ---- what was synced before a layer counts as on disk ---- */

enum { SYNCED_MAX = 64 };

/* The wrapped calls have no other way to it. */
static struct {
	ino_t at[SYNCED_MAX];
	unsigned n, settled, missing;
	ino_t unmarked; /* lost its `fresh`, not synced since */
	bool is_watching;
} synced;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

int
__wrap_fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	if (synced.n < SYNCED_MAX)
		synced.at[synced.n++] = st.st_ino;
	if (synced.unmarked == st.st_ino)
		synced.unmarked = 0;
	return __real_fsync(fd);
}

static bool
is_synced(int dir, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, 0), 0);
	for (unsigned i = 0; i < synced.n; i++)
		if (synced.at[i] == st.st_ino)
			return true;
	return false;
}

int
__wrap_unlinkat(int dir, const char *name, int flags)
{
	static const char *const needed[] = { "index", "index.sum", "map",
		"info", ".", ".." };
	struct stat st;

	if (synced.is_watching && strcmp(name, "fresh") == 0) {
		for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
			synced.missing += !is_synced(dir, needed[i]);
		assert_int_equal(fstat(dir, &st), 0);
		synced.unmarked = st.st_ino;
		synced.settled++;
	}
	return __real_unlinkat(dir, name, flags);
}

/* ---- a node whose power is cut ---- */

static void
path_of(char path[160], const char *kind, const struct digest *d)
{
	snprintf(path, 160, "%s/%s/fresh", kind, DIGEST_HEX(d));
}

static bool
is_fresh(const struct fixture *f, const char *kind, const struct digest *d)
{
	char path[160];

	path_of(path, kind, d);
	return faccessat(f->root, path, F_OK, 0) == 0;
}

/* As the next boot finds it, if it was there. */
static void
age(struct fixture *f, const char *kind, const struct digest *d)
{
	static const char boot[] = "another boot";
	char path[160];
	int fd;

	path_of(path, kind, d);
	fd = openat(f->root, path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return;
	assert_int_equal(write(fd, boot, strlen(boot)), strlen(boot));
	close(fd);
}

static void
cut_power(struct fixture *f, const struct digest *image)
{
	stop(f);
	age(f, "layers", &f->lazy.layer.digest);
	age(f, "layers", &f->tar_digest);
	age(f, "images", image);
	start(f);
}

/* How many layers were on disk for good after it, and not before. */
static unsigned
settle(struct fixture *f)
{
	struct err e = ERR_INIT;

	memset(&synced, 0, sizeof synced);
	synced.is_watching = true;
	OK(catalog_settle(f->catalog, &e));
	synced.is_watching = false;
	assert_int_equal(synced.missing, 0);
	assert_int_equal(synced.unmarked, 0);
	return synced.settled;
}

/* Opened by its tag, and shown. */
static void
show(struct fixture *f)
{
	struct image *i = open_image(f, "a", NAMED);
	struct err e = ERR_INIT;
	struct view *v = image_view(i, IMAGE_MERGED, &e);

	assert_non_null(v);
	view_unref(v);
	image_unref(i);
}

static void
what_was_not_on_disk_is_made_again(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);

	show(f);
	assert_true(is_fresh(f, "layers", &f->lazy.layer.digest));
	assert_true(is_fresh(f, "layers", &f->tar_digest));
	cut_power(f, &d);
	assert_int_equal(catalog_count_layers(f->catalog), 0);
	show(f);
	assert_int_equal(catalog_count_layers(f->catalog), 2);
}

static void
what_is_settled_outlives_a_power_cut(void **state)
{
	struct fixture *f = *state;
	struct digest d = add_image(f, "a", 2);
	struct err e = ERR_INIT;
	struct image *i;
	struct view *v;

	show(f);
	assert_int_equal(settle(f), 2);
	assert_false(is_fresh(f, "layers", &f->lazy.layer.digest));
	assert_false(is_fresh(f, "layers", &f->tar_digest));
	assert_int_equal(settle(f), 0);
	cut_power(f, &d);
	assert_int_equal(catalog_count_layers(f->catalog), 2);
	i = catalog_open_known(f->catalog, &d, "a", false, &e);
	assert_non_null(i);
	v = image_view(i, IMAGE_MERGED, &e);
	assert_non_null(v);
	view_unref(v);
	image_unref(i);
}

static void
a_worker_that_starts_again_has_what_is_not_on_disk_and_settles_it(void **state)
{
	struct fixture *f = *state;

	add_image(f, "a", 2);
	show(f);
	stop(f);
	start(f);
	assert_int_equal(catalog_count_layers(f->catalog), 2);
	assert_int_equal(settle(f), 2);
	assert_false(is_fresh(f, "layers", &f->tar_digest));
}

#define ON_NODE(t) \
	cmocka_unit_test_setup_teardown(t, make_fixture, remove_fixture)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NODE(what_was_not_on_disk_is_made_again),
		ON_NODE(what_is_settled_outlives_a_power_cut),
		ON_NODE(
		    a_worker_that_starts_again_has_what_is_not_on_disk_and_settles_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
