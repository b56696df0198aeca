/* Snapshots in state.db: the rows that a runtime's snapshotter goes by.  What
 * they mean is runtime/snapshotter.h's; here they are only kept.  Reading and
 * then writing is one transaction of the caller's (store/db.h).
 *
 *	making -> there -> gone -> (deleted)
 *
 * A number is never given twice, so that a folder or a hold that is named by it
 * cannot be taken for another's: it is one more than the last or, where that is
 * more, the seconds since 2026.  So a database that is begun anew, because the
 * one before was lost, goes on above the folders that one left.  A name belongs
 * to one snapshot that is not gone.
 */
#ifndef STORE_DB_SNAPSHOT_H
#define STORE_DB_SNAPSHOT_H

#include <stdint.h>

#include "base/bytes.h"

struct db;
struct err;

enum db_snapshot_state { SNAPSHOT_MAKING, SNAPSHOT_THERE, SNAPSHOT_GONE };

struct db_snapshot {
	uint64_t number;
	uint64_t parent; /* number, 0: none */
	enum db_snapshot_state state;
	int kind;                       /* the runtime's */
	int64_t life;                   /* of the worker that changed it last */
	int64_t created_ns, updated_ns; /* since 1970 */
	int64_t bytes, inodes;          /* usage; -1: not measured */
	uint32_t uid, gid;              /* of its root folder */

	/* Borrowed from who sets, from `cells` when read; never NULL. */
	const char *name;        /* "" once it is gone */
	const char *was;         /* its name before that, or before a commit */
	const char *parent_name; /* not set: read */
	const char *labels;      /* JSON */
	const char *chain;       /* the layers that it stands for, or "" */
	/* Which layer of which image it shows; "": its own folder. */
	const char *image; /* manifest digest */
	int64_t layer;     /* position, the lowest is 0 */
	const char *image_label;

	struct buf cells;
};

#define AUTO_DB_SNAPSHOT CLEANUP(db_snapshot_release)
void db_snapshot_release(struct db_snapshot *s);

/* The row's own number is ignored; *number gets the new one. */
int db_add_snapshot(
    struct db *d, const struct db_snapshot *s, uint64_t *number, struct err *e);
/* Everything but number and parent. */
int db_set_snapshot(struct db *d, const struct db_snapshot *s, struct err *e);
int db_delete_snapshot(struct db *d, uint64_t number, struct err *e);

/* One row, which the caller releases: ENOENT.  By name; by number; the latest
 * that had the name and is gone; one that is there, stands for the chain and
 * has this parent. */
int db_get_snapshot(
    struct db *d, const char *name, struct db_snapshot *out, struct err *e);
int db_get_snapshot_number(
    struct db *d, uint64_t number, struct db_snapshot *out, struct err *e);
int db_get_snapshot_gone(
    struct db *d, const char *was, struct db_snapshot *out, struct err *e);
int db_get_snapshot_chain(struct db *d, const char *chain, uint64_t parent,
    struct db_snapshot *out, struct err *e);

/* That are not gone. */
int db_count_snapshot_children(
    struct db *d, uint64_t parent, unsigned *n, struct err *e);

/* In a state, in the order of their names' making; fn as everywhere in
 * store/db.h. */
int db_each_snapshot(struct db *d, enum db_snapshot_state state,
    int (*fn)(void *ctx, const struct db_snapshot *s), void *ctx,
    struct err *e);

#endif
