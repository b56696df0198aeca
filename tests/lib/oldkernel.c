/* LD_PRELOAD for layerfsd: a kernel before Linux 6.9, which does not know
 * FUSE_NOTIFY_RESEND. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/fuse.h>
#include <unistd.h>

enum { NOTIFY_RESEND = 7 };

ssize_t
write(int fd, const void *p, size_t n)
{
	const struct fuse_out_header *h = p;
	__typeof__(&write) real = (__typeof__(&write))dlsym(RTLD_NEXT, "write");

	if (n == sizeof *h && h->len == n && h->error == NOTIFY_RESEND &&
	    h->unique == 0) {
		errno = EINVAL;
		return -1;
	}
	return real(fd, p, n);
}
