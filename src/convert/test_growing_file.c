#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "convert/growing_file.h"
#include "base/err.h"
#include "base/test.h"
#include "base/thread.h"

enum { BYTES = 100000, STEP = 777 };

struct reader {
	struct growing_file *file;
	char got[BYTES + 1];
	size_t len;
	int code; /* 0: it read to the end */
};

static void *
read_all(void *arg)
{
	struct reader *r = arg;
	struct err e;
	ssize_t n;

	while ((n = growing_file_read(r->file, r->len, r->got + r->len,
		    sizeof r->got - r->len, &e)) > 0)
		r->len += n;
	r->code = n < 0 ? e.code : 0;
	return NULL;
}

/* What a reader gets while the bytes come. */
static void
run(struct reader *r, const char *bytes, bool is_whole)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct growing_file g;
	pthread_t thread;
	struct err e;

	growing_file_init(&g, fd);
	*r = (struct reader){ .file = &g };
	assert_int_equal(thread_start(&thread, "reader", read_all, r, &e), 0);
	for (size_t at = 0; at < BYTES;) {
		size_t n = at + STEP < BYTES ? STEP : BYTES - at;

		assert_int_equal(pwrite(fd, bytes + at, n, at), n);
		at += n;
		growing_file_grow(&g, at);
		assert_int_equal(growing_file_size(&g), at);
	}
	growing_file_end(&g, is_whole);
	pthread_join(thread, NULL);
	growing_file_release(&g);
	close(fd);
}

static void
a_reader_gets_what_comes_to_its_end(void **state)
{
	static char bytes[BYTES];
	static struct reader r;

	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = i * i / 7;
	run(&r, bytes, true);
	assert_int_equal(r.code, 0);
	assert_int_equal(r.len, BYTES);
	assert_memory_equal(r.got, bytes, BYTES);
}

static void
a_reader_of_what_nobody_wants_is_told(void **state)
{
	static char bytes[BYTES];
	static struct reader r;

	(void)state;
	run(&r, bytes, false);
	assert_int_equal(r.code, ECANCELED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_gets_what_comes_to_its_end),
		cmocka_unit_test(a_reader_of_what_nobody_wants_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
