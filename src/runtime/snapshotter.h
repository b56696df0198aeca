/* containerd's snapshots: trees that build on each other, with names, labels
 * and containerd's rules (package snapshots of containerd).
 *
 *	Prepare -> active -> Commit -> committed -> Remove -> gone
 *	View    -> view   -> Remove -> gone
 *	Prepare of a layer that an image here has -> committed at once: *remote*
 *
 * A snapshot of a runtime's own is a folder that the supervisor makes, seen as
 * RUN/s/NUMBER/fs; a remote one is a layer of an image that the catalog holds,
 * seen as RUN/m/ID by a showing (mount/showing.h) while an active snapshot or a
 * view builds on it.  A whole remote image is one lower folder, its merged
 * index, whatever lies on it; others have one a layer.
 *
 * A Prepare whose labels name a layer (runtime/labels.h) answers EEXIST once a
 * committed snapshot that stands for the chain on the same parent exists: that
 * is how containerd is told not to download it.  What makes that impossible is
 * logged, noted for people, and answered with an ordinary snapshot.  A remote
 * snapshot is called "remote/PARENT/CHAIN" and serves every namespace, and so
 * does what somebody unpacked: whoever reaches the socket is as good as root,
 * and contents are named by digest.
 *
 * Where labels say which ids a container has on this machine
 * (containerd.io/snapshot/uidmapping, gidmapping), a snapshot's own folder
 * belongs to the container's root, and the supervisor shows the lower ones with
 * other owners (supervisor/mapped.h).  The mounts say nothing of it: of
 * containerd's releases only 2.0 and later understand uidmap= and gidmap=, and
 * overlayfs refuses them.  ENOTSUP where the kernel lacks it, rather than files
 * that are nobody's: a client that is not told "remap-ids" gives the files away
 * itself, and such a snapshot's lower folders stay as they are.
 *
 * Rows are in state.db (store/db_snapshot.h) and survive a power cut once
 * answered.  Remove only marks; folders, holds and showings go in the
 * background, or by snapshotter_cleanup().
 *
 * A worker may die between a change and its answer.  Clients then repeat the
 * call at the next one, so a repeat of the very same change that an earlier
 * life made within the last 10 s succeeds, once.
 *
 * Any thread.  All calls may block on disk, Prepare on registries for as long
 * as the options say.  The codes: ENOENT, EEXIST, EINVAL, EBUSY (a failed
 * precondition: children, or of the wrong kind), ENOTSUP.
 */
#ifndef RUNTIME_SNAPSHOTTER_H
#define RUNTIME_SNAPSHOTTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct agent;
struct catalog;
struct db;
struct doc;
struct err;
struct reference;
struct showings;
struct snapshotter;

struct snapshotter_parts {
	struct db *db;
	struct agent *agent;
	struct catalog *catalog;
	struct showings *showings;
	const char *run_path;
	/* Gives the registry client what credentials there are; may be NULL. */
	void (*authorise)(void *ctx, const struct reference *r);
	void *ctx;
	uint32_t prepare_timeout_ms; /* for a registry to answer */
	uint64_t whole_layer_bytes;  /* without table of contents: lazy only up
					to this size, by reading it whole */
	uint64_t small_layer_bytes;  /* up to this size fetched at once */
};

/* Takes up what an earlier life left, and resumes its showings: so before
 * showings_drop_unclaimed().  The parts are borrowed. */
struct snapshotter *snapshotter_new(
    const struct snapshotter_parts *p, struct err *e);
/* Calls end soon: none waits for a registry any more. */
void snapshotter_cancel(struct snapshotter *s);
/* No call may run any more.  The mounts stay for the next worker; before
 * showings_free(). */
void snapshotter_free(struct snapshotter *s);

enum snapshot_kind { /* as on the wire */
	SNAPSHOT_VIEW = 1,
	SNAPSHOT_ACTIVE,
	SNAPSHOT_COMMITTED,
};

/* ---- looking ---- */

struct snapshot_info {
	char *name, *parent; /* "" for no parent */
	enum snapshot_kind kind;
	int64_t created_ns, updated_ns; /* since 1970 */
	struct doc *labels;
};
#define AUTO_SNAPSHOT_INFO CLEANUP(snapshot_info_release)
void snapshot_info_release(struct snapshot_info *i);

int snapshotter_stat(struct snapshotter *s, const char *key,
    struct snapshot_info *out, struct err *e);

/* Those that the filters (runtime/filter.h) choose; non-zero from fn stops and
 * is returned. */
int snapshotter_list(struct snapshotter *s, const char *const *filters,
    size_t n_filters, int (*fn)(void *ctx, const struct snapshot_info *i),
    void *ctx, struct err *e);

/* An active one's own files as they are now; a committed one's as they were
 * when first asked for; of a remote one what is here. */
struct snapshot_usage {
	uint64_t bytes, inodes;
};
int snapshotter_usage(struct snapshotter *s, const char *key,
    struct snapshot_usage *out, struct err *e);

/* ---- mounts ---- */

enum { SNAPSHOT_OPTIONS_MAX = 8 };

struct snapshot_mount {
	const char *type; /* "bind", "overlay" */
	char *source;
	char *options[SNAPSHOT_OPTIONS_MAX];
	size_t n_options;
};
#define AUTO_SNAPSHOT_MOUNT CLEANUP(snapshot_mount_release)
void snapshot_mount_release(struct snapshot_mount *m);

/* Of an active one or a view. */
int snapshotter_mounts(struct snapshotter *s, const char *key,
    struct snapshot_mount *out, struct err *e);

/* ---- changing ---- */

struct snapshot_request {
	enum snapshot_kind kind; /* SNAPSHOT_ACTIVE or SNAPSHOT_VIEW */
	const char *key;
	const char *parent; /* "" for none */
	struct doc *labels;
};
int snapshotter_prepare(struct snapshotter *s, const struct snapshot_request *q,
    struct snapshot_mount *out, struct err *e);

/* The labels replace those that it had. */
int snapshotter_commit(struct snapshotter *s, const char *key, const char *name,
    struct doc *labels, struct err *e);

/* The fields: "labels", "labels.KEY"; none: all that may change. */
struct snapshot_update {
	const char *name;
	struct doc *labels;
	const char *const *fields;
	size_t n_fields;
};
int snapshotter_update(struct snapshotter *s, const struct snapshot_update *u,
    struct snapshot_info *out, struct err *e);

int snapshotter_remove(struct snapshotter *s, const char *key, struct err *e);

/* Deletes what removed snapshots left. */
int snapshotter_cleanup(struct snapshotter *s, struct err *e);

#endif
