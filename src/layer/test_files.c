#include <stdio.h>
#include <sys/resource.h>

#include "layer/files.h"
#include "store/store.h"
#include "base/test.h"
#include "base/test_folder.h"

static struct store *
open_store(const struct folder *f)
{
	struct err e;
	struct store *s = store_open(f->fd, &e);

	assert_non_null(s);
	assert_int_equal(files_prepare(s, &e), 0);
	return s;
}

static void
make_file(const struct draft *w, const char *name)
{
	struct err e;
	int fd = draft_create(w, name, &e);

	assert_true(fd >= 0);
	close(fd);
}

static bool
is_there(struct store *s, const char *path)
{
	return faccessat(store_root(s), path, F_OK, 0) == 0;
}

static void
limit_descriptors(rlim_t n)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	l.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
}

static void
a_draft_is_discarded_without_a_descriptor(void **state)
{
	static const char *const names[] = { "index", "index.sum", "map",
		"points", "info", "fresh" };
	struct store *s = open_store(*state);
	char path[64];
	struct draft w;
	struct err e;

	assert_int_equal(draft_begin(&w, s, &e), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		make_file(&w, names[i]);
	snprintf(path, sizeof path, "tmp/%s", w.name);
	assert_true(is_there(s, path));
	limit_descriptors(0);
	draft_discard(&w);
	limit_descriptors(256);
	assert_false(is_there(s, path));
	store_close(s);
}

static void
a_draft_has_no_files_of_another(void **state)
{
	struct store *s = open_store(*state);
	struct draft w;
	struct err e;

	assert_int_equal(draft_begin(&w, s, &e), 0);
	make_file(&w, "points");
	close(w.dir); /* and is forgotten */
	assert_int_equal(draft_begin(&w, s, &e), 0);
	assert_int_equal(faccessat(w.dir, "points", F_OK, 0), -1);
	draft_discard(&w);
	store_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_draft_is_discarded_without_a_descriptor, make_folder,
		    remove_folder),
		cmocka_unit_test_setup_teardown(a_draft_has_no_files_of_another,
		    make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
