/* Tars that are refused. */

#include "codec/test_tar.h"

static void
a_hostile_sparse_map_is_refused(void **state)
{
	static const char *const maps[] = {
		"GNU.sparse.map=10,3,9,2",  /* back */
		"GNU.sparse.map=10,3,12,2", /* overlap */
		"GNU.sparse.map=99,5",      /* past the size */
		"GNU.sparse.map=9223372036854775807,5",
		"GNU.sparse.map=10,4", /* too little */
		"GNU.sparse.map=10,6", /* too much */
		"GNU.sparse.map=10",   /* half */
		"GNU.sparse.map=",     /* nothing, yet sparse */
		"GNU.sparse.map=x,5",
	};

	(void)state;
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
		TAR(b);

		add_pax(&b, 'x',
		    (const char *[]){ "GNU.sparse.size=100",
			"GNU.sparse.offset=0", maps[i], NULL });
		add_header(&b, &(struct header){ '0', "f", NULL, 5, 0 });
		add_bytes(&b, "abcde", 5);
		expect_refusal(&b, "");
	}
}

static void
a_truncated_tar_is_refused(void **state)
{
	TAR(b);

	(void)state;
	add_pax(&b, 'x', (const char *[]){ "path=p", NULL });
	expect_refusal(&b, "cut off"); /* no entry for it */
	add_header(&b, &(struct header){ '0', "f", NULL, 600, 0 });
	b.len -= 1;
	expect_refusal(&b, "cut off");
	b.len += 1;
	expect_refusal(&b, "cut off");
}

static void
damaged_headers_are_refused(void **state)
{
	static const struct {
		int at;
		char byte;
		const char *why;
	} cases[] = {
		{ 156, 'V', "unknown entry type" },
		{ 156, 'D', "unknown entry type" },
		{ 101, '9', "mode" },
		{ 110, 'x', "uid" },
		{ 126, '8', "size" },
		{ 140, '-', "mtime" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		TAR(b);
		uint8_t *h =
		    add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });

		h[cases[i].at] = cases[i].byte;
		expect_refusal(&b, "checksum");
		seal(h);
		expect_refusal(&b, cases[i].why);
	}
}

static void
damaged_pax_records_are_refused(void **state)
{
	static const char *const texts[] = {
		"13 path=abc\n", /* one too many */
		"10 path=abc\n", /* cut short */
		"99999999999999999999 path=a\n",
		"x path=abc\n",
		"5 =a\n",
		"9 pathabc\n",
		"12 uid=-5555\n",
		"18 uid=4294967296\n",
		"13 mtime=1.x\n",
		"11 path=abc",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		TAR(b);

		add_header(&b,
		    &(struct header){ 'x', "pax", NULL, strlen(texts[i]), 0 });
		add_bytes(&b, texts[i], strlen(texts[i]));
		add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });
		expect_refusal(&b, "PAX");
	}
}

static void
an_extended_header_over_the_limit_is_refused(void **state)
{
	TAR(b);

	(void)state;
	add_header(
	    &b, &(struct header){ 'x', "pax", NULL, LIMIT_PAX_BYTES + 1, 0 });
	expect_refusal(&b, "too large");
	b.len = 0;
	add_header(
	    &b, &(struct header){ 'L', "l", NULL, LIMIT_PATH_BYTES + 513, 0 });
	expect_refusal(&b, "too large");
}

static void
a_size_of_an_exabyte_is_refused(void **state)
{
	TAR(b);

	(void)state;
	add_pax(&b, 'x', (const char *[]){ "size=1152921504606846976", NULL });
	add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });
	expect_refusal(&b, "size out of range");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hostile_sparse_map_is_refused),
		cmocka_unit_test(a_truncated_tar_is_refused),
		cmocka_unit_test(damaged_headers_are_refused),
		cmocka_unit_test(damaged_pax_records_are_refused),
		cmocka_unit_test(an_extended_header_over_the_limit_is_refused),
		cmocka_unit_test(a_size_of_an_exabyte_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
