#include "layer/disk_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "layer/disk_log_private.h"
#include "store/testing.h"

struct disk_log disk = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.mapped = { { .node = NONE }, { .node = NONE } } };

/* ---- noting ---- */

static struct op *
push(enum kind kind, int node)
{
	if (disk.n == disk.max) {
		disk.max = disk.max == 0 ? 1024 : 2 * disk.max;
		disk.ops = realloc(disk.ops, disk.max * sizeof *disk.ops);
		assert_non_null(disk.ops);
	}
	disk.ops[disk.n] = (struct op){
		.kind = kind,
		.node = node,
		.over = NONE,
		.dir = NONE,
		.from = NONE,
	};
	return &disk.ops[disk.n++];
}

static void
note_write(int node, const void *p, size_t len, uint64_t off)
{
	struct op *o = push(WRITE, node);

	o->off = off;
	o->len = len;
	o->bytes = malloc(len);
	assert_non_null(o->bytes);
	memcpy(o->bytes, p, len);
}

static void
look_at_mapped(struct mapped *m)
{
	uint8_t now[MAPPED] = { 0 };

	if (m->node == NONE || pread(m->fd, now, MAPPED, 0) < 0 ||
	    memcmp(now, m->bytes, MAPPED) == 0)
		return;
	memcpy(m->bytes, now, MAPPED);
	note_write(m->node, now, MAPPED, 0);
}

/* The latest of its inode's number: numbers come again. */
static int
node_of(const struct stat *st)
{
	for (int i = disk.n_nodes - 1; i >= 0; i--)
		if (st->st_dev == disk.dev && disk.nodes[i].ino == st->st_ino)
			return i;
	return NONE;
}

static int
node_of_fd(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? node_of(&st) : NONE;
}

static int
node_at(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? node_of(&st)
								 : NONE;
}

/* The folder that has the name, NONE where it is no business of ours. */
static int
folder_of(int dir, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char folder[256];
	struct stat st;

	*name = slash == NULL ? path : slash + 1;
	snprintf(folder, sizeof folder, "%.*s",
	    slash == NULL ? 1 : (int)(slash - path),
	    slash == NULL ? "." : path);
	return fstatat(dir, folder, &st, 0) == 0 ? node_of(&st) : NONE;
}

static void
note_name(struct op *o, int dir, const char *name)
{
	o->dir = dir;
	assert_true(strlen(name) < NAME_SIZE);
	strcpy(o->name, name);
}

static void
note_mapped(int dir, const char *path, int node)
{
	static const char *const names[] = {
		[DURABLE] = "durable", [PRESENT] = "present"
	};

	for (int i = 0; i < N_MAPPED; i++)
		if (strcmp(path, names[i]) == 0) {
			disk.mapped[i].node = node;
			disk.mapped[i].fd =
			    syscall(SYS_openat, dir, path, O_RDONLY);
		}
}

static void
note_made(int dir, const char *path, bool is_dir)
{
	const char *name;
	int folder = folder_of(dir, path, &name), node = disk.n_nodes;
	struct stat st;

	if (folder == NONE)
		return;
	assert_true(node < NODES_MAX);
	assert_int_equal(fstatat(dir, path, &st, 0), 0);
	disk.nodes[disk.n_nodes++] =
	    (struct node){ .ino = st.st_ino, .is_dir = is_dir };
	note_name(push(is_dir ? MAKE_DIR : MAKE, node), folder, name);
	if (folder == ROOT)
		note_mapped(dir, path, node);
}

static void
note_range(enum kind kind, int fd, uint64_t off, uint64_t len)
{
	int node = node_of_fd(fd);
	struct op *o;

	if (node == NONE)
		return;
	o = push(kind, node);
	o->off = off;
	o->len = len;
}

static bool
begin_call(void)
{
	pthread_mutex_lock(&disk.lock);
	for (int i = 0; disk.is_on && i < N_MAPPED; i++)
		look_at_mapped(&disk.mapped[i]);
	return disk.is_on;
}

static int
end_call(int rc, int code)
{
	pthread_mutex_unlock(&disk.lock);
	errno = code;
	return rc;
}

/* ---- the system calls ---- */

static int
open_at(int dir, const char *path, int flags, mode_t mode)
{
	bool is_new, is_on;
	struct stat st;
	int fd;

	if ((flags & (O_CREAT | O_TRUNC)) == 0)
		return syscall(SYS_openat, dir, path, flags, mode);
	is_on = begin_call();
	is_new = fstatat(dir, path, &st, 0) < 0;
	fd = syscall(SYS_openat, dir, path, flags, mode);
	if (is_on && fd >= 0 && is_new)
		note_made(dir, path, false);
	else if (is_on && fd >= 0 && (flags & O_TRUNC) != 0)
		note_range(RESIZE, fd, 0, 0);
	return end_call(fd, errno);
}

#define OPEN_MODE(flags, mode)                  \
	do {                                    \
		va_list ap;                     \
		va_start(ap, flags);            \
		if ((flags & O_CREAT) != 0)     \
			mode = va_arg(ap, int); \
		va_end(ap);                     \
	} while (0)

int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(flags, mode);
	return open_at(dir, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	bool is_on = begin_call();
	int rc = syscall(SYS_mkdirat, dir, path, mode), code = errno;

	if (is_on && rc == 0)
		note_made(dir, path, true);
	return end_call(rc, code);
}

static void
note_move(int node, int over, int from, int dir, const char *name)
{
	struct op *o;

	if (node == NONE || dir == NONE)
		return;
	o = push(MOVE, node);
	o->over = over;
	o->from = from;
	note_name(o, dir, name);
}

int
renameat(int dir, const char *path, int to_dir, const char *to)
{
	bool is_on = begin_call();
	const char *name, *to_name;
	int from = folder_of(dir, path, &name);
	int into = folder_of(to_dir, to, &to_name);
	int node = node_at(dir, path), over = node_at(to_dir, to);
	int rc = syscall(SYS_renameat, dir, path, to_dir, to), code = errno;

	if (is_on && rc == 0)
		note_move(node, over, from, into, to_name);
	return end_call(rc, code);
}

int
unlinkat(int dir, const char *path, int flags)
{
	bool is_on = begin_call();
	const char *name;
	int folder = folder_of(dir, path, &name), node = node_at(dir, path);
	int rc = syscall(SYS_unlinkat, dir, path, flags), code = errno;

	if (is_on && rc == 0 && folder != NONE && node != NONE)
		note_name(push(REMOVE, node), folder, name);
	return end_call(rc, code);
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

static ssize_t
write_at(int fd, const struct iovec *v, int n, off_t off)
{
	bool is_on = begin_call();
	ssize_t put = syscall(SYS_pwritev, fd, v, n, off, 0), rest = put;
	int code = errno, node = is_on ? node_of_fd(fd) : NONE;

	for (int i = 0; node != NONE && i < n && rest > 0; i++) {
		size_t len = min_u64(v[i].iov_len, rest);

		note_write(node, v[i].iov_base, len, off);
		off += len;
		rest -= len;
	}
	end_call(0, code);
	return put;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t off)
{
	struct iovec v = { (void *)p, n };

	return write_at(fd, &v, 1, off);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t off)
{
	return pwrite(fd, p, n, off);
}

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t off)
{
	return write_at(fd, v, n, off);
}

int
ftruncate(int fd, off_t len)
{
	bool is_on = begin_call();
	int rc = syscall(SYS_ftruncate, fd, len), code = errno;

	if (is_on && rc == 0)
		note_range(RESIZE, fd, 0, len);
	return end_call(rc, code);
}

int
ftruncate64(int fd, off64_t len)
{
	return ftruncate(fd, len);
}

int
fallocate(int fd, int mode, off_t off, off_t len)
{
	bool is_on = begin_call();
	int rc = syscall(SYS_fallocate, fd, mode, off, len), code = errno;

	if (is_on && rc == 0 && (mode & FALLOC_FL_PUNCH_HOLE) != 0)
		note_range(PUNCH, fd, off, len);
	return end_call(rc, code);
}

int
fdatasync(int fd)
{
	bool is_on = begin_call(), is_real = !disk.is_without_syncs;

	if (is_on)
		note_range(SYNC, fd, 0, 0);
	end_call(0, errno);
	return is_real ? syscall(SYS_fdatasync, fd) : 0;
}

int
fsync(int fd)
{
	return fdatasync(fd);
}

/* ---- life ---- */

void
disk_log_begin(int folder)
{
	struct stat st;

	assert_int_equal(fstat(folder, &st), 0);
	disk.dev = st.st_dev;
	disk.nodes[ROOT] = (struct node){ .ino = st.st_ino, .is_dir = true };
	disk.n_nodes = 1;
	disk.is_on = disk.is_without_syncs = true;
}

void
disk_log_end(void)
{
	pthread_mutex_lock(&disk.lock);
	disk.is_on = false;
	pthread_mutex_unlock(&disk.lock);
}

size_t
disk_log_size(void)
{
	size_t n;

	pthread_mutex_lock(&disk.lock);
	n = disk.n;
	pthread_mutex_unlock(&disk.lock);
	return n;
}

size_t
disk_log_next_sync(size_t from)
{
	size_t n = disk_log_size();

	while (from < n && disk.ops[from].kind != SYNC)
		from++;
	return from;
}

void
disk_log_free(void)
{
	for (size_t i = 0; i < disk.n; i++)
		free(disk.ops[i].bytes);
	free(disk.ops);
	for (int i = 0; i < N_MAPPED; i++) {
		if (disk.mapped[i].node != NONE)
			close(disk.mapped[i].fd);
		disk.mapped[i] = (struct mapped){ .node = NONE };
	}
	disk.ops = NULL;
	disk.n = disk.max = disk.n_nodes = 0;
	disk.is_without_syncs = false;
}
