#include <stdbool.h>

#include "daemon/mountinfo.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/test.h"

struct seen {
	struct loop *loop;
	bool root, proc, nothing;
};

static void
look(void *ctx, const struct mountinfo *now)
{
	struct seen *s = ctx;

	s->root = mountinfo_has(now, "/");
	s->proc = mountinfo_has(now, "/proc");
	s->nothing = mountinfo_has(now, "/proc/self");
	loop_stop(s->loop);
}

static void
mount_points_are_known_and_other_folders_are_not(void **state)
{
	struct err e = ERR_INIT;
	struct seen s = { .loop = loop_new(&e) };
	struct mountinfo *m = mountinfo_new(s.loop, look, &s, &e);

	(void)state;
	assert_non_null(m);
	mountinfo_look(m);
	assert_int_equal(loop_run(s.loop, &e), 0);
	assert_true(s.root);
	assert_true(s.proc);
	assert_false(s.nothing);
	assert_true(mountinfo_shows("/proc"));
	assert_false(mountinfo_shows("/proc/self"));
	mountinfo_free(m);
	loop_free(s.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    mount_points_are_known_and_other_folders_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
