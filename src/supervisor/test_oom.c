#include <string.h>

#include "supervisor/oom.h"
#include "base/test.h"

static void
the_file_is_the_cgroup_s_own(void **state)
{
	char file[LIMIT_PATH_BYTES];

	(void)state;
	assert_true(oom_find_file("0::/system.slice/layerfsd.service\n", file));
	assert_string_equal(
	    file, "/sys/fs/cgroup/system.slice/layerfsd.service/memory.events");
	assert_true(
	    oom_find_file("9:name=systemd:/\n4:memory:/a b\n0::/\n", file));
	assert_string_equal(
	    file, "/sys/fs/cgroup/memory/a b/memory.oom_control");
	assert_false(oom_find_file("9:name=systemd:/\n", file));
	assert_false(oom_find_file("", file));
}

static void
a_name_that_is_too_long_is_none(void **state)
{
	char cgroups[LIMIT_PATH_BYTES + 8], file[LIMIT_PATH_BYTES];

	(void)state;
	memset(cgroups, 'a', sizeof cgroups);
	memcpy(cgroups, "0::", 3);
	cgroups[sizeof cgroups - 1] = '\0';
	assert_false(oom_find_file(cgroups, file));
}

static void
both_versions_count(void **state)
{
	(void)state;
	assert_int_equal(
	    oom_parse("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3);
	assert_int_equal(oom_parse("low 0\nhigh 2\nmax 9\noom 7\noom_kill 5\n"
				   "oom_group_kill 1\n"),
	    5);
	assert_int_equal(oom_parse("oom_kill_disable 0\nunder_oom 0\n"), -1);
	assert_int_equal(oom_parse(""), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_is_the_cgroup_s_own),
		cmocka_unit_test(a_name_that_is_too_long_is_none),
		cmocka_unit_test(both_versions_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
