#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config.h"
#include "base/err.h"
#include "base/test.h"

static char path[64];

static int
load(struct config *c, const char *text, struct err *e)
{
	FILE *f;

	strcpy(path, "/tmp/layerfs-test-config-XXXXXX");
	f = fdopen(mkstemp(path), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	int rc = config_load(c, path, e);

	unlink(path);
	return rc;
}

static void
refused(const char *text, const char *why)
{
	struct config c;
	struct err e = ERR_INIT;

	assert_int_equal(load(&c, text, &e), -1);
	if (strstr(e.msg, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.msg, why);
}

static void
an_empty_file_means_the_defaults(void **state)
{
	struct config c;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(load(&c, "", &e), 0);
	assert_string_equal(c.log_level, "info");
	assert_int_equal(c.patience_ms, 30000);
	assert_string_equal(c.hosts_dirs[0], "/etc/layerfs/certs.d");
	assert_string_equal(c.hosts_dirs[1], "/etc/containerd/certs.d");
	assert_null(c.hosts_dirs[2]);
	config_release(&c);
}

static void
keys_are_set_in_their_tables(void **state)
{
	struct config c;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(load(&c,
			     "log_level = 'debug'\n"
			     "[registry]\nhosts_dirs = ['/a']\n"
			     "[read]\npatience_ms = 0\n"
			     "[fetch]\nbackground_bytes_per_s = 1_000_000\n",
			     &e),
	    0);
	assert_string_equal(c.log_level, "debug");
	assert_string_equal(c.hosts_dirs[0], "/a");
	assert_null(c.hosts_dirs[1]);
	assert_int_equal(c.patience_ms, 0);
	assert_int_equal(c.background_bytes_per_s, 1000000);
	config_release(&c);
}

static void
an_unknown_key_is_named(void **state)
{
	(void)state;
	refused("colour = 'red'\n", "colour");
	refused("[fetch]\npatience_ms = 1\n", "[fetch]");
	refused("[fetch.deep]\nx = 1\n", "deep");
	refused("[cash]\nquota_bytes = 1\n", "there is no table \"cash\"");
	refused("[cash]\n", "there is no table \"cash\"");
}

static void
a_value_of_the_wrong_kind_or_out_of_range_is_refused(void **state)
{
	(void)state;
	refused("log_level = 3\n", "log_level");
	refused("[registry]\nmax_connections = 0\n", "from 1 to 256");
	refused("[registry]\nhosts_dirs = '/a'\n", "hosts_dirs");
	refused("[registry]\nhosts_dirs = [1]\n", "hosts_dirs");
	refused("[registry]\nhosts_dirs = "
		"['1','2','3','4','5','6','7','8','9']\n",
	    "more than");
}

static void
a_file_that_was_asked_for_must_be_there(void **state)
{
	struct config c;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(config_load(&c, "/nonexistent.toml", &e), -1);
	assert_int_equal(e.code, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_means_the_defaults),
		cmocka_unit_test(keys_are_set_in_their_tables),
		cmocka_unit_test(an_unknown_key_is_named),
		cmocka_unit_test(
		    a_value_of_the_wrong_kind_or_out_of_range_is_refused),
		cmocka_unit_test(a_file_that_was_asked_for_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
