#include <errno.h>
#include <string.h>

#include "base/test.h"

static void
contexts_read_from_the_outermost_in(void **s)
{
	struct err e = ERR_INIT;

	(void)s;
	assert_int_equal(err_set(&e, EPROTO, "status %d", 500), -1);
	assert_int_equal(err_wrap(&e, "GET %s", "/v2/"), -1);
	err_wrap(&e, "image %s", "nginx");
	assert_string_equal(e.msg, "image nginx: GET /v2/: status 500");
	assert_int_equal(e.code, EPROTO);
}

static void
a_system_error_carries_errno_and_its_text(void **s)
{
	struct err e = ERR_INIT;

	(void)s;
	errno = ENOENT;
	assert_int_equal(err_sys(&e, "open %s", "x"), -1);
	assert_string_equal(e.msg, "open x: No such file or directory");
	assert_int_equal(e.code, ENOENT);
}

static void
a_long_message_is_cut_and_stays_terminated(void **s)
{
	struct err e = ERR_INIT;
	char text[1000];

	(void)s;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = 0;
	err_set(&e, EIO, "%s", text);
	err_wrap(&e, "%s", text);
	errno = EIO;
	err_sys(&e, "%s", text);
	assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

static void
codes_travel_by_name(void **s)
{
	static const int codes[] = { ENOENT, EACCES, EBADMSG, EAGAIN, ETIMEDOUT,
		ENOSPC, EPROTO, ENOTSUP, ECANCELED, EINVAL };

	(void)s;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		assert_int_equal(
		    err_code_from_name(err_code_name(codes[i])), codes[i]);
	assert_string_equal(err_code_name(ENOENT), "ENOENT");
	assert_string_equal(err_code_name(99999), "EIO");
	assert_int_equal(err_code_from_name("ENONSENSE"), EIO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_travel_by_name),
		cmocka_unit_test(contexts_read_from_the_outermost_in),
		cmocka_unit_test(a_system_error_carries_errno_and_its_text),
		cmocka_unit_test(a_long_message_is_cut_and_stays_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
