/* The lower folders of snapshots in use, and the showings behind those that are
 * layers of images.
 *
 * A chain has one lower folder a link: RUN/s/NUMBER/fs, or a showing of its
 * layer.  Links at its end that are an image, whole and remote, share one: the
 * merged index.  So whatever is a snapshot's own lies on the very folders that
 * show its parent, and clients that compare both mounts (BuildKit) need not
 * compare files.
 *
 * Where labels ask for other owners, the supervisor shows each of them once
 * more, as RUN/m/i/NUMBER/PLACE.  A client that was not told that we can has
 * made a snapshot below in which it gave every file away: from the first folder
 * that is the container's own on, all stay as they are.
 *
 * A layer that is not here any more, because it was damaged on disk, is made
 * again.
 *
 *	lowers_take()   the snapshot is made, or its mounts are asked for
 *	lowers_map()    and with other owners
 *	lowers_end()    it is committed or removed: never blocks
 *	lowers_reap()   what has ended is unmounted, where nobody else has it
 *
 * Any thread; all but lowers_end() may block.
 */
#ifndef RUNTIME_LOWERS_H
#define RUNTIME_LOWERS_H

#include <stddef.h>
#include <stdint.h>

#include "supervisor/agent.h"
#include "base/cleanup.h"

struct chain;
struct err;
struct label_maps;
struct lowers;
struct pulls;
struct snapshotter_parts;

/* The parts are borrowed. */
struct lowers *lowers_new(
    const struct snapshotter_parts *p, struct pulls *pulls, struct err *e);
/* The showings stay, for the next worker. */
void lowers_free(struct lowers *l);

struct lower_paths {
	char **at; /* the top one first */
	struct lower_source {
		char id[AGENT_ID_MAX + 1]; /* of a showing; or "", and */
		uint64_t number;           /* of a snapshot */
	} * from;
	size_t n;
};
#define AUTO_LOWER_PATHS CLEANUP(lower_paths_release)
void lower_paths_release(struct lower_paths *p);

/* The lower folders of snapshot `number`, which has the chain below it. They
 * stay, and stay the same, until lowers_end(); asking again is fine.  ENOENT:
 * a layer can neither be found nor made, or lowers_end() was faster. */
int lowers_take(struct lowers *l, uint64_t number, const struct chain *c,
    struct lower_paths *out, struct err *e);
/* After it: the paths become those of the same folders with other owners.
 * ENOTSUP: the kernel lacks it.  ENOENT as above. */
int lowers_map(struct lowers *l, uint64_t number, const struct label_maps *maps,
    struct lower_paths *paths, struct err *e);
/* After a restart of the worker, before showings_drop_unclaimed(): keeps all
 * that an earlier life may have shown to it.  ENOENT: a mount did not survive,
 * so that lowers_take() is to make it anew. */
int lowers_resume(
    struct lowers *l, uint64_t number, const struct chain *c, struct err *e);

void lowers_end(struct lowers *l, uint64_t number);
void lowers_reap(struct lowers *l);

#endif
