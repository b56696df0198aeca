#include <errno.h>

#include "base/digest.h"
#include "base/test.h"

#define ABC       \
	"sha256:" \
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void
the_digest_of_abc_is_the_known_one(void **s)
{
	struct digest d;

	(void)s;
	digest_of(&d, "abc", 3);
	assert_string_equal(DIGEST_TEXT(&d), ABC);
	assert_string_equal(DIGEST_HEX(&d), ABC + 7);
}

static void
text_is_read_back(void **s)
{
	struct digest d, expected;
	struct err e = ERR_INIT;

	(void)s;
	digest_of(&expected, "abc", 3);
	assert_int_equal(digest_parse(&d, ABC, &e), 0);
	assert_true(digest_equal(&d, &expected));
	assert_true(digest_prefix(&d) == digest_prefix(&expected));
	assert_false(digest_is_zero(&d));
}

static void
what_is_no_digest_is_refused(void **s)
{
	static const char *const bad[] = { "", "sha256:", "sha256:abc",
		"sha255:ba7816bf", "SHA256:", ABC "0",
		"sha256:"
		"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015"
		"AD",
		"sha256:"
		"../../../../../../../../../../../../../../../../../../../../"
		"..!",
		"sha256 :ba" };
	struct digest d;
	struct err e;

	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_fails(digest_parse(&d, bad[i], &e), e, EINVAL);
}

static void
another_algorithm_is_not_supported(void **s)
{
	struct digest d;
	struct err e;

	(void)s;
	assert_fails(digest_parse(&d, "sha512:00", &e), e, ENOTSUP);
	assert_fails(digest_parse(&d, "blake3:00", &e), e, ENOTSUP);
}

static void
a_hasher_is_used_again_after_its_end(void **s)
{
	struct hasher *h = hasher_new();
	struct digest d;

	(void)s;
	for (int i = 0; i < 2; i++) {
		hasher_update(h, "a", 1);
		hasher_update(h, "", 0);
		hasher_update(h, "bc", 2);
		hasher_end(h, &d);
		assert_string_equal(DIGEST_TEXT(&d), ABC);
	}
	hasher_free(h);
	hasher_free(NULL);
}

static void
a_copy_goes_on_alone(void **s)
{
	struct hasher *h = hasher_new(), *copy = hasher_new();
	struct digest d;

	(void)s;
	hasher_update(copy, "something else", 14);
	hasher_update(h, "ab", 2);
	hasher_copy(copy, h);
	hasher_update(h, "x", 1);
	hasher_update(copy, "c", 1);
	hasher_end(copy, &d);
	assert_string_equal(DIGEST_TEXT(&d), ABC);
	hasher_free(h);
	hasher_free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_of_abc_is_the_known_one),
		cmocka_unit_test(text_is_read_back),
		cmocka_unit_test(what_is_no_digest_is_refused),
		cmocka_unit_test(another_algorithm_is_not_supported),
		cmocka_unit_test(a_hasher_is_used_again_after_its_end),
		cmocka_unit_test(a_copy_goes_on_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
