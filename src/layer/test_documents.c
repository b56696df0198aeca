/* When manifests and configs come and go. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "layer/documents.h"
#include "layer/files.h"
#include "layer/prune.h"
#include "layer/testing.h"

/* ---- while a document is being saved ---- */

/* The wrapped call has no other way to it. */
static struct {
	struct fixture *fixture; /* whose thread comes in between, or NULL */
	struct digest digest;
	ino_t folder;
	unsigned n_synced; /* the folder, for good */
} saving;

int __real_fsync(int fd);
int __wrap_fsync(int fd);

/* It has its name, and another thread comes before that is on disk. */
static void
come_in_between(void)
{
	struct fixture *f = saving.fixture;
	struct err e = ERR_INIT;

	saving.fixture = NULL;
	assert_true(files_has_blob(f->parts.store, &saving.digest));
	OK(documents_save(f->catalog, &saving.digest, "{}", 2, &e));
	assert_int_equal(saving.n_synced, 1);
}

int
__wrap_fsync(int fd)
{
	struct stat st;
	int rc;

	assert_int_equal(fstat(fd, &st), 0);
	if (st.st_ino == saving.folder && saving.fixture != NULL)
		come_in_between();
	rc = __real_fsync(fd);
	saving.n_synced += st.st_ino == saving.folder;
	return rc;
}

static void
what_another_thread_is_saving_is_on_disk_too(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct stat st;

	digest_of(&saving.digest, "{}", 2);
	assert_int_equal(fstatat(f->root, "manifests", &st, 0), 0);
	saving.folder = st.st_ino;
	saving.n_synced = 0;
	saving.fixture = f;
	OK(documents_save(f->catalog, &saving.digest, "{}", 2, &e));
	assert_null(saving.fixture);
	assert_int_equal(saving.n_synced, 2);
	/* And what is there for good costs nothing. */
	OK(documents_save(f->catalog, &saving.digest, "{}", 2, &e));
	assert_int_equal(saving.n_synced, 2);
}

/* A process may have been killed between a name and its sync. */
static void
what_the_last_process_saved_is_on_disk(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	stop(f);
	assert_int_equal(fstatat(f->root, "manifests", &st, 0), 0);
	saving.folder = st.st_ino;
	saving.n_synced = 0;
	start(f);
	assert_int_equal(saving.n_synced, 1);
}

/* ---- what goes, and what stays ---- */

static unsigned
count_documents(struct fixture *f)
{
	AUTO_CLOSE int fd =
	    openat(f->root, "manifests", O_RDONLY | O_DIRECTORY);
	DIR *dir = fdopendir(take_fd(&fd));
	unsigned n = 0;

	assert_non_null(dir);
	for (struct dirent *x; (x = readdir(dir)) != NULL;)
		n += x->d_name[0] != '.';
	closedir(dir);
	return n;
}

static bool
has_config(struct fixture *f, const struct digest *image)
{
	struct err e = ERR_INIT;
	struct image *i = catalog_open_known(f->catalog, image, "", false, &e);
	AUTO_DOC struct doc *config = NULL;

	assert_non_null(i);
	config = image_read_config(i, &e);
	image_unref(i);
	return config != NULL;
}

static void
a_config_goes_with_the_last_image_that_has_it(void **state)
{
	struct fixture *f = *state;
	struct digest b;

	add_image_by(f, "a", 2, "same");
	b = add_image_by(f, "b", 2, "same");
	add_image_by(f, "c", 2, "other");
	image_unref(open_image(f, "a", NAMED));
	image_unref(open_image(f, "b", NAMED));
	image_unref(open_image(f, "c", NAMED));
	assert_int_equal(count_documents(f), 5);
	forget(f, "a", true);
	assert_int_equal(count_documents(f), 4);
	assert_true(has_config(f, &b));
	forget(f, "b", true);
	assert_int_equal(count_documents(f), 2);
	forget(f, "c", true);
	assert_int_equal(count_documents(f), 0);
}

static void
prune(struct fixture *f)
{
	struct prune_request q = { .unused_s = 3600 };
	uint64_t freed;
	struct err e = ERR_INIT;

	OK(catalog_prune(f->catalog, &q, &freed, &e));
}

/* An image that is being opened has no rows yet. */
static void
what_an_open_image_names_stays(void **state)
{
	struct fixture *f = *state;
	struct digest b;
	struct image *i;
	struct err e = ERR_INIT;

	add_image_by(f, "a", 2, "same");
	b = add_image_by(f, "b", 2, "same");
	image_unref(open_image(f, "a", NAMED));
	i = open_image(f, "b", UNNAMED);
	OK(db_remove_image(f->parts.db, &b, &e));
	forget(f, "a", true);
	prune(f);
	assert_int_equal(count_documents(f), 2);
	image_unref(i);
	prune(f);
	assert_int_equal(count_documents(f), 0);
}

static void
what_nobody_names_is_pruned(void **state)
{
	struct fixture *f = *state;
	struct digest a = add_image(f, "a", 2), stray;
	struct err e = ERR_INIT;

	image_unref(open_image(f, "a", NAMED));
	digest_of(&stray, "{}", 2);
	OK(documents_save(f->catalog, &stray, "{}", 2, &e));
	assert_int_equal(count_documents(f), 3);
	prune(f);
	assert_int_equal(count_documents(f), 2);
	assert_false(files_has_blob(f->parts.store, &stray));
	assert_true(has_config(f, &a));
}

static void
what_was_half_written_is_gone_after_the_start(void **state)
{
	struct fixture *f = *state;
	static const char *const left[] = { "manifests/0123.77.tmp",
		"profiles/0123.77.tmp", "boot.77.tmp" };

	for (int i = 0; i < 3; i++)
		close(openat(f->root, left[i], O_CREAT | O_WRONLY, 0600));
	stop(f);
	start(f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(faccessat(f->root, left[i], F_OK, 0), -1);
}

#define ON_NODE(t) \
	cmocka_unit_test_setup_teardown(t, make_fixture, remove_fixture)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NODE(what_another_thread_is_saving_is_on_disk_too),
		ON_NODE(what_the_last_process_saved_is_on_disk),
		ON_NODE(a_config_goes_with_the_last_image_that_has_it),
		ON_NODE(what_an_open_image_names_stays),
		ON_NODE(what_nobody_names_is_pruned),
		ON_NODE(what_was_half_written_is_gone_after_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
