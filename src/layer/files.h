/* The folders that layers and images have beside `data`:
 *
 *	ROOT/layers/HEX/     index, map, points, info; fresh
 *	ROOT/images/HEX/     index (merged); fresh
 *	ROOT/manifests/HEX   manifests and configs, by their digest
 *	ROOT/tmp/            what is being made; emptied at start
 *
 * HEX is a digest: no name from outside ever becomes a path.
 *
 * Who waits for a mount does not wait for the disk: a folder is used before it is
 * synced.  As long as it is not, `fresh` in it holds the id of the boot that made
 * it: in another boot the folder is as good as none.  It was there before the
 * folder had its name, so a file system's journal brings both back or neither.
 * files_settle() syncs, takes it away, and syncs that.
 */
#ifndef LAYER_FILES_H
#define LAYER_FILES_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/digest.h"

struct err;
struct index;
struct store;

enum files_kind { FILES_LAYERS, FILES_IMAGES };

/* Makes the folders; removes what was being made when the last process ended. */
int files_prepare(struct store *s, struct err *e);

/* The folder of one; ENOENT. */
int files_open_dir(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e);
/* -1: it is still there. */
int files_remove_dir(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e);
struct index *files_open_index(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e);

/* Every one that is there, by name; stops at the first non-zero. */
int files_each(struct store *s, enum files_kind k,
    int (*fn)(void *ctx, const struct digest *d), void *ctx, struct err *e);

/* 0: the folder is of this boot, or on disk; *is_fresh: not on disk yet.  ESTALE:
 * it was not on disk when the machine went down. */
int files_check_boot(struct store *s, enum files_kind k, const struct digest *d,
    bool *is_fresh, struct err *e);

/* It outlives a power cut when this returns; blocks on disk. */
int files_settle(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e);

/* A folder being made.  draft_commit() renames it into place, fresh (one that is
 * there already is kept: they are equal); draft_discard() after it does
 * nothing. */
struct draft {
	struct store *store;
	char name[32]; /* below ROOT/tmp; "" when there is none */
	int dir;
};
int draft_begin(struct draft *w, struct store *s, struct err *e);
/* A new file in it, for writing and reading. */
int draft_create(const struct draft *w, const char *name, struct err *e);
int draft_commit(
    struct draft *w, enum files_kind k, const struct digest *d, struct err *e);
void draft_discard(struct draft *w);
#define AUTO_DRAFT CLEANUP(draft_discard)

/* Manifests and configs (layer/documents.h).  Reading verifies: ENOENT; EBADMSG,
 * and the damaged one is removed. */
int files_save_blob(struct store *s, const struct digest *d, const void *p,
    size_t n, struct err *e);
/* Those that are there outlive a power cut when this returns. */
int files_sync_blobs(struct store *s, struct err *e);
int files_read_blob(
    struct store *s, const struct digest *d, struct buf *out, struct err *e);
bool files_has_blob(struct store *s, const struct digest *d);
int files_remove_blob(struct store *s, const struct digest *d, struct err *e);
/* As files_each(). */
int files_each_blob(struct store *s,
    int (*fn)(void *ctx, const struct digest *d), void *ctx, struct err *e);

#endif
