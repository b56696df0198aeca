#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/store_path.h"
#include "base/test.h"

/* docker.io/test/bb:1 */
#define BB "ZG9ja2VyLmlvL3Rlc3QvYmI6MQ=="
#define HEX "00000000000000000000000000000000000000000000000000000000000000ff"

static void
every_place_is_found(void **state)
{
	static const struct {
		const char *path;
		enum store_place place;
	} cases[] = {
		{ BB, STORE_REFERENCE },
		{ BB "/sha256:" HEX, STORE_LAYER },
		{ BB "/sha256:" HEX "/diff", STORE_DIFF },
		{ BB "/sha256:" HEX "/info", STORE_INFO },
		{ BB "/sha256:" HEX "/blob", STORE_BLOB },
		{ BB "/sha256:" HEX "/use", STORE_USE },
	};
	struct store_path p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(store_path_parse(&p, cases[i].path, &e), 0);
		assert_int_equal(p.place, cases[i].place);
		assert_string_equal(p.reference, "docker.io/test/bb:1");
		assert_int_equal(
		    p.digest.bytes[31], p.place == STORE_REFERENCE ? 0 : 0xff);
		store_path_release(&p);
	}
}

static void
anything_else_is_not_there(void **state)
{
	static const char *const paths[] = {
		"",
		"etc",
		"=",
		"AAAA",         /* bytes that are no text */
		"b2NpOi9ldGM=", /* oci:/etc: no folder is read for a path */
		"Li4vLi4=",     /* ../.. */
		BB "/",
		BB "/sha256:" HEX "0",
		BB "/sha256:",
		BB "/md5:00",
		BB "/sha256:" HEX "/",
		BB "/sha256:" HEX "/other",
		BB "/sha256:" HEX "/diff/etc",
		BB "/sha256:" HEX "/..",
	};
	struct store_path p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		assert_fails(store_path_parse(&p, paths[i], &e), e, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place_is_found),
		cmocka_unit_test(anything_else_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
