/* One blob on its way to a registry: what the protocol calls an upload session,
 * with the piece that is being sent.  Private to upload.c.
 *
 *	begin -> (fill -> send)* -> finish
 *	  ^                 |
 *	  +---- restart ----+   the registry has lost it
 */
#ifndef REGISTRY_UPLOAD_SESSION_H
#define REGISTRY_UPLOAD_SESSION_H

#include "registry/upload.h"
#include "base/bytes.h"

struct hasher;
struct host_list;

struct upload_session {
	const struct repository *to;
	const struct upload *upload;
	struct hasher *hasher; /* of all that was read */

	struct host_list *hosts;
	size_t host;    /* who has it */
	char *location; /* where it is; NULL: nowhere yet */

	struct buf piece;
	size_t piece_bytes;
	uint64_t piece_off; /* in the blob */
	uint64_t arrived;   /* of the blob */
	bool is_last;       /* the piece is the blob's end */
	unsigned tries;     /* since something arrived */
	bool is_lost;       /* the registry does not know it any more */
};

#define AUTO_UPLOAD_SESSION CLEANUP(upload_session_release)

int upload_session_init(struct upload_session *s, const struct repository *to,
    const struct upload *u, struct err *e);
void upload_session_release(struct upload_session *s);

/* Asks for one.  *is_mounted: there is no need for any. */
int upload_session_begin(
    struct upload_session *s, bool *is_mounted, struct err *e);

/* The piece becomes as long as it may be, or the blob's last. */
int upload_session_fill(struct upload_session *s, struct err *e);
/* What is left of the piece has arrived when it returns 0, and the next may be
 * filled.  On failure is_lost says whether the rest is worth sending. */
int upload_session_send(struct upload_session *s, struct err *e);
/* Sends the last piece, with the digest of it all. */
int upload_session_finish(
    struct upload_session *s, const struct digest *d, struct err *e);

/* To the start; the piece stays if it holds the start.  ENOTSUP where the blob
 * cannot be read again. */
int upload_session_restart(struct upload_session *s, struct err *e);
/* Tells the registry to forget it, if it listens. */
void upload_session_cancel(struct upload_session *s);

#endif
