/* LD_PRELOAD for layerfsd: its worker dies at the N-th call that somebody could
 * see, once; with $CRASH_ANY any program does.
 *
 *	$CRASH_DIR/armed   calls are counted from when it is there
 *	$CRASH_DIR/trace   a line a counted call: number, name, what on
 *	$CRASH_DIR/at      N; absent or 0: never
 *	$CRASH_DIR/over    nobody dies any more
 *	$CRASH_DIR/died    somebody did: later workers live
 *
 * Each call is made first: what dies after the N-th dies before the next.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int dir = -1, trace = -1;
static long at;
static atomic_long counted;
static atomic_bool is_armed;

static bool
is_worker(void)
{
	char line[4096];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = syscall(SYS_read, fd, line, sizeof line);

	close(fd);
	return n > 0 && memmem(line, n, "--worker-fd", 11) != NULL;
}

static long
read_number(const char *name)
{
	char text[24] = "";
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_read, fd, text, sizeof text - 1) < 0)
		return 0;
	close(fd);
	return atol(text);
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("CRASH_DIR");

	if (path == NULL || (getenv("CRASH_ANY") == NULL && !is_worker()))
		return;
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || faccessat(dir, "died", F_OK, 0) == 0)
		return;
	at = read_number("at");
	trace = openat(
	    dir, "trace", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static bool
armed(void)
{
	if (trace < 0)
		return false;
	if (!is_armed && faccessat(dir, "armed", F_OK, 0) == 0)
		is_armed = true;
	return is_armed;
}

static void
count(const char *call, const char *what)
{
	char line[320];
	long n = ++counted;
	int len = snprintf(line, sizeof line, "%ld %s %.255s\n", n, call, what);

	syscall(SYS_write, trace, line, len);
	if (n != at || faccessat(dir, "over", F_OK, 0) == 0)
		return;
	close(openat(dir, "died", O_WRONLY | O_CREAT, 0666));
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* "socket", "fuse", or the last part of a path, digits and hex left out. */
static void
count_fd(const char *call, int fd)
{
	char link[40], path[4096];
	const char *name;
	ssize_t n;

	if (!armed())
		return;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	if (strncmp(path, "anon_inode", 10) == 0 ||
	    strncmp(path, "pipe:", 5) == 0)
		return; /* nobody else sees it */
	name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	if (strncmp(name, "socket:", 7) == 0)
		name = "socket";
	count(call, name);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ON_FD(type, name, args, ...)               \
	type name args                             \
	{                                          \
		type rc = REAL(name)(__VA_ARGS__); \
		int saved = errno;                 \
		count_fd(#name, fd);               \
		errno = saved;                     \
		return rc;                         \
	}

ON_FD(ssize_t, write, (int fd, const void *p, size_t n), fd, p, n)
ON_FD(ssize_t, read, (int fd, void *p, size_t n), fd, p, n)
ON_FD(ssize_t, writev, (int fd, const struct iovec *v, int n), fd, v, n)
ON_FD(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t o), fd, p, n, o)
ON_FD(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t o), fd, p, n,
    o)
ON_FD(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), fd, m, f)
ON_FD(ssize_t, send, (int fd, const void *p, size_t n, int f), fd, p, n, f)
ON_FD(int, fsync, (int fd), fd)
ON_FD(int, fdatasync, (int fd), fd)
ON_FD(int, ftruncate, (int fd, off_t n), fd, n)
ON_FD(int, ftruncate64, (int fd, off64_t n), fd, n)

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int rc = REAL(renameat)(from_dir, from, to_dir, to);
	int saved = errno;

	if (armed())
		count("renameat", to);
	errno = saved;
	return rc;
}

int
unlinkat(int at_dir, const char *name, int flags)
{
	int rc = REAL(unlinkat)(at_dir, name, flags);
	int saved = errno;

	if (armed())
		count("unlinkat", name);
	errno = saved;
	return rc;
}
