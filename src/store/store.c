/* The store's life and its bytes; its addresses are in place.c. */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "store/boot.h"
#include "store/store_private.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"

/* ---- opening ---- */

static int
take_lock_file(struct store *s, struct err *e)
{
	s->lock_file =
	    openat(s->root, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_file < 0)
		return err_sys(e, "open lock");
	if (flock(s->lock_file, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(e, EBUSY, "another process has the store open");
	return err_sys(e, "lock");
}

static int
open_data(struct store *s, struct err *e)
{
	struct stat st;

	s->data = openat(s->root, "data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->data < 0 || fstat(s->data, &st) < 0)
		return err_sys(e, "open data");
	s->data_bytes = st.st_size;
	return 0;
}

/* A bit behind the end of `data` vouches for nothing, and then who knows what
 * the others are worth. */
static int
check_size(struct store *s, struct err *e)
{
	if (present_end(&s->present) * STORE_BLOCK <= s->data_bytes)
		return 0;
	log_warn("data is shorter than what was present; starting empty");
	return present_forget_all(&s->present, e);
}

/* On a full disk the next process takes this boot for another, and believes
 * `durable`. */
static int
note_boot(struct store *s, const char *boot, struct err *e)
{
	if (boot_write(s->root, boot, e) == 0)
		return 0;
	if (!room_is_lacking(e))
		return -1;
	log_warn("%s", e->msg);
	boot_forget(s->root);
	*e = ERR_INIT;
	return 0;
}

static int
open_parts(struct store *s, int root, const char *boot, struct err *e)
{
	bool is_same_boot;

	s->root = fs_open_dir(root, ".", e);
	if (s->root < 0 || take_lock_file(s, e) < 0 || open_data(s, e) < 0)
		return -1;
	is_same_boot = boot_is_same(s->root, boot);
	if (present_open(&s->present, s->root, is_same_boot, s->data_bytes == 0,
		e) < 0 ||
	    check_size(s, e) < 0)
		return -1;
	return is_same_boot ? 0 : note_boot(s, boot, e);
}

struct store *
store_open_at_boot(int root, const char *boot, struct err *e)
{
	struct store *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "store");
		return NULL;
	}
	s->root = s->lock_file = s->data = -1;
	lock_init(&s->lock, RANK_OBJECTS);
	present_init(&s->present);
	space_init(&s->space);
	if (objects_init(&s->objects, e) < 0 || heat_init(&s->heat, e) < 0 ||
	    open_parts(s, root, boot, e) < 0) {
		err_wrap(e, "store");
		store_close(s);
		return NULL;
	}
	return s;
}

struct store *
store_open(int root, struct err *e)
{
	char boot[BOOT_ID_SIZE];

	boot_id(boot);
	return store_open_at_boot(root, boot, e);
}

static void
close_file(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	present_release(&s->present);
	space_release(&s->space);
	objects_release(&s->objects);
	heat_release(&s->heat);
	lock_destroy(&s->lock);
	close_file(s->data);
	close_file(s->lock_file);
	close_file(s->root);
	free(s);
}

int
store_root(const struct store *s)
{
	return s->root;
}

/* ---- reading ---- */

/* Positions come from maps and allocations, which were checked. */
static struct range
range_checked(uint64_t off, uint64_t len)
{
	assert(off <= LIMIT_DATA_BYTES && len <= LIMIT_DATA_BYTES - off);
	return range_of_bytes(off, len);
}

bool
store_has(const struct store *s, uint64_t off, uint64_t len)
{
	return present_has(&s->present, range_checked(off, len));
}

bool
store_holds(struct store *s, uint64_t off, uint64_t len)
{
	return present_has(&s->present, range_checked(off, len)) ||
	       present_holds(&s->present, off, len);
}

uint64_t
store_present_run(const struct store *s, uint64_t off, uint64_t len)
{
	struct range r = range_checked(off, len);
	uint64_t end = (r.first + bits_run(&s->present.now, r)) * STORE_BLOCK;

	return end <= off ? 0 : min_u64(end - off, len);
}

int
store_read(struct store *s, void *p, size_t len, uint64_t off, struct err *e)
{
	struct range r = range_checked(off, len);
	uint64_t drops;

	do {
		drops = atomic_load(&s->present.drops);
		if (!present_has(&s->present, r))
			return err_set(e, EAGAIN,
			    "%zu bytes at %" PRIu64 " are not all present", len,
			    off);
		if (fs_pread(s->data, p, len, off, e) < 0)
			return err_wrap(e, "data");
		/* A drop meanwhile, and this may be a hole's zeros. */
	} while (atomic_load(&s->present.drops) != drops);
	heat_touch(&s->heat, r);
	return 0;
}

/* ---- writing ---- */

int
store_grow(struct store *s, uint64_t end, struct err *e)
{
	uint64_t ahead = min_u64(align_up(end, GIB(1)), LIMIT_DATA_BYTES);

	if (end <= s->data_bytes)
		return 0;
	if (ftruncate(s->data, ahead) < 0) {
		if (errno != EFBIG)
			return err_sys(e, "grow data");
		ahead = end;
		if (ftruncate(s->data, ahead) < 0)
			return err_set(e, ENOSPC,
			    "data cannot grow to %" PRIu64 " bytes", end);
	}
	s->data_bytes = ahead;
	return 0;
}

static int
grow(struct store *s, uint64_t end, struct err *e)
{
	if (end <= s->data_bytes)
		return 0;
	LOCK_SCOPE(&s->lock);
	return store_grow(s, end, e);
}

/* The end of what a write vouches for: an object's last block to its end. */
static uint64_t
end_of(uint64_t off, uint64_t len, bool is_end)
{
	return is_end ? align_up(off + len, STORE_BLOCK) : off + len;
}

/* The bytes, and zeros up to `end`, which lies in the last one's block. */
static int
write_padded(int fd, const void *p, size_t len, uint64_t off, uint64_t end,
    struct err *e)
{
	static const uint8_t zeros[STORE_BLOCK];
	struct iovec v[2] = { { (void *)p, len },
		{ (void *)zeros, end - off - len } };
	ssize_t put = pwritev(fd, v, v[1].iov_len > 0 ? 2 : 1, off);
	size_t n = put < 0 ? 0 : put;

	if (n == end - off)
		return 0;
	/* Interrupted, or short: piece by piece, which also names the error. */
	if (n < len) {
		if (fs_pwrite(fd, (const char *)p + n, len - n, off + n, e) < 0)
			return -1;
		n = len;
	}
	return fs_pwrite(fd, zeros, end - off - n, off + n, e);
}

static int
write_zeros(int fd, uint64_t off, uint64_t end, struct err *e)
{
	while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off,
		   end - off) < 0)
		if (errno != EINTR)
			return err_sys(e, "punch a hole");
	return 0;
}

/* p NULL: zeros. */
static int
try_write_range(struct store *s, const void *p, uint64_t len, uint64_t off,
    uint64_t end, struct err *e)
{
	struct claim c;
	int rc;

	if (grow(s, end, e) < 0 ||
	    present_begin_write(&s->present, &c, off, end - off, e) < 0)
		return err_wrap(e, "store");
	rc = p != NULL ? write_padded(s->data, p, len, off, end, e)
		       : write_zeros(s->data, off, end, e);
	if (rc < 0) {
		present_cancel_write(&s->present, &c);
		return err_wrap(e, "data");
	}
	heat_touch(&s->heat, range_of_bytes(off, end - off));
	heat_wrote(&s->heat, p != NULL ? len : 0);
	present_end_write(&s->present, &c, off, end - off);
	return 0;
}

static int
write_range(struct store *s, const void *p, uint64_t len, uint64_t off,
    uint64_t end, struct err *e)
{
	room_before_write(s, p != NULL ? len : 0);
	if (try_write_range(s, p, len, off, end, e) == 0)
		return 0;
	if (!store_make_room(s, e))
		return -1;
	return try_write_range(s, p, len, off, end, e);
}

int
store_write(struct store *s, const void *p, size_t len, uint64_t off,
    bool is_end, struct err *e)
{
	if (len == 0 || store_has(s, off, len))
		return 0;
	return write_range(s, p, len, off, end_of(off, len, is_end), e);
}

int
store_write_zeros(
    struct store *s, uint64_t len, uint64_t off, bool is_end, struct err *e)
{
	if (len == 0 || store_has(s, off, len))
		return 0;
	return write_range(s, NULL, len, off, end_of(off, len, is_end), e);
}

/* ---- keeping and dropping ---- */

int
store_sync(struct store *s, struct err *e)
{
	if (present_sync(&s->present, s->data, e) == 0)
		return 0;
	/* Nor may the next process take over what this one has seen fail. */
	if (present_is_frozen(&s->present))
		boot_forget(s->root);
	return err_wrap(e, "store");
}

static int
drop(struct store *s, uint64_t off, uint64_t len,
    int (*how)(struct present *p, int data, const struct ranges *r,
	uint64_t *dropped, struct err *e),
    struct err *e)
{
	struct range r = range_checked(off, len);
	struct ranges list = { .at = &r, .n = len > 0 };
	uint64_t dropped;

	if (how(&s->present, s->data, &list, &dropped, e) < 0)
		return err_wrap(e, "store");
	return 0;
}

int
store_drop(struct store *s, uint64_t off, uint64_t len, struct err *e)
{
	return drop(s, off, len, present_drop, e);
}

int
store_drop_unleased(struct store *s, uint64_t off, uint64_t len, struct err *e)
{
	return drop(s, off, len, present_evict, e);
}

/* ---- sizes ---- */

void
store_usage(struct store *s, struct store_usage *u)
{
	struct stat st = { 0 };
	struct statvfs fs = { 0 };

	fstat(s->data, &st);
	fstatvfs(s->data, &fs);
	*u = (struct store_usage){
		.data_bytes = st.st_blocks * UINT64_C(512),
		.present_bytes = s->present.n_blocks * STORE_BLOCK,
		.free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize,
	};
	LOCK_SCOPE(&s->lock);
	u->address_bytes = s->space.end * STORE_BLOCK;
	u->objects = s->objects.n;
}

uint64_t
store_map_present(struct store *s, const struct map *m)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		struct object o;
		uint64_t blocks;

		map_object(m, i, &o);
		blocks = bits_count(
		    &s->present.now, range_of_bytes(o.data_off, o.size));
		/* The last block's slack is nobody's. */
		bytes += min_u64(blocks * STORE_BLOCK, o.size);
	}
	return bytes;
}
