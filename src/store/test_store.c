/* The bytes: writing, reading, edges, dropping. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "store/boot.h"
#include "store/testing_bytes.h"

static void
what_was_written_is_read(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	uint8_t p[B];
	struct err e;

	assert_fails(store_read(s, p, B, 0, &e), e, EAGAIN);
	put(s, 0, 3 * B, false);
	assert_true(store_has(s, 0, 3 * B));
	assert_false(store_has(s, 0, 3 * B + 1));
	assert_holds(s, 17, 2 * B);
	assert_fails(store_read(s, p, B, 2 * B + 1, &e), e, EAGAIN);
	store_close(s);
}

static void
a_run_ends_where_a_block_is_missing(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");

	put(s, 0, 100 * B, false);
	put(s, 101 * B, B, false);
	assert_int_equal(store_present_run(s, 0, 200 * B), 100 * B);
	assert_int_equal(store_present_run(s, 5, 200 * B), 100 * B - 5);
	assert_int_equal(store_present_run(s, 5, 10), 10);
	assert_int_equal(store_present_run(s, 100 * B, B), 0);
	assert_int_equal(store_present_run(s, 101 * B + 9, 7 * B), B - 9);
	store_close(s);
}

static void
an_objects_end_makes_its_last_block_whole(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	uint8_t p[B], zeros[B] = { 0 };
	struct err e;

	put(s, 8 * B, 100, false);
	assert_false(store_has(s, 8 * B, 100));
	put(s, 8 * B + 100, 28, true);
	assert_true(store_has(s, 8 * B, B));
	OK(store_read(s, p, B, 8 * B, &e));
	assert_memory_equal(p + 128, zeros, B - 128);
	store_close(s);
}

static void
zeros_are_read_as_zeros_and_take_no_space(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	uint8_t p[3 * B], zeros[3 * B] = { 0 };
	struct store_usage before, after;
	struct err e;

	store_usage(s, &before);
	OK(store_write_zeros(s, 900 * B + 5, 16 * B, true, &e));
	store_usage(s, &after);
	assert_int_equal(after.data_bytes, before.data_bytes);
	assert_int_equal(after.present_bytes, 901 * B);
	OK(store_read(s, p, sizeof p, 914 * B, &e));
	assert_memory_equal(p, zeros, sizeof p);
	store_close(s);
}

static void
zeros_cover_what_lay_there(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	uint8_t p[2 * B], zeros[2 * B] = { 0 };
	struct err e;

	/* Bytes without a bit: a write that a crash cut short. */
	memset(p, 7, sizeof p);
	OK(fs_pwrite(s->data, p, sizeof p, 0, &e));
	put(s, 0, 50, false);
	OK(store_write_zeros(s, 2 * B - 80, 50, true, &e));
	OK(store_read(s, p, sizeof p, 0, &e));
	assert_int_equal(p[49], byte_at(49));
	assert_memory_equal(p + 50, zeros, 2 * B - 50);
	store_close(s);
}

static void
what_is_present_is_not_written_again(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	uint8_t other[B];
	struct err e;

	put(s, 0, 2 * B, false);
	memset(other, 0, sizeof other);
	OK(store_write(s, other, B, 100, false, &e));
	assert_holds(s, 0, 2 * B);
	store_close(s);
}

/* ---- one process at a time ---- */

static void
a_second_open_is_busy(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	struct err e = ERR_INIT;

	assert_null(store_open_at_boot(*(int *)*state, "boot 1", &e));
	assert_int_equal(e.code, EBUSY);
	store_close(s);
	store_close(open_at(*(int *)*state, "boot 1"));
}

static void
the_kernels_boot_id_is_found(void **state)
{
	struct err e = ERR_INIT;
	struct store *s = store_open(*(int *)*state, &e);
	char id[BOOT_ID_SIZE];

	assert_non_null(s);
	boot_id(id);
	assert_int_equal(strlen(id), 36);
	assert_true(boot_is_same(*(int *)*state, id));
	store_close(s);
}

/* ---- dropping ---- */

static void
what_was_dropped_is_a_hole_and_can_come_back(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	struct store_usage u;
	uint8_t p[B];
	struct err e;

	put(s, 0, 64 * B, false);
	OK(store_drop(s, 0, 64 * B, &e));
	store_usage(s, &u);
	assert_int_equal(u.present_bytes, 0);
	assert_int_equal(u.data_bytes, 0);
	assert_fails(store_read(s, p, 1, 0, &e), e, EAGAIN);
	put(s, 0, 64 * B, false);
	assert_holds(s, 0, 64 * B);
	store_close(s);
}

static void
what_lies_in_a_block_that_is_not_whole_is_held(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	struct err e;

	OK(store_drop(s, 0, 4 * B, &e));
	put(s, 100, 3 * B, false);
	assert_false(store_has(s, 100, 3 * B));
	assert_true(store_holds(s, 100, 3 * B));
	assert_true(store_holds(s, 3 * B, 100));
	assert_false(store_holds(s, 99, 2));
	assert_false(store_holds(s, 3 * B, 101));
	assert_false(store_holds(s, B, 3 * B));
	OK(store_drop(s, B, B, &e));
	assert_false(store_holds(s, 100, 3 * B));
	assert_true(store_holds(s, 2 * B, B + 100));
	store_close(s);
}

static void
a_drop_forgets_edges(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	struct err e;

	put(s, 0, 100, false);
	OK(store_drop(s, 0, 10, &e));
	put(s, 100, B - 100, false);
	assert_false(store_has(s, 0, B));
	store_close(s);
}

/* ---- against a model: any order, any cut ---- */

enum { MODEL_BLOCKS = 40, MODEL_BYTES = MODEL_BLOCKS * B - 1000 };

struct model {
	bool has[MODEL_BLOCKS * B];
};

static void
model_add(struct model *m, uint64_t off, uint64_t len)
{
	uint64_t end = off + len == MODEL_BYTES ? MODEL_BLOCKS * B : off + len;

	memset(&m->has[off], 1, end - off);
}

static bool
model_has_block(const struct model *m, uint64_t block)
{
	return memchr(&m->has[block * B], 0, B) == NULL;
}

static void
assert_equals_model(struct store *s, const struct model *m)
{
	for (uint64_t b = 0; b < MODEL_BLOCKS; b++)
		if (store_has(s, b * B, B) != model_has_block(m, b))
			fail_msg("block %d", (int)b);
}

static void
edges_meet_in_any_order(void **state)
{
	uint64_t seed = 20;

	for (int round = 0; round < 30; round++) {
		struct store *s = open_at(*(int *)*state, "boot 1");
		struct model *m = calloc(1, sizeof *m);
		unsigned widest = 10 << round % 10;
		struct err e;

		OK(store_drop(s, 0, MODEL_BLOCKS * B, &e));
		for (int i = 0; i < 400; i++) {
			uint64_t off = next_random(&seed) % MODEL_BYTES;
			uint64_t len = 1 + next_random(&seed) % widest;

			len = min_u64(len, MODEL_BYTES - off);
			put(s, off, len, off + len == MODEL_BYTES);
			model_add(m, off, len);
		}
		assert_equals_model(s, m);
		free(m);
		store_close(s);
	}
}

static void
chunks_in_random_order_make_the_whole(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	uint32_t order[200], n = 0;
	uint64_t cuts[201] = { 0 }, seed = 7;
	struct err e;

	while (cuts[n] < MODEL_BYTES) {
		uint64_t len = 1 + next_random(&seed) % 3000;

		order[n] = n;
		cuts[n + 1] = min_u64(cuts[n] + len, MODEL_BYTES);
		n++;
	}
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = next_random(&seed) % (i + 1), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t off = cuts[order[i]];

		assert_false(store_has(s, 0, MODEL_BYTES));
		put(s, off, cuts[order[i] + 1] - off, order[i] == n - 1);
	}
	assert_holds(s, 0, MODEL_BYTES);
	assert_int_equal(s->present.edges.by_block.count, 0);
	OK(store_sync(s, &e));
	store_close(s);
}

static void
too_many_edges_forget_the_oldest(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");

	s->present.edges.max = 4;
	for (uint64_t b = 0; b < 5; b++)
		put(s, b * B, 100, false);
	put(s, 0 * B + 100, B - 100, false);
	put(s, 4 * B + 100, B - 100, false);
	assert_false(store_has(s, 0 * B, B));
	assert_true(store_has(s, 4 * B, B));
	assert_holds(s, 4 * B, B);
	/* So do too many pieces of one block. */
	s->present.edges.max_spans = 8;
	for (uint64_t i = 0; i < 16; i++)
		put(s, 9 * B + 256 * i, 100, false);
	assert_in_range(s->present.edges.n_spans, 0, 8);
	put(s, 9 * B, B / 2, false);
	put(s, 9 * B + B / 2, B / 2, false);
	assert_holds(s, 9 * B, B);
	store_close(s);
}

/* ---- a full disk ---- */

/* Or the test is skipped. */
static int
mount_small(const char *path)
{
	struct err e;

	mkdir(path, 0700);
	if (mount("none", path, "tmpfs", 0, "size=3m") < 0) {
		print_message(
		    "requires root to mount a tmpfs: %s\n", strerror(errno));
		skip();
	}
	return fs_open_dir(AT_FDCWD, path, &e);
}

/* To its last block. */
static void
fill_disk(int root)
{
	AUTO_CLOSE int fd = openat(root, "filler", O_WRONLY | O_CREAT, 0600);
	static const uint8_t block[B];

	while (write(fd, block, B) == B)
		;
	assert_int_equal(errno, ENOSPC);
}

static void
a_full_disk_is_an_error_and_no_bit(void **state)
{
	AUTO_FREE uint8_t *p = calloc(1, MIB(1));
	AUTO_CLOSE int root = -1;
	char path[128];
	struct store *s;
	struct err e = ERR_INIT;

	(void)state;
	snprintf(path, sizeof path, "%s/full", test_path);
	root = mount_small(path);
	s = open_at(root, "boot 1");
	memset(p, 7, MIB(1));
	e = ERR_INIT;
	for (uint64_t i = 0; i < 4 && e.code == 0; i++)
		store_write(s, p, MIB(1), i * MIB(1), false, &e);
	assert_int_equal(e.code, ENOSPC);
	assert_false(store_has(s, MIB(3), MIB(1)));
	assert_true(store_has(s, 0, MIB(1)));
	/* The bitmap's own page has no space either: an error, no SIGBUS. */
	assert_fails(store_write(s, p, B, TIB(1), false, &e), e, ENOSPC);
	OK(store_drop(s, 0, MIB(2), &e));
	OK(store_write(s, p, B, TIB(1), false, &e));
	store_close(s);
	close(take_fd(&root));
	assert_int_equal(umount(path), 0);
}

/* Whoever runs from it waits for that. */
static void
a_store_on_a_full_disk_is_opened(void **state)
{
	AUTO_CLOSE int root = -1;
	char path[128];
	struct store *s;
	struct err e;

	(void)state;
	snprintf(path, sizeof path, "%s/full", test_path);
	root = mount_small(path);
	s = open_at(root, "boot 1");
	put(s, 0, 4 * B, false);
	OK(store_sync(s, &e));
	put(s, 4 * B, B, false);
	store_close(s);
	fill_disk(root);
	s = open_at(root, "boot 1");
	assert_holds(s, 0, 5 * B);
	store_close(s);
	s = open_at(root, "boot 2");
	assert_holds(s, 0, 4 * B);
	assert_false(store_has(s, 4 * B, B));
	store_close(s);
	s = open_at(root, "boot 2");
	assert_holds(s, 0, 4 * B);
	store_close(s);
	close(take_fd(&root));
	assert_int_equal(umount(path), 0);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(what_was_written_is_read),
		IN_FOLDER(a_run_ends_where_a_block_is_missing),
		IN_FOLDER(an_objects_end_makes_its_last_block_whole),
		IN_FOLDER(zeros_are_read_as_zeros_and_take_no_space),
		IN_FOLDER(zeros_cover_what_lay_there),
		IN_FOLDER(what_is_present_is_not_written_again),
		IN_FOLDER(a_second_open_is_busy),
		IN_FOLDER(the_kernels_boot_id_is_found),
		IN_FOLDER(what_was_dropped_is_a_hole_and_can_come_back),
		IN_FOLDER(what_lies_in_a_block_that_is_not_whole_is_held),
		IN_FOLDER(a_drop_forgets_edges),
		IN_FOLDER(edges_meet_in_any_order),
		IN_FOLDER(chunks_in_random_order_make_the_whole),
		IN_FOLDER(too_many_edges_forget_the_oldest),
		IN_FOLDER(a_full_disk_is_an_error_and_no_bit),
		IN_FOLDER(a_store_on_a_full_disk_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
