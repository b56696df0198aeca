/* What worker and supervisor say to each other: one struct a datagram over a
 * SOCK_SEQPACKET pair, descriptors beside it (SCM_RIGHTS).  The worker asks,
 * several times before the first answer; the supervisor answers each request
 * once, in any order of its own time.
 *
 *	 0  version   MESSAGE_VERSION
 *	 4  kind      the request's; its answer repeats it
 *	 8  code      answer: 0, or an errno whose text is body.error
 *	12  number    see the table
 *	16  ticket    the asker's own; its answer repeats it
 *	24  name      64 B: a mount's id, or a held descriptor's name
 *	88  body      4608 B, by kind
 *
 * A request, and what its answer carries ("-": nothing):
 *
 *   HELLO                            -> number: 1 where it may mount; hello
 *   READY                            -> -
 *   NEXT     number: the last serial -> number: serial, name, payload, 1 fd;
 *            (0 at first)               ENOENT at the end
 *   GREETED                          -> name, 1 fd; ENOENT at the end
 *   HOLD     name, payload, 1 fd     -> -
 *   GREET    name, 1 fd              -> -
 *   DROP     name                    -> -
 *   FUSE     id, fuse, number: KiB   -> 1 fd
 *            of readahead
 *   EROFS    id, erofs, number: KiB  -> 1 fd: the index
 *            of readahead; 1 fd: the
 *            index
 *   PAGES    id, nids, number: how   -> number: how many are mapped
 *            many
 *   OVERLAY  id, lowers, number: how -> -
 *            many; 0 or 2 fds
 *   CLONE    id                      -> 1 fd
 *   ATTACH   id or "", attach        -> -; ENOENT: no such mount was lost
 *   UNMOUNT  id                      -> number: 1 where reads hold it up
 *   MAKE     snapshot                -> -
 *   REMOVE   snapshot.number         -> -
 *   MEASURE  snapshot.number         -> usage
 *   MAP      id or "", map           -> -
 *   UNMAP    snapshot.number         -> -
 *   LOGIN    number                  -> 1 fd: a copy
 *   CONNECT                          -> 1 fd
 *
 * Both ends are one binary's, so integers are the machine's own.  The worker
 * reads hostile bytes and may be taken over: message_check() believes nothing.
 */
#ifndef SUPERVISOR_MESSAGE_H
#define SUPERVISOR_MESSAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "supervisor/agent.h"

enum { MESSAGE_VERSION = 7, MESSAGE_FDS_MAX = 2, MESSAGE_SOURCE_MAX = 200 };

enum message_kind {
	MESSAGE_HELLO,
	MESSAGE_READY,
	MESSAGE_NEXT,
	MESSAGE_GREETED,
	MESSAGE_HOLD,
	MESSAGE_GREET,
	MESSAGE_DROP,
	MESSAGE_FUSE,
	MESSAGE_EROFS,
	MESSAGE_PAGES,
	MESSAGE_OVERLAY,
	MESSAGE_CLONE,
	MESSAGE_ATTACH,
	MESSAGE_UNMOUNT,
	MESSAGE_MAKE,
	MESSAGE_REMOVE,
	MESSAGE_MEASURE,
	MESSAGE_MAP,
	MESSAGE_UNMAP,
	MESSAGE_LOGIN,
	MESSAGE_CONNECT,
	MESSAGE_SWEEP, /* the supervisor's own, no worker's: supervisor/upper.h */
	MESSAGE_KINDS
};

struct message {
	uint32_t version;
	uint32_t kind;
	uint32_t code;
	uint32_t number;
	uint64_t ticket;
	char name[AGENT_NAME_MAX + 1];
	union {
		struct {
			char source[MESSAGE_SOURCE_MAX + 1];
			char target[PATH_MAX]; /* "": RUN/m/ID */
			uint32_t is_writable;  /* 0 or 1 */
		} fuse;
		struct {
			char source[MESSAGE_SOURCE_MAX + 1];
			char data[AGENT_ID_MAX + 1];
			uint32_t is_loop, is_trial; /* 0 or 1 */
		} erofs;
		struct {
			char target[PATH_MAX];
			char overlay[AGENT_ID_MAX + 1]; /* or "" */
			/* the supervisor's to say: */
			uint64_t attributes;
			uint32_t is_elsewhere; /* 0 or 1: what was written */
		} attach;
		uint64_t nids[AGENT_FILES_MAX];
		char lowers[AGENT_LOWERS_MAX][AGENT_ID_MAX + 4];
		struct {
			uint32_t len;
			uint8_t bytes[AGENT_PAYLOAD_MAX];
		} payload;
		struct {
			uint64_t number;
			uint64_t like;
			uint32_t uid, gid;
			uint32_t with_work; /* 0 or 1 */
		} snapshot;
		struct {
			uint64_t life; /* of the worker, from 1 */
		} hello;
		struct {
			uint64_t bytes, inodes;
		} usage;
		struct {
			uint64_t number, lower;
			uint32_t place;
			struct agent_id_map uids, gids;
		} map;
		char error[252];
	} body;
};
_Static_assert(sizeof(struct message) == 88 + 4608, "message layout");

/* Blocks unless `flags` has MSG_DONTWAIT. */
int message_send(int sock, const struct message *m, const int *fds,
    unsigned n_fds, int flags, struct err *e);

/* ECONNRESET when the other end is gone; EPROTO when it was no message.  The
 * descriptors are the caller's.  EMFILE: *m is there, but this process had no
 * descriptor left for one that came with it. */
int message_receive(int sock, struct message *m, int fds[MESSAGE_FDS_MAX],
    unsigned *n_fds, struct err *e);

/* Makes m the answer that says so; e NULL: success. */
void message_set_error(struct message *m, const struct err *e);

/* Answers with the rest of *m, and fd unless it is -1.  Never blocks: who does
 * not read its answers gets none. */
void message_answer(int sock, struct message *m, int fd, const struct err *e);

/* EPROTO unless it is a request that means something, with this many
 * descriptors. */
int message_check(const struct message *m, unsigned n_fds, struct err *e);

bool message_is_id(const char *id);

#endif
