#include "supervisor/received.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "supervisor/message.h"
#include "base/cleanup.h"
#include "base/close_all_but.h"
#include "base/err.h"
#include "base/rights.h"

enum { STACK_BYTES = 64 << 10, FUSE_MAJOR = 10, FUSE_MINOR = 229 };

/* The child's, in this process's memory. */
struct look {
	int sock;
	dev_t store, memory;
	struct message *m;
	bool is_strange;
	ssize_t n; /* of what was thrown away */
};

/* ---- what they are ---- */

/* Nobody is asked who may not answer: AT_STATX_DONT_SYNC. */
static bool
look_at(int fd, struct statx *x)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, x) == 0;
}

static bool
is_unix_socket(int fd)
{
	int domain;
	socklen_t n = sizeof domain;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
	       domain == AF_UNIX;
}

static bool
may_be_let_in(const struct look *l, int fd)
{
	struct statx x;
	dev_t dev;

	if (!look_at(fd, &x))
		return false;
	dev = makedev(x.stx_dev_major, x.stx_dev_minor);
	switch (x.stx_mode & S_IFMT) {
	case S_IFDIR:
		return true;
	case S_IFSOCK:
		return is_unix_socket(fd);
	case S_IFCHR:
		return x.stx_rdev_major == FUSE_MAJOR &&
		       x.stx_rdev_minor == FUSE_MINOR;
	case S_IFREG:
		return dev == l->store || dev == l->memory;
	default:
		return false;
	}
}

/* ---- the child ---- */

static bool
has_strangers(const struct look *l, const struct rights *r)
{
	if (r->is_cut || r->n > MESSAGE_FDS_MAX)
		return true;
	for (size_t i = 0; i < r->n; i++)
		if (!may_be_let_in(l, r->fds[i]))
			return true;
	return false;
}

/* What it peeked at is closed at its end, which this memory has no part in. */
static int
look(void *arg)
{
	struct look *l = arg;
	struct rights r;

	close_all_but(l->sock);
	if (rights_receive(
		l->sock, l->m, sizeof *l->m, MSG_PEEK | MSG_DONTWAIT, &r) < 0)
		return 0;
	l->is_strange = has_strangers(l, &r);
	if (l->is_strange)
		l->n = recv(l->sock, l->m, sizeof *l->m, MSG_DONTWAIT);
	return 0;
}

static int
drain(void *arg)
{
	const struct look *l = arg;
	struct rights r;

	close_all_but(l->sock);
	shutdown(l->sock, SHUT_RDWR);
	while (
	    rights_receive(l->sock, l->m, sizeof *l->m, MSG_DONTWAIT, &r) > 0)
		;
	return 0;
}

static int
run(int (*fn)(void *), struct look *l)
{
	_Alignas(16) char stack[STACK_BYTES];

	return clone(
	    fn, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, l);
}

/* ---- this process ---- */

/* Descriptors that there is no room for are thrown away. */
static bool
brings_any(int sock)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return recvmsg(sock, &m, MSG_PEEK | MSG_DONTWAIT) > 0 &&
	       (m.msg_flags & MSG_CTRUNC) != 0;
}

static dev_t
dev_of_memory(void)
{
	AUTO_CLOSE int fd = memfd_create("any", MFD_CLOEXEC);
	struct stat st = { 0 };

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_dev : 0;
}

/* There is no process to look at it. */
static int
throw_away(int sock, struct message *m, int why, struct err *e)
{
	if (recv(sock, m, sizeof *m, MSG_DONTWAIT) != sizeof *m)
		return err_set(e, EPROTO, "no message");
	errno = why;
	return err_sys(e, "look at a descriptor");
}

int
received_message(int sock, dev_t store, struct message *m, int *fds,
    unsigned *n_fds, struct err *e)
{
	struct look l = { .sock = sock, .store = store, .m = m };

	*n_fds = 0;
	if (!brings_any(sock))
		return message_receive(sock, m, fds, n_fds, e);
	l.memory = dev_of_memory();
	if (run(look, &l) < 0)
		return throw_away(sock, m, errno, e);
	if (!l.is_strange)
		return message_receive(sock, m, fds, n_fds, e);
	if (l.n != sizeof *m)
		return err_set(e, EPROTO, "no message");
	return err_set(e, EPERM, "the supervisor takes no such descriptor");
}

void
received_drain(int sock)
{
	struct message m;
	struct look l = { .sock = sock, .m = &m };

	if (run(drain, &l) < 0)
		shutdown(sock, SHUT_RDWR);
}
