/* A tar's entries in another order: what matters to each still comes before it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "convert/tar_order.h"
#include "codec/tar.h"
#include "codec/tar_header.h"
#include "base/bytes.h"
#include "base/test.h"

enum { ENTRIES_MAX = 50100, TAIL_BYTES = 2 * TAR_BLOCK };

struct tar_of_test {
	struct tar_order *order;
	uint64_t begin[ENTRIES_MAX]; /* of each entry */
	size_t n;
	uint64_t len;
};

static struct tar_of_test *
new_tar(void)
{
	struct tar_of_test *t = calloc(1, sizeof *t);
	struct err e;

	assert_non_null(t);
	t->order = tar_order_new(&e);
	assert_non_null(t->order);
	return t;
}

static void
free_tar(struct tar_of_test *t)
{
	tar_order_free(t->order);
	free(t);
}

static void
add(struct tar_of_test *t, enum tar_type type, const char *path,
    const char *link, uint64_t size)
{
	static const char types[] = { [TAR_FILE] = '0',
		[TAR_HARDLINK] = '1',
		[TAR_SYMLINK] = '2',
		[TAR_DIR] = '5' };
	uint8_t header[TAR_BLOCK] = { 0 };
	struct tar_entry x = {
		.type = type,
		.path = path,
		.path_len = strlen(path),
		.link = link,
		.link_len = strlen(link),
		.size = size,
		.told_size = size,
		.stream_off = t->len + TAR_BLOCK,
		.header = header,
	};
	struct err e;

	memcpy(header + TAR_MODE, "0000644", 8);
	memcpy(header + 257, "ustar\00000", 8);
	header[TAR_TYPE] = types[type];
	assert_int_equal(tar_order_entry(t->order, &x, &e), 0);
	assert_true(t->n < ENTRIES_MAX);
	t->begin[t->n++] = t->len;
	t->len += TAR_BLOCK + align_up(size, TAR_BLOCK);
}

static void
end(struct tar_of_test *t)
{
	struct err e;

	t->len += TAIL_BYTES;
	assert_int_equal(tar_order_end(t->order, t->len, &e), 0);
}

static void
pick(struct tar_of_test *t, const char *path)
{
	struct err e;

	assert_int_equal(tar_order_pick(t->order, path, &e), 0);
}

/* The entries' numbers in the new order; each byte of the tar is there once. */
static void
assert_order(struct tar_of_test *t, const char *want)
{
	AUTO_BUF struct buf is = BUF_INIT(1 << 20);
	struct tar_stretch s, last = { 0 };
	uint64_t sum = 0;
	struct err e;

	while (tar_order_next(t->order, &s)) {
		uint64_t at = s.off;

		for (size_t i = 0; i < t->n; i++)
			if (t->begin[i] == at && at < s.off + s.len) {
				assert_int_equal(
				    buf_printf(&is, &e, "%zu ", i), 0);
				at = i + 1 < t->n ? t->begin[i + 1] : 0;
			}
		sum += s.len;
		last = s;
	}
	assert_int_equal(sum, t->len);
	assert_int_equal(last.off + last.len, t->len);
	assert_string_equal(buf_str(&is), want);
}

static void
what_is_not_picked_stays_as_it_was(void **state)
{
	struct tar_of_test *t = new_tar();

	(void)state;
	add(t, TAR_DIR, "a/", "", 0);
	add(t, TAR_FILE, "a/b", "", 700);
	add(t, TAR_FILE, "c", "", 0);
	end(t);
	pick(t, "nothing/of/that/name");
	assert_order(t, "0 1 2 ");
	free_tar(t);
}

static void
folders_and_what_a_link_is_of_come_first(void **state)
{
	struct tar_of_test *t = new_tar();

	(void)state;
	add(t, TAR_FILE, "./x", "", 1);                           /* 0 */
	add(t, TAR_DIR, "./usr/", "", 0);                         /* 1 */
	add(t, TAR_DIR, "./usr/lib/", "", 0);                     /* 2 */
	add(t, TAR_FILE, "./usr/lib/y", "", 512);                 /* 3 */
	add(t, TAR_DIR, "./usr/bin/", "", 0);                     /* 4 */
	add(t, TAR_FILE, "./usr/bin/z", "", 513);                 /* 5 */
	add(t, TAR_HARDLINK, "./usr/bin/link", "./usr/lib/y", 0); /* 6 */
	add(t, TAR_SYMLINK, "./last", "x", 0);                    /* 7 */
	end(t);
	pick(t, "last");
	pick(t, "usr/bin/link");
	pick(t, "usr/bin/z");
	pick(t, "usr/lib/y");
	assert_order(t, "7 1 2 3 4 6 5 0 ");
	free_tar(t);
}

/* An unpacker may apply a whiteout to what lies there already. */
static void
whiteouts_that_came_before_still_do(void **state)
{
	struct tar_of_test *t = new_tar();

	(void)state;
	add(t, TAR_FILE, ".wh.other", "", 0);      /* 0 */
	add(t, TAR_FILE, ".wh.a", "", 0);          /* 1 */
	add(t, TAR_DIR, "a", "", 0);               /* 2 */
	add(t, TAR_FILE, "a/.wh..wh..opq", "", 0); /* 3 */
	add(t, TAR_FILE, "a/x", "", 10);           /* 4 */
	add(t, TAR_FILE, "a/y", "", 10);           /* 5 */
	add(t, TAR_FILE, "a/.wh.y", "", 0);        /* 6: behind it */
	end(t);
	pick(t, "a/y");
	assert_order(t, "1 2 3 5 0 4 6 ");
	free_tar(t);
}

static void
a_long_chain_of_links_is_no_matter(void **state)
{
	struct tar_of_test *t = new_tar();
	char name[32] = "first", before[32] = "";
	struct tar_stretch s;

	(void)state;
	add(t, TAR_FILE, "other", "", 0);
	add(t, TAR_FILE, name, "", 5);
	for (int i = 0; i < 50000; i++) {
		memcpy(before, name, sizeof name);
		snprintf(name, sizeof name, "link%d", i);
		add(t, TAR_HARDLINK, name, before, 0);
	}
	end(t);
	pick(t, name);
	for (size_t i = 1; i < t->n; i++) {
		assert_true(tar_order_next(t->order, &s));
		assert_int_equal(s.off, t->begin[i]);
	}
	assert_true(tar_order_next(t->order, &s));
	assert_int_equal(s.off, 0);
	free_tar(t);
}

static void
two_entries_of_one_name_move_nothing(void **state)
{
	struct tar_of_test *t = new_tar();

	(void)state;
	add(t, TAR_FILE, "a", "", 1);
	add(t, TAR_FILE, "b", "", 1);
	add(t, TAR_FILE, "./a", "", 1);
	end(t);
	pick(t, "b");
	assert_order(t, "0 1 2 ");
	free_tar(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_picked_stays_as_it_was),
		cmocka_unit_test(folders_and_what_a_link_is_of_come_first),
		cmocka_unit_test(whiteouts_that_came_before_still_do),
		cmocka_unit_test(a_long_chain_of_links_is_no_matter),
		cmocka_unit_test(two_entries_of_one_name_move_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
