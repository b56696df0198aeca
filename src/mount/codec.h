/* libfuse, used as a codec: it takes requests apart, calls the operations, and
 * puts their answers together.  It knows no session of ours: whoever hands it a
 * request or an answer is in that session's SESSION_SCOPE (session.h).
 *
 * What it keeps follows from the operations and from what the kernel said in
 * INIT, so sessions for which both are the same share one.  Each takes one of
 * the process's thread keys, of which there are 1,024 (PTHREAD_KEYS_MAX): with
 * one a session there could be no more mounts than that.  Only INIT is answered
 * by a new one each time, for libfuse answers it once.
 *
 *	codec_begin (INIT) -> codec_process ... -> codecs_release
 */
#ifndef MOUNT_CODEC_H
#define MOUNT_CODEC_H

#include <stddef.h>

#include "base/list.h"
#include "base/lock.h"

struct codec;
struct err;
struct fuse_lowlevel_ops;

/* A server's; they live until codecs_release(). */
struct codecs {
	struct lock lock; /* RANK_LEAF; guards the list */
	struct list all;
};

void codecs_init(struct codecs *c);
void codecs_release(struct codecs *c);

/* Answers the INIT.  *out, which other threads may read, is the codec of what
 * comes after it, and is set before the answer is given.  ENOMEM: no answer was
 * given. */
int codec_begin(struct codecs *c, const struct fuse_lowlevel_ops *ops,
    const void *init, size_t n, struct codec *_Atomic *out, struct err *e);

/* Any other request but INTERRUPT, which names another request by a number that
 * is the connection's own. */
void codec_process(struct codec *c, const void *request, size_t n);

#endif
