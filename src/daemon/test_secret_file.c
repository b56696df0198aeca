#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/secret_file.h"
#include "base/bytes.h"
#include "base/test.h"

static int
open_file(void)
{
	int fd = memfd_create("secrets", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
write_text(struct secret_file *f, const char *text)
{
	struct err e;

	assert_int_equal(secret_file_write(f, text, strlen(text), &e), 0);
}

/* What a worker that starts now would find. */
static void
assert_holds(int fd, const char *text)
{
	AUTO_BUF struct buf b = BUF_INIT(SECRET_FILE_MAX);
	struct secret_file f = { .fd = fd };
	struct err e;

	assert_int_equal(secret_file_read(&f, &b, &e), 0);
	assert_string_equal(buf_str(&b), text);
}

static void
what_was_written_last_is_read(void **state)
{
	struct secret_file f = { .fd = open_file() };
	struct err e;

	(void)state;
	assert_holds(f.fd, "");
	write_text(&f, "first, and long");
	assert_holds(f.fd, "first, and long");
	write_text(&f, "2nd");
	assert_holds(f.fd, "2nd");
	write_text(&f, "");
	assert_holds(f.fd, "");
	write_text(&f, "4th");
	assert_holds(f.fd, "4th");
	assert_fails(
	    secret_file_write(&f, "", SECRET_FILE_MAX + 1, &e), e, E2BIG);
	close(f.fd);
}

/* Every byte that a write may have been the first not to write. */
static void
half_a_write_leaves_what_was_before(void **state)
{
	const char *second = "the second, of some length";
	size_t n = SECRET_FILE_HEADER + strlen(second);
	struct secret_file f = { .fd = open_file() };
	uint8_t whole[256], zero[256] = { 0 };
	off_t at = 0; /* of an even generation */

	(void)state;
	write_text(&f, "the first");
	write_text(&f, second);
	assert_int_equal(pread(f.fd, whole, n, at), n);
	for (size_t cut = 0; cut < n; cut++) {
		/* reserved bytes say nothing */
		if (cut >= 56 && cut < SECRET_FILE_HEADER)
			continue;
		whole[cut] ^= 1;
		assert_int_equal(pwrite(f.fd, whole, n, at), n);
		assert_holds(f.fd, "the first");
		whole[cut] ^= 1;
	}
	assert_int_equal(pwrite(f.fd, zero, n, at), n);
	assert_holds(f.fd, "the first");
	close(f.fd);
}

static void
a_file_with_no_whole_half_is_an_error_and_can_be_written(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(SECRET_FILE_MAX);
	struct secret_file f = { .fd = open_file() };
	struct err e;

	(void)state;
	assert_int_equal(
	    pwrite(f.fd, "lfsecret????????\377\377\377\377", 20, 0), 20);
	assert_fails(secret_file_read(&f, &b, &e), e, EBADMSG);
	write_text(&f, "new");
	assert_holds(f.fd, "new");
	close(f.fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_last_is_read),
		cmocka_unit_test(half_a_write_leaves_what_was_before),
		cmocka_unit_test(
		    a_file_with_no_whole_half_is_an_error_and_can_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
