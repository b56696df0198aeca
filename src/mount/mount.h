/* Makes a view visible below RUN/m: the third seam of the design.  One const
 * object a way, listed in mount_kinds[], the best first; mount_new() takes the
 * first that a probe says works here.
 *
 *	erofs   the kernel reads the index itself and asks for contents alone,
 *	        through one FUSE session for all mounts (data_fs.h).  Root,
 *	        Linux 6.12
 *	loop    the same by two loop devices a mount, for older kernels; only
 *	        where it is configured: an EROFS whose read is lost (unanswered.h
 *	        has no room for it, before Linux 6.9) can never end, and sync(2)
 *	        waits with it, where a FUSE mount's readers can be killed
 *	fuse    everywhere: the daemon answers from the mapped index
 *
 * Whoever asks, contents are read from the store, and a read that misses is
 * parked until the fetch is done: a miss holds no thread.
 *
 * A `mount_server` owns the FUSE threads ("fuse", 2 to 4 for all mounts
 * together).  Any thread may call.
 *
 *	mount_server_new -> mount_resume ... -> mount_server_begin -> mount_new
 */
#ifndef MOUNT_MOUNT_H
#define MOUNT_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct err;
struct held;
struct mount;
struct mount_server;
struct view;

enum mount_kernel {
	MOUNT_KERNEL_AUTO, /* EROFS where it works */
	MOUNT_KERNEL_OFF,  /* FUSE */
	MOUNT_KERNEL_LOOP, /* by loop devices, where it works */
};

/* "auto", "off", "loop"; -1: none of them. */
int mount_parse_kernel(const char *name);

enum { MOUNT_NO_REQUESTS = -2 };

struct mount_server_options {
	enum mount_kernel kernel;
	int root;     /* a folder for a temporary index; borrowed */
	int requests; /* where an earlier worker kept them (unanswered.h), -1:
			 nowhere; takes it.  MOUNT_NO_REQUESTS: they are not to
			 be kept */
	unsigned threads;       /* 0: 2 to 4, by cores */
	uint32_t patience_ms;   /* a read that nobody can answer: EIO after */
	uint32_t read_ahead_kb; /* the kernel's window; 0: 1024 */
};

struct mount_server *mount_server_new(
    struct agent *a, const struct mount_server_options *o, struct err *e);
/* The last mount of an earlier worker has been resumed: who waits for its data
 * is answered, and mount_new() returns.  `data` is the held session
 * "fuse:" AGENT_DATA_ID, whose descriptor is taken on success; NULL for none.
 */
int mount_server_begin(
    struct mount_server *s, struct held *data, struct err *e);
/* What new mounts are, "erofs", and why.  The first who asks, or mounts, tries
 * what works here, which takes a tenth of a second; others wait for him.  What
 * an earlier worker mounted goes on meanwhile. */
const char *mount_server_kind(struct mount_server *s, const char **why);
/* Stops answering; mounts stay for the next worker. */
void mount_server_free(struct mount_server *s);

/* Mounts the view as RUN/m/ID, or on `target` in a user's own daemon (NULL
 * else).  References the view.  `source` is what /proc/mounts shows. */
struct mount *mount_new(struct mount_server *s, const char *id, struct view *v,
    const char *source, const char *target, struct err *e);

/* Goes on serving a mount of a worker that died: h is the held "fuse:ID" with
 * its saved INIT, or "erofs:ID"; takes its descriptor on success. */
struct mount *mount_resume(struct mount_server *s, const char *id,
    struct view *v, struct held *h, struct err *e);

/* Unmounts (lazily) and forgets.  Reads that go on wait for as long as the server's
 * patience, and for half a minute at most. */
void mount_remove(struct mount *m);

/* This process serves it no more; the mount stays, for the next worker.  After
 * mount_server_free(). */
void mount_forget(struct mount *m);

/* Called once, on some thread, when the kernel ended the connection: nobody has
 * the mount any more (a person unmounted it).  At once where that has happened
 * already, as it may between two lives of the worker.  mount_remove() is still
 * due, and may be called from fn. */
void mount_on_gone(
    struct mount *m, void (*fn)(void *ctx, struct mount *m), void *ctx);

const char *mount_id(const struct mount *m);
const char *mount_kind_name(const struct mount *m); /* "erofs" */
struct view *mount_view(const struct mount *m);

/* Has the kernel read these files anew, whole, when they are asked for next.
 * *n_kept: of so many it keeps something that a program has mapped.  Waits for
 * reads of them that are under way; not for "fuse" threads. */
enum { MOUNT_FILES_MAX = 256 };
int mount_drop_pages(struct mount *m, const uint64_t *nids, size_t n,
    unsigned *n_kept, struct err *e);

/* How long a read that misses tries (base/patience.h), from now on, in place of
 * the server's patience_ms. */
void mount_set_patience(struct mount *m, uint32_t ms);
uint32_t mount_patience(const struct mount *m);

/* Reads that were asked for since this process serves it, and those that were
 * answered with an error. */
void mount_count(const struct mount *m, uint64_t *reads, uint64_t *errors);

/* ---- for the files that implement a kind ---- */

struct mount_kind {
	const char *name;
	const char *held; /* what the supervisor holds of it: "HELD:ID" */
	const char *why;  /* for people: what it does */
	/* 0, or an error with why not; ECANCELED: it is not configured.
	 * Called once. */
	int (*probe)(struct mount_server *s, struct err *e);
	struct mount *(*mount)(struct mount_server *s, const char *id,
	    struct view *v, const char *source, const char *target,
	    struct err *e);
	struct mount *(*resume)(struct mount_server *s, const char *id,
	    struct view *v, struct held *h, struct err *e);
	int (*drop_pages)(struct mount *m, const uint64_t *nids, size_t n,
	    unsigned *n_kept, struct err *e);
	void (*remove)(struct mount *m);
	void (*forget)(struct mount *m);
};

extern const struct mount_kind mount_erofs;
extern const struct mount_kind mount_loop;
extern const struct mount_kind mount_fuse;
extern const struct mount_kind *const mount_kinds[]; /* ends with NULL */

#endif
