/* The snapshotter's parts, for its own files. */
#ifndef RUNTIME_SNAPSHOTTER_PRIVATE_H
#define RUNTIME_SNAPSHOTTER_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>

#include "runtime/overlay.h"
#include "runtime/snapshotter.h"
#include "store/db_snapshot.h"
#include "base/lock.h"

struct chain;
struct lowers;
struct pulls;

struct snapshotter {
	struct snapshotter_parts parts;
	struct overlay_needs needs;
	struct lowers *lowers;
	struct pulls *pulls;
	int64_t life; /* tells this worker's changes from an earlier one's */

	pthread_t reaper;
	bool has_reaper;

	struct lock lock; /* guards what follows */
	struct cond changed;
	bool is_ending;
	bool is_due; /* something ended since the last cleaning */
	bool is_cleaning;
};

/* ---- rows: snapshotter.c ---- */

/* The row of a snapshot that is there: ENOENT. */
int snapshot_find(struct snapshotter *s, const char *key,
    struct db_snapshot *out, struct err *e);

/* The row was changed by an earlier life, so lately that the client may not
 * have had the answer. */
bool snapshot_is_unanswered(
    const struct snapshotter *s, const struct db_snapshot *row);

/* The labels of a row; EBADMSG. */
struct doc *snapshot_labels(const struct db_snapshot *row, struct err *e);

/* The chain that labels say a snapshot stands for, "" for none. */
const char *snapshot_chain(const struct doc *labels);

/* Runs fn in a transaction: committed when it returns 0. */
int snapshot_transact(struct snapshotter *s,
    int (*fn)(struct snapshotter *s, void *ctx, struct err *e), void *ctx,
    struct err *e);

/* Text of a key or name: EINVAL. */
int snapshot_check_name(const char *name, struct err *e);

/* ---- mounts: snapshot_mounts.c ---- */

/* Of a row that is there or being made. */
int snapshot_mount(struct snapshotter *s, const struct db_snapshot *row,
    struct snapshot_mount *out, struct err *e);

/* Still as it was, now that it has lower folders: who removed it meanwhile
 * found none to give back.  ENOENT. */
int snapshot_check_there(
    struct snapshotter *s, const struct db_snapshot *row, struct err *e);

/* ---- remote snapshots: remote.c ---- */

/* 0: a committed snapshot stands for the layer that the labels ask for, on this
 * parent.  -1: none can. */
struct remote_request;
int snapshot_make_remote(struct snapshotter *s,
    const struct snapshot_request *q, const struct remote_request *r,
    struct err *e);

/* ---- removal: removal.c ---- */

/* The row becomes gone; in a transaction. */
int snapshot_mark_gone(
    struct snapshotter *s, struct db_snapshot *row, struct err *e);

/* The reaper is to look soon; never blocks. */
void snapshot_poke_reaper(struct snapshotter *s);
int snapshot_start_reaper(struct snapshotter *s, struct err *e);
void snapshot_stop_reaper(struct snapshotter *s);

/* Who a remote snapshot's image is held for. */
enum { SNAPSHOT_HOLDER_SIZE = 40 };
const char *snapshot_holder(uint64_t number, char out[SNAPSHOT_HOLDER_SIZE]);
#define SNAPSHOT_HOLDER(number) \
	snapshot_holder((number), (char[SNAPSHOT_HOLDER_SIZE]){ 0 })

#endif
