#include <stdio.h>
#include <string.h>

#include "runtime/overlay.h"
#include "base/test.h"

/* The mount as one line: type, source, options. */
static const char *
show(const struct overlay *o, const struct overlay_needs *needs)
{
	static char text[1000];
	struct overlay copy = *o;
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };
	struct err e = ERR_INIT;
	size_t at;

	copy.needs = needs;
	if (overlay_mount(&copy, &m, &e) < 0)
		fail_msg("%s", e.msg);
	at = snprintf(text, sizeof text, "%s %s", m.type, m.source);
	for (size_t i = 0; i < m.n_options; i++)
		at +=
		    snprintf(text + at, sizeof text - at, " %s", m.options[i]);
	return text;
}

static const char *const lowers[] = { "/r/m/ab", "/r/s/1/fs" };
static const struct overlay_needs none;

static void
nothing_below_is_a_bind_mount(void **state)
{
	struct overlay o = { .own = "/r/s/7" };

	(void)state;
	assert_string_equal(show(&o, &none), "bind /r/s/7/fs rw rbind");
	o.is_view = true;
	assert_string_equal(show(&o, &none), "bind /r/s/7/fs ro rbind");
}

static void
a_view_of_one_folder_is_a_bind_mount(void **state)
{
	struct overlay o = { .own = "/r/s/7",
		.is_view = true,
		.lowers = lowers,
		.n_lowers = 1 };

	(void)state;
	assert_string_equal(show(&o, &none), "bind /r/m/ab ro rbind");
	o.n_lowers = 2;
	assert_string_equal(
	    show(&o, &none), "overlay overlay lowerdir=/r/m/ab:/r/s/1/fs");
}

static void
an_active_one_writes_into_its_own_folder(void **state)
{
	struct overlay o = { .own = "/r/s/7", .lowers = lowers, .n_lowers = 1 };

	(void)state;
	assert_string_equal(show(&o, &none),
	    "overlay overlay workdir=/r/s/7/work upperdir=/r/s/7/fs "
	    "lowerdir=/r/m/ab");
}

static void
the_kernel_is_told_what_it_needs(void **state)
{
	struct overlay o = { .own = "/r/s/7", .lowers = lowers, .n_lowers = 2 };
	struct overlay_needs all = { true, true };

	(void)state;
	assert_string_equal(show(&o, &all),
	    "overlay overlay index=off userxattr workdir=/r/s/7/work "
	    "upperdir=/r/s/7/fs lowerdir=/r/m/ab:/r/s/1/fs");
}

/* One page; containerd cuts the common beginning off where it is longer. */
static void
a_hundred_and_twenty_eight_folders_fit_a_page(void **state)
{
	static char paths[128][32];
	static char page[4096];
	const char *many[128];
	struct overlay o = {
		.own = "/run/layerfs/s/99999", .lowers = many, .n_lowers = 128
	};
	struct overlay_needs all = { true, true };
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };
	struct err e = ERR_INIT;
	size_t at = 0;

	(void)state;
	for (int i = 0; i < 128; i++) {
		snprintf(paths[i], sizeof paths[i], "/run/layerfs/s/%d/fs",
		    99870 + i);
		many[i] = paths[i];
	}
	o.needs = &all;
	assert_int_equal(overlay_mount(&o, &m, &e), 0);
	for (size_t i = 0; i < m.n_options; i++)
		at +=
		    snprintf(page + at, sizeof page - at, "%s,", m.options[i]);
	assert_true(at < sizeof page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_below_is_a_bind_mount),
		cmocka_unit_test(a_view_of_one_folder_is_a_bind_mount),
		cmocka_unit_test(an_active_one_writes_into_its_own_folder),
		cmocka_unit_test(the_kernel_is_told_what_it_needs),
		cmocka_unit_test(a_hundred_and_twenty_eight_folders_fit_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
