/* The folders that containers write into: ROOT/snapshots/NUMBER/{fs,work}.
 * ROOT/snapshots is root's own (0700), so the worker, who may be taken over,
 * neither sees what is in them nor can put a link in the way.  What lies in fs
 * is whatever containers wrote.
 *
 * For the supervisor's child processes: they block on disk, for long where a
 * tree is large.  `dir` is ROOT/snapshots.
 */
#ifndef SUPERVISOR_SNAPSHOTS_H
#define SUPERVISOR_SNAPSHOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/agent.h"

struct err;
struct fs_usage;

/* Whether overlayfs takes folders of there as upper ones; EINVAL: it does not.
 * `lower` is any folder elsewhere.  Nothing is mounted. */
int snapshots_probe(int dir, int lower, bool in_user_ns, struct err *e);

/* EEXIST; ENOENT: there is none that it could be like; EINVAL where a user
 * namespace has no such uid or gid.  Nothing is left of what failed. */
int snapshot_make(int dir, uint64_t number,
    const struct agent_snapshot_options *o, struct err *e);

/* A detached copy of fs (open_tree(2)), without what is mounted in it; ENOENT.
 */
int snapshot_copy(int dir, uint64_t number, struct err *e);

/* Absent is fine. */
int snapshot_remove(int dir, uint64_t number, struct err *e);

/* What fs takes; ENOENT. */
int snapshot_measure(
    int dir, uint64_t number, struct fs_usage *out, struct err *e);

#endif
