#include <errno.h>
#include <string.h>

#include "format/soci_index.h"
#include "base/err.h"
#include "base/test.h"

#define FOUR(x) x x x x
#define DIGITS(x) FOUR(FOUR(FOUR(x)))
#define D(x) "\"sha256:" DIGITS(x) "\""

#define BLOB(type, n, more) \
	"{\"mediaType\":\"" type "\",\"digest\":" D(n) ",\"size\":7" more "}"
#define OF(n)                                                    \
	",\"annotations\":{\"com.amazon.soci.image-layer-digest" \
	"\":" D(n) ",\"com.amazon.soci.span-size\":\"4194304\"}"
#define TABLE(n, of) BLOB("application/octet-stream", n, OF(of))
#define INDEX(type, layers, more)                \
	"{\"schemaVersion\":2,\"config\":" BLOB( \
	    type, "c", "") ","                   \
			   "\"layers\":[" layers "]" more "}"

static const char v1[] = INDEX(SOCI_INDEX_V1, TABLE("1", "a"),
    ",\"subject\":" BLOB(
	"application/vnd.oci.image.manifest.v1+json", "5", ""));
static const char v2[] = INDEX(SOCI_INDEX_V2,
    TABLE("1", "a") "," BLOB("application/vnd.amazon.soci.prefetch.v1+json",
	"2", OF("a")) "," TABLE("3", "b"),
    ",\"annotations\":{\"com.amazon.soci.build-tool-identifier\":\"x\"}");

static struct digest
digest_of_digits(const char *digit)
{
	char hex[DIGEST_HEX_SIZE] = { 0 };
	struct digest d;
	struct err e = ERR_INIT;

	memset(hex, *digit, sizeof hex - 1);
	assert_int_equal(digest_parse_hex(&d, hex, &e), 0);
	return d;
}

static void
expect_table(const struct soci_index *x, const char *layer, const char *table)
{
	struct digest of = digest_of_digits(layer);
	struct digest want = digest_of_digits(table);
	const struct descriptor *d = soci_index_find(x, &of);

	assert_non_null(d);
	assert_true(digest_equal(&d->digest, &want));
	assert_int_equal(d->size, 7);
}

static void
both_versions_say_which_table_is_whose(void **state)
{
	struct digest nobody = digest_of_digits("9");
	struct soci_index x;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(soci_index_parse(&x, v1, strlen(v1), &e), 0);
	assert_true(x.has_subject);
	assert_int_equal(x.subject.bytes[0], 0x55);
	expect_table(&x, "a", "1");
	soci_index_release(&x);

	assert_int_equal(soci_index_parse(&x, v2, strlen(v2), &e), 0);
	assert_false(x.has_subject);
	assert_int_equal(x.n_tables, 2);
	expect_table(&x, "a", "1");
	expect_table(&x, "b", "3");
	assert_null(soci_index_find(&x, &nobody));
	soci_index_release(&x);
}

static void
what_is_no_index_is_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
	} wrong[] = {
		{ "[]", ENOTSUP },
		{ "{", EBADMSG },
		{ INDEX("application/vnd.oci.image.config.v1+json",
		      TABLE("1", "a"), ""),
		    ENOTSUP },
		{ INDEX(SOCI_INDEX_V1, "7", ""), EBADMSG },
		{ "{\"config\":" BLOB(SOCI_INDEX_V1, "c", "") "}", EBADMSG },
		{ INDEX(SOCI_INDEX_V1, "", ",\"subject\":{}"), EBADMSG },
		{ INDEX(SOCI_INDEX_V1,
		      BLOB("application/octet-stream", "1",
			  ",\"annotations\":{\"com.amazon.soci.image-layer-"
			  "digest\":\"x\"}"),
		      ""),
		    EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct soci_index x;
		struct err e = ERR_INIT;

		assert_int_equal(soci_index_parse(&x, wrong[i].text,
				     strlen(wrong[i].text), &e),
		    -1);
		assert_int_equal(e.code, wrong[i].code);
	}
}

static void
a_manifest_may_name_its_index(void **state)
{
	static const char named[] =
	    "{\"annotations\":{\"com.amazon.soci.index-digest\":" D("7") "}}";
	static const char *const unnamed[] = { "{}", "", "{\"annotations\":[]}",
		"{\"annotations\":{\"com.amazon.soci.index-digest\":\"x\"}}" };
	struct digest d;

	(void)state;
	assert_true(soci_index_of_manifest(named, strlen(named), &d));
	assert_int_equal(d.bytes[31], 0x77);
	for (size_t i = 0; i < sizeof unnamed / sizeof *unnamed; i++)
		assert_false(
		    soci_index_of_manifest(unnamed[i], strlen(unnamed[i]), &d));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_say_which_table_is_whose),
		cmocka_unit_test(what_is_no_index_is_refused),
		cmocka_unit_test(a_manifest_may_name_its_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
