#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "registry/credential.h"
#include "registry/helper.h"
#include "registry/secret.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/test.h"

/* a:b, c:d, e:f */
static const char file[] =
    "{\"auths\":{"
    "\"x.io\":{\"auth\":\"YTpi\"},"
    "\"x.io/team\":{\"auth\":\"Yzpk\"},"
    "\"https://old.io/v1/\":{\"auth\":\"ZTpm\"},"
    "\"https://index.docker.io/v1/\":{\"auth\":\"YTpi\"},"
    "\"token.io\":{\"auth\":\"YTpi\",\"identitytoken\":\"tok\"},"
    "\"empty.io\":{},"
    "\"plain.io\":{\"username\":\"u\",\"password\":\"p\"},"
    "\"bad.io\":{\"auth\":\"!!!!\"}}}";

static const struct {
	const char *host, *repository, *username; /* NULL: not found */
} lookups[] = {
	{ "x.io", "app", "a" },
	{ "x.io", "team/app", "c" },
	{ "x.io", "teams/app", "a" },
	{ "x.io:5000", "app", NULL },
	{ "y.io", "app", NULL },
	{ "old.io", "app", "e" },
	{ "docker.io", "library/python", "a" },
	{ "empty.io", "app", NULL },
	{ "plain.io", "app", "u" },
};

static int
find(struct credential *c, bool *found, const char *text, const char *host,
    const char *repository, struct err *e)
{
	return credential_find_in(
	    c, found, text, strlen(text), host, repository, e);
}

static void
the_most_specific_key_wins(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++) {
		AUTO_CREDENTIAL struct credential c = { 0 };
		struct err e = ERR_INIT;
		bool found;

		if (find(&c, &found, file, lookups[i].host,
			lookups[i].repository, &e) < 0)
			fail_msg("%s", e.msg);
		assert_int_equal(found, lookups[i].username != NULL);
		if (found)
			assert_string_equal(c.username, lookups[i].username);
	}
}

static void
identity_tokens_are_read(void **state)
{
	AUTO_CREDENTIAL struct credential c = { 0 };
	struct err e = ERR_INIT;
	bool found;

	(void)state;
	assert_int_equal(find(&c, &found, file, "token.io", "a", &e), 0);
	assert_true(found);
	assert_string_equal(c.identity_token, "tok");
}

static void
damaged_files_are_refused_without_quoting_them(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "\"YTpi\"",
		"{\"auths\":{\"x.io\":{\"auth\":\"YTpi\"",
		"{\"auths\":{\"x.io\":{\"auth\":7}}}",
		"{\"auths\":{\"x.io\":7}}",
		"{\"auths\":{\"x.io\":{\"auth\":\"YTpi!\"}}}",
		"{\"auths\":{\"x.io\":{\"auth\":\"YWI=\"}}}",
		"{\"credsStore\":7}" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct credential c;
		struct err e = ERR_INIT;
		bool found;

		if (find(&c, &found, texts[i], "x.io", "a", &e) == 0)
			fail_msg("taken: %s", texts[i]);
		assert_null(strstr(e.msg, "YTpi"));
	}
}

static void
base64_goes_both_ways(void **state)
{
	static const char *const texts[] = { "", "a", "ab", "abc", "abcd",
		"\xff\xfe:\x01" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		AUTO_SECRET char *coded = secret_to_base64(texts[i]);
		AUTO_SECRET char *again = secret_from_base64(coded);

		assert_string_equal(again, texts[i]);
	}
	assert_null(secret_from_base64("A"));
	assert_null(secret_from_base64("AA=A"));
	assert_null(secret_from_base64("AAAA")); /* NUL bytes */
}

/* ---- helpers ---- */

static void
write_helper(const char *name, const char *script)
{
	char path[300];
	struct err e = ERR_INIT;

	snprintf(path, sizeof path, "%s/docker-credential-%s",
	    getenv("HELPERS"), name);
	assert_int_equal(
	    fs_replace_file(AT_FDCWD, path, script, strlen(script), 0755, &e),
	    0);
	assert_int_equal(chmod(path, 0755), 0);
}

static int
make_folder(void **state)
{
	static const char pattern[] = "/tmp/layerfs-helpers-XXXXXX";
	char path[sizeof pattern], search[4096];

	(void)state;
	strcpy(path, pattern);
	if (mkdtemp(path) == NULL)
		return -1;
	snprintf(search, sizeof search, "%s:%s", path, getenv("PATH"));
	return setenv("HELPERS", path, 1) | setenv("PATH", search, 1);
}

static int
remove_folder(void **state)
{
	struct err e;

	(void)state;
	return fs_remove_tree(AT_FDCWD, getenv("HELPERS"), &e);
}

static void
a_helper_is_asked_for_its_host(void **state)
{
	AUTO_CREDENTIAL struct credential c = { 0 };
	struct err e = ERR_INIT;
	bool found;

	(void)state;
	write_helper("good",
	    "#!/bin/sh\n[ \"$1\" = get ] || exit 1\nread -r s\n"
	    "echo "
	    "\"{\\\"Username\\\":\\\"$s\\\",\\\"Secret\\\":\\\"p\\\"}\"\n");
	assert_int_equal(find(&c, &found, "{\"credsStore\":\"good\"}",
			     "docker.io", "a/b", &e),
	    0);
	assert_true(found);
	assert_string_equal(c.username, "https://index.docker.io/v1/");
	credential_release(&c);
	assert_int_equal(find(&c, &found,
			     "{\"credHelpers\":{\"x.io/a\":\"good\"},"
			     "\"credsStore\":\"none\"}",
			     "x.io", "a/b", &e),
	    0);
	assert_string_equal(c.username, "x.io/a");
}

static void
a_helper_that_has_none_leaves_it_to_the_file(void **state)
{
	AUTO_CREDENTIAL struct credential c = { 0 };
	struct err e = ERR_INIT;
	bool found;

	(void)state;
	write_helper("empty",
	    "#!/bin/sh\necho credentials not found in native keychain\n"
	    "exit 1\n");
	assert_int_equal(find(&c, &found,
			     "{\"credsStore\":\"empty\",\"auths\":{\"x.io\":"
			     "{\"auth\":\"YTpi\"}}}",
			     "x.io", "a", &e),
	    0);
	assert_true(found);
	assert_string_equal(c.username, "a");
}

static int
ask(const char *name, unsigned timeout_ms, struct err *e)
{
	AUTO_BUF struct buf out = BUF_INIT(1000);
	bool found;

	return helper_get(name, "x.io", timeout_ms, &out, &found, e);
}

/* As of a VM that is moved: it holds this process for two seconds. */
static void
a_helper_is_not_late_for_a_standstill(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	write_helper("still",
	    "#!/bin/sh\nkill -STOP $PPID; sleep 2; kill -CONT $PPID\n"
	    "echo '{}'\n");
	assert_int_equal(ask("still", 1500, &e), 0);
}

static void
bad_helpers_are_refused(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	write_helper("fails", "#!/bin/sh\necho hunter2; exit 3\n");
	write_helper("slow", "#!/bin/sh\nexec sleep 30\n");
	write_helper("chatty", "#!/bin/sh\nexec yes\n");
	assert_int_equal(ask("fails", 10000, &e), -1);
	assert_int_equal(e.code, EACCES);
	assert_null(strstr(e.msg, "hunter2"));
	assert_int_equal(ask("slow", 50, &e), -1);
	assert_int_equal(e.code, ETIMEDOUT);
	assert_int_equal(ask("chatty", 10000, &e), -1);
	assert_int_equal(e.code, E2BIG);
	assert_int_equal(ask("absent", 10000, &e), -1);
	assert_int_equal(e.code, ENOENT);
	assert_int_equal(ask("../x", 10000, &e), -1);
	assert_int_equal(e.code, EINVAL);
	assert_int_equal(ask("", 10000, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_key_wins),
		cmocka_unit_test(identity_tokens_are_read),
		cmocka_unit_test(
		    damaged_files_are_refused_without_quoting_them),
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(a_helper_is_asked_for_its_host),
		cmocka_unit_test(a_helper_that_has_none_leaves_it_to_the_file),
		cmocka_unit_test(a_helper_is_not_late_for_a_standstill),
		cmocka_unit_test(bad_helpers_are_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
