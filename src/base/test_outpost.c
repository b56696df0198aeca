#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/outpost.h"
#include "base/test.h"
#include "base/test_folder.h"

/* A fifo that nobody writes to does not answer whoever opens it.  Nothing here is waited
 * for by the clock but what never comes. */
enum { SHORT_MS = 300, LONG_MS = 600 * 1000 };

static int
open_plainly(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_CLOEXEC);
}

static struct outpost *
at(const struct folder *f, uint32_t patience_ms)
{
	const struct outpost_place p = {
		.dir = dup(f->fd),
		.open = open_plainly,
		.patience_ms = patience_ms,
	};
	struct err e = ERR_INIT;
	struct outpost *o = outpost_new(&p, &e);

	assert_non_null(o);
	return o;
}

static void
put(const struct folder *f, const char *name, const void *p, size_t n)
{
	struct err e = ERR_INIT;

	assert_int_equal(fs_replace_file(f->fd, name, p, n, 0600, &e), 0);
}

/* Orphans are this process's: main() asked for them. */
static int
wait_for_child(void)
{
	int status = -1;

	assert_true(waitpid(-1, &status, 0) > 0);
	return status;
}

/* A busy machine may take longer for the child's birth than it is waited for. */
static struct outpost *
manned_at(const struct folder *f, uint32_t patience_ms)
{
	struct outpost *o = at(f, patience_ms);
	struct outpost_look k = { .name = "file" };
	struct err e = ERR_INIT;

	put(f, "file", "bytes", 5);
	while (outpost_read(o, &k, &e) != 0)
		assert_int_equal(e.code, ETIMEDOUT);
	return o;
}

static void
free_idle(struct outpost *o)
{
	outpost_free(o);
	assert_true(WIFEXITED(wait_for_child()));
}

static void
a_file_is_read_in_pieces(void **state)
{
	const struct folder *f = *state;
	static uint8_t bytes[OUTPOST_BYTES + 3];
	struct outpost *o = at(f, LONG_MS);
	struct outpost_look k = { .name = "file" };
	struct err e = ERR_INIT;

	bytes[0] = 'a';
	bytes[OUTPOST_BYTES] = 'z';
	put(f, "file", bytes, sizeof bytes);
	assert_int_equal(outpost_read(o, &k, &e), 0);
	assert_int_equal(k.size, sizeof bytes);
	assert_int_equal(k.n, OUTPOST_BYTES);
	assert_int_equal(k.bytes[0], 'a');
	k.off = k.n;
	k.is_open = true;
	k.most = 2;
	assert_int_equal(outpost_read(o, &k, &e), 0);
	assert_int_equal(k.n, 2);
	assert_int_equal(k.bytes[0], 'z');
	k.off = sizeof bytes;
	assert_int_equal(outpost_read(o, &k, &e), 0);
	assert_int_equal(k.n, 0);
	free_idle(o);
}

static void
a_file_is_read_whole_unless_it_is_too_long(void **state)
{
	const struct folder *f = *state;
	static uint8_t bytes[2 * OUTPOST_BYTES + 3] = { [OUTPOST_BYTES] = 'z' };
	AUTO_BUF struct buf all = BUF_INIT(sizeof bytes);
	AUTO_BUF struct buf less = BUF_INIT(sizeof bytes - 1);
	struct outpost *o = at(f, LONG_MS);
	struct err e = ERR_INIT;

	put(f, "file", bytes, sizeof bytes);
	assert_int_equal(outpost_read_file(o, "file", &all, &e), 0);
	assert_int_equal(all.len, sizeof bytes);
	assert_memory_equal(all.data, bytes, sizeof bytes);
	assert_fails(outpost_read_file(o, "file", &less, &e), e, E2BIG);
	free_idle(o);
}

static void
a_file_that_was_replaced_is_the_new_one(void **state)
{
	const struct folder *f = *state;
	struct outpost *o = at(f, LONG_MS);
	struct outpost_look k = { .name = "file" };
	struct err e = ERR_INIT;

	put(f, "file", "old", 3);
	assert_int_equal(outpost_read(o, &k, &e), 0);
	put(f, "file", "new", 3);
	assert_int_equal(outpost_read(o, &k, &e), 0);
	assert_memory_equal(k.bytes, "new", 3);
	free_idle(o);
}

static void
what_is_not_there_is_said_by_its_name(void **state)
{
	const struct folder *f = *state;
	const struct outpost_place nowhere = {
		.dir = -1, .folder = "/nowhere", .open = open_plainly
	};
	struct outpost *o = at(f, LONG_MS);
	struct outpost_look k = { .name = "file" };
	struct err e = ERR_INIT;

	assert_fails(outpost_read(o, &k, &e), e, ENOENT);
	assert_non_null(strstr(e.msg, "file: "));
	free_idle(o);
	o = outpost_new(&nowhere, &e);
	assert_fails(outpost_read(o, &k, &e), e, ENOENT);
	assert_non_null(strstr(e.msg, "/nowhere: "));
	free_idle(o);
}

static void
what_is_no_file_is_said_to_be_none(void **state)
{
	struct outpost *o = at(*state, LONG_MS);
	struct outpost_look k = { .name = "." };
	struct err e = ERR_INIT;

	assert_fails(outpost_read(o, &k, &e), e, EPROTO);
	assert_non_null(strstr(e.msg, "no regular file"));
	free_idle(o);
}

static void
who_did_nothing_for_a_moment_is_replaced(void **state)
{
	const struct folder *f = *state;
	struct outpost *o = at(f, LONG_MS);
	struct outpost_look k = { .name = "file" };
	struct err e = ERR_INIT;

	put(f, "file", "bytes", 5);
	assert_int_equal(outpost_read(o, &k, &e), 0);
	assert_true(WIFEXITED(wait_for_child()));
	k.is_open = true;
	assert_int_equal(outpost_read(o, &k, &e), 0);
	assert_memory_equal(k.bytes, "bytes", 5);
	free_idle(o);
}

static void
one_that_is_late_is_not_waited_for_again_until_it_is_back(void **state)
{
	const struct folder *f = *state;
	struct outpost *o = manned_at(f, SHORT_MS);
	struct outpost_look k = { .name = "fifo" }, file = { .name = "file" };
	struct err e = ERR_INIT;
	int writer;

	assert_int_equal(mkfifoat(f->fd, "fifo", 0600), 0);
	assert_fails(outpost_read(o, &k, &e), e, ETIMEDOUT);
	assert_non_null(strstr(e.msg, "fifo: "));
	assert_fails(outpost_read(o, &file, &e), e, ETIMEDOUT);
	writer = openat(f->fd, "fifo", O_WRONLY | O_CLOEXEC);
	assert_true(writer >= 0);
	while (outpost_read(o, &file, &e) != 0)
		assert_int_equal(e.code, ETIMEDOUT);
	assert_memory_equal(file.bytes, "bytes", 5);
	close(writer);
	free_idle(o);
}

static void
one_that_hangs_ends_with_its_outpost(void **state)
{
	const struct folder *f = *state;
	struct outpost *o = manned_at(f, SHORT_MS);
	struct outpost_look k = { .name = "fifo" };
	struct err e = ERR_INIT;
	int status;

	assert_int_equal(mkfifoat(f->fd, "fifo", 0600), 0);
	assert_fails(outpost_read(o, &k, &e), e, ETIMEDOUT);
	outpost_free(o);
	status = wait_for_child();
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
who_is_cancelled_does_not_wait(void **state)
{
	const struct folder *f = *state;
	static const _Atomic bool cancelled = true;
	struct outpost *o = at(f, LONG_MS);
	struct outpost_look k = { .name = "fifo", .is_cancelled = &cancelled };
	struct err e = ERR_INIT;

	assert_int_equal(mkfifoat(f->fd, "fifo", 0600), 0);
	assert_fails(outpost_read(o, &k, &e), e, ECANCELED);
	outpost_free(o);
	wait_for_child();
}

int
main(void)
{
#define IN_FOLDER(test) \
	cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_file_is_read_in_pieces),
		IN_FOLDER(a_file_is_read_whole_unless_it_is_too_long),
		IN_FOLDER(a_file_that_was_replaced_is_the_new_one),
		IN_FOLDER(what_is_not_there_is_said_by_its_name),
		IN_FOLDER(what_is_no_file_is_said_to_be_none),
		IN_FOLDER(who_did_nothing_for_a_moment_is_replaced),
		IN_FOLDER(
		    one_that_is_late_is_not_waited_for_again_until_it_is_back),
		IN_FOLDER(one_that_hangs_ends_with_its_outpost),
		IN_FOLDER(who_is_cancelled_does_not_wait),
	};

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
