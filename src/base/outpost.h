/* A child process that reads files where nobody may answer, as base/scout.h's, for
 * whoever has threads and reads on.  A thread that waited there itself could be ended
 * by nobody, and would hold up the end of its whole process: SIGKILL does not reach who
 * waits for a FUSE server that has taken his request, or for a disk.
 *
 *	outpost_new -> outpost_read* -> outpost_free
 *
 *	outpost_read -> what is there, or why not
 *	             -> late, after ten seconds: from then on at once, until the child
 *	                has had its answer; then as before
 *
 * The first read forks the child, and it ends by itself when nothing was asked of it
 * for a moment: it has pages of its own of what its parent changes.  One that is late
 * is kept, so that no more than one hangs; it ends with the outpost, as soon as it can.
 * It has nothing open but the folder, and is waited for by init.
 *
 * One thread at a time.
 */
#ifndef BASE_OUTPOST_H
#define BASE_OUTPOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct buf;
struct err;
struct outpost;

enum { OUTPOST_BYTES = 128 << 10, OUTPOST_PATIENCE_MS = 10000 };

struct outpost_place {
	int dir;            /* taken on success; -1: none */
	const char *folder; /* then its name; copied; NULL: names are whole */
	/* By the child: a descriptor, or -1 with errno.  Only what a signal's handler
	 * may do. */
	int (*open)(int dir, const char *name);
	uint32_t patience_ms; /* 0: OUTPOST_PATIENCE_MS */
};

/* Asks the file system nothing. */
struct outpost *outpost_new(const struct outpost_place *p, struct err *e);
void outpost_free(struct outpost *o);

#define AUTO_OUTPOST CLEANUP(outpost_cleanup)

static inline void
outpost_cleanup(struct outpost **o)
{
	outpost_free(*o);
}

struct outpost_look {
	const char *name; /* shorter than LIMIT_PATH_BYTES */
	uint64_t off;
	size_t
	    most; /* bytes; OUTPOST_BYTES are all that can be had, and 0 is that */
	bool is_open; /* go on with the file that the last look was at */
	const _Atomic bool *is_cancelled; /* looked at now and then; or NULL */

	/* what is there */
	uint64_t size;        /* of the file */
	const uint8_t *bytes; /* until the next look */
	size_t n;             /* 0: it ends there */
};

/* ETIMEDOUT: nobody answers there, or nobody has yet; ECANCELED; EPROTO: it is no regular
 * file, and was not read; or of open(2), read(2) and the like.  With the name. */
int outpost_read(struct outpost *o, struct outpost_look *k, struct err *e);
/* The whole file, appended.  As above; E2BIG; EBADMSG: it is shorter than it was. */
int outpost_read_file(
    struct outpost *o, const char *name, struct buf *out, struct err *e);

#endif
