/* The power fails: at every write, punch and sync of the store, whatever the
 * disk may have by then, no bit that counts after a reboot vouches for a byte
 * that is not there.
 *
 * The system calls of store/ are wrapped (-Wl,--wrap).  After each one
 * `power_fails` looks at all that a disk could hold:
 *
 *	data      what the last sync of it left, plus any part of what was written
 *	          or punched since, whole, torn or not at all
 *	durable   mapped: each bit that was set at its last sync, or at any moment
 *	          since
 *
 * What an address holds is always the same, so it is enough that a block whose
 * bit may be set is right both in what was synced and in what is there now:
 * every mixture of the two is right then.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "store/evict.h"
#include "store/shop.h"

enum { B = STORE_BLOCK, BLOCKS = 192, ROUNDS = 400 };

struct disk {
	ino_t data, durable;
	int data_fd, durable_fd; /* our own, to look */
	uint8_t synced[BLOCKS * B];
	uint8_t now[BLOCKS * B];
	uint8_t may_be_set[BLOCKS / 8];
	uint64_t n_failures, n_vouched; /* power failures; bits looked at */
	unsigned n_wrong;
	bool is_dying; /* nothing more of `durable` is synced */
};

/* The wrapped calls have no other way to it. */
static struct disk *disk;

static uint8_t
byte_at(uint64_t off)
{
	return 1 + off % 251;
}

static bool
is_expected(const uint8_t *bytes, uint64_t block)
{
	for (uint64_t off = block * B; off < (block + 1) * B; off++)
		if (bytes[off] != byte_at(off))
			return false;
	return true;
}

static void
look_at(int fd, uint8_t *out, size_t n)
{
	ssize_t got = pread(fd, out, n, 0);

	assert_true(got >= 0);
	memset(out + got, 0, n - got);
}

static void
power_fails(void)
{
	uint8_t bits[BLOCKS / 8];

	look_at(disk->durable_fd, bits, sizeof bits);
	look_at(disk->data_fd, disk->now, sizeof disk->now);
	disk->n_failures++;
	for (uint64_t b = 0; b < BLOCKS; b++) {
		disk->may_be_set[b / 8] |= bits[b / 8];
		if ((disk->may_be_set[b / 8] >> b % 8 & 1) == 0)
			continue;
		disk->n_vouched++;
		disk->n_wrong +=
		    !is_expected(disk->synced, b) || !is_expected(disk->now, b);
	}
}

static bool
is_of(int fd, ino_t file)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == file;
}

/* ---- the wrapped calls ---- */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fallocate(int fd, int mode, off_t off, off_t len);
int __wrap_fallocate(int fd, int mode, off_t off, off_t len);
ssize_t __real_pwritev(int fd, const struct iovec *v, int n, off_t off);
ssize_t __wrap_pwritev(int fd, const struct iovec *v, int n, off_t off);

int
__wrap_fdatasync(int fd)
{
	int rc;

	if (disk == NULL)
		return __real_fdatasync(fd);
	power_fails();
	if (disk->is_dying && is_of(fd, disk->durable)) {
		errno = EIO;
		return -1;
	}
	rc = __real_fdatasync(fd);
	if (rc == 0 && is_of(fd, disk->data))
		look_at(disk->data_fd, disk->synced, sizeof disk->synced);
	if (rc == 0 && is_of(fd, disk->durable))
		look_at(disk->durable_fd, disk->may_be_set,
		    sizeof disk->may_be_set);
	power_fails();
	return rc;
}

int
__wrap_fallocate(int fd, int mode, off_t off, off_t len)
{
	int rc;

	if (disk != NULL)
		power_fails();
	rc = __real_fallocate(fd, mode, off, len);
	if (disk != NULL)
		power_fails();
	return rc;
}

ssize_t
__wrap_pwritev(int fd, const struct iovec *v, int n, off_t off)
{
	ssize_t put;

	if (disk != NULL)
		power_fails();
	put = __real_pwritev(fd, v, n, off);
	if (disk != NULL)
		power_fails();
	return put;
}

/* ---- a store at work ---- */

static int
open_to_look(int root, const char *name, ino_t *ino)
{
	int fd = openat(root, name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*ino = st.st_ino;
	return fd;
}

static void
watch(struct disk *d, int root)
{
	d->data_fd = open_to_look(root, "data", &d->data);
	d->durable_fd = open_to_look(root, "durable", &d->durable);
	disk = d;
}

static void
unwatch(struct disk *d)
{
	disk = NULL;
	close(d->data_fd);
	close(d->durable_fd);
}

static void
put(struct store *s, uint64_t off, size_t len)
{
	AUTO_FREE uint8_t *p = malloc(len);
	struct err e;

	for (size_t i = 0; i < len; i++)
		p[i] = byte_at(off + i);
	OK(store_write(s, p, len, off, false, &e));
}

/* Any of what a daemon does, chunks that end inside of blocks included. */
static void
do_something(struct store *s, uint64_t *seed)
{
	uint64_t off = next_random(seed) % (BLOCKS * B - 9 * B);
	uint64_t len = 1 + next_random(seed) % (9 * B);
	struct err e;

	switch (next_random(seed) % 8) {
	case 0:
		OK(store_sync(s, &e));
		break;
	case 1:
	case 2:
		OK(store_drop(s, off, len, &e));
		break;
	default:
		put(s, off, len);
	}
}

/* How many blocks are present, all of them right. */
static uint64_t
count_right(struct store *s)
{
	uint64_t n = 0;

	for (uint64_t b = 0; b < BLOCKS; b++) {
		uint8_t p[B];
		struct err e;

		if (!store_has(s, b * B, B))
			continue;
		OK(store_read(s, p, B, b * B, &e));
		for (int i = 0; i < B; i++)
			assert_int_equal(p[i], byte_at(b * B + i));
		n++;
	}
	return n;
}

/* At no moment; and what the next boot believes is right. */
static void
no_bit_outlives_its_bytes(void **state)
{
	AUTO_FREE struct disk *d = calloc(1, sizeof *d);
	struct err e = ERR_INIT;
	struct store *s = store_open_at_boot(*(int *)*state, "boot 1", &e);
	uint64_t seed = 20;

	assert_non_null(s);
	watch(d, *(int *)*state);
	for (int i = 0; i < ROUNDS; i++)
		do_something(s, &seed);
	unwatch(d);
	store_close(s);
	assert_int_equal(d->n_wrong, 0);
	assert_true(d->n_failures > ROUNDS);
	assert_true(d->n_vouched > d->n_failures);

	s = store_open_at_boot(*(int *)*state, "boot 2", &e);
	assert_non_null(s);
	assert_true(count_right(s) > 0);
	store_close(s);
}

/* A process that is killed between clearing bits and syncing them leaves them
 * cleared in the kernel's memory only: the next one sees no bit, and gives the
 * address away. */
static void
bits_that_a_process_died_clearing_do_not_come_back(void **state)
{
	AUTO_FREE struct disk *d = calloc(1, sizeof *d);
	struct err e = ERR_INIT;
	struct store *s = store_open_at_boot(*(int *)*state, "boot 1", &e);

	assert_non_null(s);
	watch(d, *(int *)*state);
	put(s, 0, 4 * B);
	OK(store_sync(s, &e));
	d->is_dying = true;
	assert_fails(store_drop(s, 0, 4 * B, &e), e, EIO);
	d->is_dying = false;
	store_close(s);
	s = store_open_at_boot(*(int *)*state, "boot 1", &e);
	assert_non_null(s);
	OK(store_maps_loaded(s, &e));
	assert_int_equal(d->n_wrong, 0);
	assert_int_equal(d->may_be_set[0], 0);
	unwatch(d);
	store_close(s);
}

/* The simulation finds what it is for: a punch before its bit is gone. */
static void
a_store_that_punches_first_is_caught(void **state)
{
	AUTO_FREE struct disk *d = calloc(1, sizeof *d);
	struct err e = ERR_INIT;
	struct store *s = store_open_at_boot(*(int *)*state, "boot 1", &e);

	assert_non_null(s);
	watch(d, *(int *)*state);
	put(s, 0, 4 * B);
	OK(store_sync(s, &e));
	assert_int_equal(d->n_wrong, 0);
	assert_int_equal(fallocate(s->data,
			     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, B, B),
	    0);
	assert_true(d->n_wrong > 0);
	unwatch(d);
	store_close(s);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(no_bit_outlives_its_bytes),
		IN_FOLDER(bits_that_a_process_died_clearing_do_not_come_back),
		IN_FOLDER(a_store_that_punches_first_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
