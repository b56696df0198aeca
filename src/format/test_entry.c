/* What a layer's entries say, and what runtimes make of it. */
#include <string.h>

#include "format/entry.h"
#include "format/testing.h"
#include "index/tree.h"

#define NAMED(name) .path = name, .path_len = sizeof name - 1
#define LINKED(to) .link = to, .link_len = sizeof to - 1

static void
expect(const struct tar_entry *x, size_t n, const char *text)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *got = NULL;
	struct err e = ERR_INIT;

	c.tree = tree_new(&e);
	for (size_t i = 0; i < n; i++)
		if (entry_add(c.tree, &x[i], 0, &c.dropped_xattrs, &e) < 0)
			fail_msg("%s", e.msg);
	assert_int_equal(tree_finish(c.tree, &e), 0);
	got = contents_to_text(&c);
	assert_string_equal(got, text);
}

#define EXPECT(entries, text) \
	expect(entries, sizeof(entries) / sizeof *(entries), text)

static void
the_roots_entry_says_nothing(void **state)
{
	const struct tar_entry entries[] = {
		{ NAMED("./"), .type = TAR_DIR, .mode = 0700, .uid = 7 },
		{ NAMED("/"), .type = TAR_DIR, .mode = 0700, .mtime_s = 5 },
		{ NAMED("./.a"), .type = TAR_DIR, .mode = 0700 },
	};

	(void)state;
	EXPECT(entries, " 40755 0:0 0 links 0 @0.0 dev 0\n"
			"/.a 40700 0:0 0 links 0 @0.0 dev 0\n");
}

static void
a_hard_links_entry_says_it_of_the_file(void **state)
{
	const struct tar_xattr late = { "user.late", "v", 1 };
	const struct tar_entry entries[] = {
		{ NAMED("a"), .mode = 0644, .mtime_s = 9 },
		{ NAMED("b"), LINKED("a"), .type = TAR_HARDLINK, .mode = 04755,
		    .uid = 3, .gid = 4, .mtime_s = 8 },
		{ NAMED("c"), LINKED("./b"), .type = TAR_HARDLINK, .mode = 0600,
		    .uid = 5, .mtime_s = 7, .xattrs = &late, .n_xattrs = 1 },
		{ NAMED("s"), LINKED("a"), .type = TAR_SYMLINK, .mode = 0640 },
		{ NAMED("t"), LINKED("s"), .type = TAR_HARDLINK, .mode = 0600,
		    .uid = 6 },
	};

	(void)state;
	EXPECT(entries, " 40755 0:0 0 links 0 @0.0 dev 0\n"
			"/a 100600 5:0 0 links 3 @7.0 dev 0\n"
			"/a user.late=76\n"
			"/b 100600 5:0 0 links 3 @7.0 dev 0\n"
			"/b user.late=76\n"
			"/c 100600 5:0 0 links 3 @7.0 dev 0\n"
			"/c user.late=76\n"
			"/s 120777 6:0 0 links 0 @0.0 dev 0 -> a\n"
			"/t 120777 6:0 0 links 0 @0.0 dev 0 -> a\n");
}

static void
a_hard_link_without_a_mode_or_before_its_file_says_nothing(void **state)
{
	const struct tar_entry entries[] = {
		{ NAMED("first"), LINKED("a"), .type = TAR_HARDLINK,
		    .mode = 0600, .uid = 3 },
		{ NAMED("a"), .mode = 0644, .uid = 1 },
		{ NAMED("b"), LINKED("a"), .type = TAR_HARDLINK, .uid = 2 },
	};

	(void)state;
	EXPECT(entries, " 40755 0:0 0 links 0 @0.0 dev 0\n"
			"/a 100644 1:0 0 links 3 @0.0 dev 0\n"
			"/b 100644 1:0 0 links 3 @0.0 dev 0\n"
			"/first 100644 1:0 0 links 3 @0.0 dev 0\n");
}

static void
times_that_no_runtime_sets_are_1970s(void **state)
{
	const struct tar_entry entries[] = {
		{ NAMED("a"), .mtime_s = -1, .mtime_ns = 5 },
		{ NAMED("b"), .mtime_s = 1, .mtime_ns = 5 },
		{ NAMED("c"), .mtime_s = INT64_C(1) << 33 },
		{ NAMED("d"), .mtime_s = INT64_C(1) << 34, .mtime_ns = 5 },
		{ NAMED("e"), .type = TAR_DIR, .mtime_s = INT64_MIN },
	};

	(void)state;
	EXPECT(entries, " 40755 0:0 0 links 0 @0.0 dev 0\n"
			"/a 100000 0:0 0 links 1 @0.0 dev 0\n"
			"/b 100000 0:0 0 links 1 @1.5 dev 0\n"
			"/c 100000 0:0 0 links 1 @8589934592.0 dev 0\n"
			"/d 100000 0:0 0 links 1 @0.0 dev 0\n"
			"/e 40000 0:0 0 links 0 @0.0 dev 0\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_roots_entry_says_nothing),
		cmocka_unit_test(a_hard_links_entry_says_it_of_the_file),
		cmocka_unit_test(
		    a_hard_link_without_a_mode_or_before_its_file_says_nothing),
		cmocka_unit_test(times_that_no_runtime_sets_are_1970s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
