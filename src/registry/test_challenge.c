#include <stdio.h>
#include <string.h>

#include "registry/challenge.h"
#include "base/err.h"
#include "base/test.h"

static const struct {
	const char *fields[3];
	enum challenge_scheme scheme; /* NONE: refused */
	const char *realm, *service, *scope;
} table[] = {
	{ { "Basic realm=\"x\"" }, CHALLENGE_BASIC, "x", NULL, NULL },
	{ { "basic REALM=x" }, CHALLENGE_BASIC, "x", NULL, NULL },
	{ { "Basic" }, CHALLENGE_BASIC, NULL, NULL, NULL },
	{ { "Bearer realm=\"https://a/t\",service=\"s\",scope=\"r:a:pull\"" },
	    CHALLENGE_BEARER, "https://a/t", "s", "r:a:pull" },
	{ { "Bearer realm=\"a\" , , service = s ,scope=\"x,y z\"" },
	    CHALLENGE_BEARER, "a", "s", "x,y z" },
	{ { "Bearer realm=\"a\\\"b\\\\c\"" }, CHALLENGE_BEARER, "a\"b\\c", NULL,
	    NULL },
	{ { "Basic realm=\"b\", Bearer realm=\"t\"" }, CHALLENGE_BEARER, "t",
	    NULL, NULL },
	{ { "Bearer realm=\"t\", Basic realm=\"b\"" }, CHALLENGE_BEARER, "t",
	    NULL, NULL },
	{ { "Negotiate", "Basic realm=\"b\"" }, CHALLENGE_BASIC, "b", NULL,
	    NULL },
	{ { "Negotiate YIIa/+=, Basic realm=\"b\"" }, CHALLENGE_BASIC, "b",
	    NULL, NULL },
	{ { "Digest realm=\"d\", nonce=\"n, Basic x\", Basic realm=b" },
	    CHALLENGE_BASIC, "b", NULL, NULL },
	{ { "Basic, Bearer realm=t" }, CHALLENGE_BEARER, "t", NULL, NULL },
	{ { "Bearer realm=one, realm=two" }, CHALLENGE_BEARER, "one", NULL,
	    NULL },
	{ { "Bearer service=\"no realm\"" }, CHALLENGE_NONE, NULL, NULL, NULL },
	{ { "Bearer realm=\"open" }, CHALLENGE_NONE, NULL, NULL, NULL },
	{ { "Basic realm=\"b\", Bearer realm=\"open" }, CHALLENGE_BASIC, "b",
	    NULL, NULL },
	{ { "Negotiate" }, CHALLENGE_NONE, NULL, NULL, NULL },
	{ { "" }, CHALLENGE_NONE, NULL, NULL, NULL },
	{ { ",,," }, CHALLENGE_NONE, NULL, NULL, NULL },
	{ { "=" }, CHALLENGE_NONE, NULL, NULL, NULL },
	{ { "\"" }, CHALLENGE_NONE, NULL, NULL, NULL },
};

static void
check_text(const char *is, const char *should_be)
{
	if (should_be == NULL)
		assert_null(is);
	else
		assert_string_equal(is, should_be);
}

static void
challenges_are_read_as_the_rfc_has_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		AUTO_CHALLENGE struct challenge c = { 0 };
		struct err e = ERR_INIT;
		unsigned n = 0;
		int rc;

		while (table[i].fields[n] != NULL)
			n++;
		rc = challenge_parse(&c, (char *const *)table[i].fields, n, &e);
		assert_int_equal(rc < 0, table[i].scheme == CHALLENGE_NONE);
		assert_int_equal(c.scheme, table[i].scheme);
		check_text(c.realm, table[i].realm);
		check_text(c.service, table[i].service);
		check_text(c.scope, table[i].scope);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges_are_read_as_the_rfc_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
