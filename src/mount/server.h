/* The inside of mount/: what every kind's mount begins with, and the threads
 * that serve the FUSE sessions.
 *
 * One epoll, edge triggered, over all sessions: an edge wakes one thread, which
 * reads requests until there are none; a request that comes meanwhile is a new
 * edge and wakes another.  A session that never runs out of them goes to the
 * end of the queue now and then: there are fewer threads than mounts.  An event
 * carries the session's serial number, not a pointer: the session may be gone
 * when the event is looked at.
 */
#ifndef MOUNT_SERVER_H
#define MOUNT_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "mount/codec.h"
#include "mount/data_fs.h"
#include "mount/failure.h"
#include "mount/mount.h"
#include "supervisor/agent.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/lock.h"

struct session;
struct unanswered;

enum {
	SERVER_THREADS_MAX = 4,
	SERVER_BUFFER = 1 << 20,
	SERVER_WHY_SIZE = 600,
};

struct mount_server {
	struct agent *agent;
	struct mount_server_options options;
	int epoll;
	int stop; /* eventfd, readable for ever once it is time to end */
	pthread_t threads[SERVER_THREADS_MAX];
	unsigned n_threads;
	atomic_uint n_seats;
	atomic_uint refs; /* the owner's, and one a mount */

	/* Parked reads that fail from now on get no answer: the next worker
	 * will be asked again. */
	atomic_bool is_stopping;

	struct codecs codecs;
	struct data_fs data;
	struct unanswered *unanswered; /* NULL: nothing is kept */

	/* The best that works here, NULL for none, and why: server_kind(). */
	const struct mount_kind *kind;
	char why[SERVER_WHY_SIZE];

	struct lock lock;    /* RANK_MOUNT; guards what is below */
	struct cond started; /* a mount has had its INIT, or is gone */
	struct cond chosen;
	enum { KIND_UNTRIED, KIND_TRYING, KIND_TRIED } choice;
	struct hmap sessions;
	uint64_t last_serial;
};

void server_unref(struct mount_server *s);

/* Tries the kinds when it is first asked, and blocks for that.  NULL: none
 * works. */
const struct mount_kind *server_kind(struct mount_server *s, struct err *e);

/* Adds the session to those that are served; keeps a reference until the kernel
 * ends the connection. */
int server_add(struct mount_server *s, struct session *x, struct err *e);
/* Requests of it may be left: as if they came now. */
void server_wake_again(struct mount_server *s, struct session *x);
/* The kernel ended it.  False when another thread was first. */
bool server_take_out(struct mount_server *s, struct session *x);

/* INIT was answered. */
void server_note_start(struct mount *m);
/* Waits for it: a mount that is told of before its INIT is saved would not
 * outlive the worker. */
int server_wait_start(struct mount *m, struct err *e);

/* The calling "fuse" thread's own SERVER_BUFFER bytes, for answers. */
uint8_t *server_buffer(void);

/* What a thread does; also for tests, which have no threads. */
void server_lend_buffer(uint8_t *buffer);

/* References: its owner's, one for each parked read, and what its kind says.
 * The last frees it, by `free`, which ends with mount_release(). */
struct mount {
	const struct mount_kind *kind;
	struct mount_server *server; /* a reference */
	struct view *view;           /* a reference, or NULL */
	char id[AGENT_ID_MAX + 1];
	_Atomic uint64_t n_reads, n_errors;
	atomic_uint refs;
	void (*free)(struct mount *m);
	struct failures failures;
	_Atomic uint32_t patience_ms;

	/* server->lock */
	bool is_started; /* INIT is saved and answered */
	bool is_removed;
	bool is_gone;
	void (*on_gone)(void *ctx, struct mount *m);
	void *ctx;
	struct list parked; /* read.c */
	bool is_dead;       /* nobody reads it any more */
};

/* References server and view. */
void mount_init(struct mount *m, const struct mount_kind *kind,
    struct mount_server *s, const char *id, struct view *v,
    void (*free)(struct mount *m));
void mount_release(struct mount *m);
struct mount *mount_ref(struct mount *m);
void mount_unref(struct mount *m);

#endif
