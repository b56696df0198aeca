#include "base/rights.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(RIGHTS_MAX * sizeof(int))];
};

ssize_t
rights_send(
    int sock, const void *p, size_t n, int flags, const int *fds, size_t n_fds)
{
	union control control = { 0 };
	struct iovec iov = { (void *)p, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t put;

	assert(n_fds <= RIGHTS_MAX);
	if (n_fds > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof *fds);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof *fds);
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof *fds);
	}
	do
		put = sendmsg(sock, &m, flags | MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	return put;
}

static void
take(struct rights *out, const struct cmsghdr *h)
{
	size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
		return;
	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
		if (out->n < RIGHTS_MAX) {
			out->fds[out->n++] = fd;
		} else {
			close(fd);
			out->is_cut = true;
		}
	}
}

ssize_t
rights_receive(int sock, void *p, size_t n, int flags, struct rights *out)
{
	union control control;
	struct iovec iov = { p, n };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };
	ssize_t got;

	out->n = 0;
	do
		got = recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	out->is_cut = (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	if (got < 0)
		return got;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h != NULL;
	     h = CMSG_NXTHDR(&m, h))
		take(out, h);
	return got;
}

void
rights_close(struct rights *r)
{
	while (r->n-- > 0)
		if (r->fds[r->n] >= 0)
			close(r->fds[r->n]);
	r->n = 0;
}
