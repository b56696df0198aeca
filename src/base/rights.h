/* Descriptors beside bytes on a unix socket (SCM_RIGHTS): the one place that
 * fills and reads control messages. */
#ifndef BASE_RIGHTS_H
#define BASE_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { RIGHTS_MAX = 8 }; /* descriptors of one message */

/* sendmsg(2) without SIGPIPE: the bytes taken, or -1 with errno.  Descriptors
 * go with the first byte.  EINTR is retried. */
ssize_t rights_send(
    int sock, const void *p, size_t n, int flags, const int *fds, size_t n_fds);

struct rights {
	int fds[RIGHTS_MAX]; /* the caller's, close-on-exec */
	size_t n;
	bool is_cut; /* bytes or descriptors did not fit; those were closed */
};

/* recvmsg(2): the bytes, 0 at the end, or -1 with errno.  EINTR is retried. */
ssize_t rights_receive(
    int sock, void *p, size_t n, int flags, struct rights *out);

/* Closes them, except where the caller took one and left -1. */
void rights_close(struct rights *r);

#endif
