/* INIT: what is asked of the kernel, and how a session outlives the worker.
 *
 * The first life saves the INIT request with the supervisor before it answers.
 * A later life hands it to libfuse again, which answers it with its old number:
 * the kernel knows no such request (ENOENT, dropped in silence), or, where the
 * first life died before it had answered, takes the answer.  Then the kernel is
 * told to send again what the first life had read and not answered:
 * FUSE_NOTIFY_RESEND, Linux 6.9.  Older kernels refuse it (EINVAL); then they
 * are answered from where they were kept (unanswered.h).
 */
#include <errno.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mount/session.h"
#include "base/err.h"
#include "base/log.h"

enum { NOTIFY_RESEND = 7 }; /* in linux/fuse.h since 6.9 */

/* FUSE_ALLOW_IDMAP, Linux 6.12: the mount may be copied with other owners
 * (mount_setattr(2)).  Bit 40 of flags, so bit 8 of flags2.  libfuse 3.14 does
 * not know it.  The kernel wants default_permissions with it, which every mount
 * of ours has. */
enum { ALLOW_IDMAP_2 = 1 << 8 };

/* A parked read counts as "background" while it waits for the network: the
 * kernel's default of 12 would make everybody wait for twelve misses.  The
 * kernel lowers it where memory is small. */
enum { MAX_BACKGROUND = 4096, MAX_READAHEAD = 64 << 20 };

/* libfuse 3.14 keeps PARALLEL_DIROPS to itself: lookups in one folder then wait
 * for each other. */
void
init_choose(struct fuse_conn_info *c)
{
	c->want = c->capable &
		  (FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
		      FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_READDIRPLUS |
		      FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_NO_OPEN_SUPPORT |
		      FUSE_CAP_NO_OPENDIR_SUPPORT);
	c->max_read = SESSION_MAX_READ;
	/* Not below the bdi's read_ahead_kb, whenever that is set. */
	c->max_readahead = MAX_READAHEAD;
	c->max_background = MAX_BACKGROUND;
	c->congestion_threshold = MAX_BACKGROUND / 4 * 3;
}

void
init_save(struct session *x, const void *request, size_t n)
{
	char name[AGENT_NAME_MAX + 1];
	struct err e;

	if (n > AGENT_PAYLOAD_MAX) {
		log_warn("%s: INIT has %zu bytes: the mount will not outlive "
			 "the worker",
		    x->mount.id, n);
		return;
	}
	snprintf(name, sizeof name, "fuse:%s", x->mount.id);
	if (agent_hold(x->mount.server->agent, name, x->fd, request, n, &e) !=
	    0)
		log_warn("%s: the mount will not outlive the worker: %s",
		    x->mount.id, e.msg);
}

static bool
may_idmap(const void *request, size_t n)
{
	const struct fuse_init_in *in =
	    (const void *)((const uint8_t *)request +
			   sizeof(struct fuse_in_header));

	return n >= sizeof(struct fuse_in_header) + sizeof *in &&
	       (in->flags & FUSE_INIT_EXT) != 0 &&
	       (in->flags2 & ALLOW_IDMAP_2) != 0;
}

int
init_process(struct session *x, const void *request, size_t n, struct err *e)
{
	const struct fuse_in_header *h = request;
	int rc;
	SESSION_SCOPE(x);

	x->idmap_init = may_idmap(request, n) ? h->unique : 0;
	rc = codec_begin(
	    &x->mount.server->codecs, x->ops, request, n, &x->codec, e);
	x->idmap_init = 0;
	return rc;
}

void
init_amend(struct session *x, const struct iovec *v, int n)
{
	const struct fuse_out_header *h = v[0].iov_base;
	struct fuse_init_out *out;

	if (x->idmap_init == 0 || h->unique != x->idmap_init || n != 2 ||
	    v[1].iov_len != sizeof *out)
		return;
	out = v[1].iov_base;
	out->flags |= FUSE_INIT_EXT;
	out->flags2 |= ALLOW_IDMAP_2;
}

void
init_replay(struct session *x, const void *request, size_t n)
{
	_Alignas(8) uint8_t copy[AGENT_PAYLOAD_MAX];
	struct err e = ERR_INIT;

	memcpy(copy, request, n);
	if (init_process(x, copy, n, &e) != 0)
		log_error("mount %s: %s", x->mount.id, e.msg);
}

bool
init_resend(struct session *x)
{
	const struct fuse_out_header resend = { .len = sizeof resend,
		.error = NOTIFY_RESEND };

	if (write(x->fd, &resend, sizeof resend) >= 0)
		return true;
	if (errno != EINVAL)
		log_debug("%s: resend: %s", x->mount.id, strerror(errno));
	return false;
}
