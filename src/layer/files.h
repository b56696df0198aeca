/* The folders that layers and images have beside `data`:
 *
 *	ROOT/layers/HEX/     index, map, info
 *	ROOT/images/HEX/     index (merged)
 *	ROOT/manifests/HEX   manifests and configs, by their digest
 *	ROOT/tmp/            what is being made; emptied at start
 *
 * HEX is a digest: no name from outside ever becomes a path.
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

/* Makes the folders, empties tmp. */
int files_prepare(struct store *s, struct err *e);

/* The folder of one; ENOENT. */
int files_open_dir(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e);
int files_remove_dir(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e);
struct index *files_open_index(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e);

/* Every one that is there, by name; stops at the first non-zero. */
int files_each(struct store *s, enum files_kind k,
    int (*fn)(void *ctx, const struct digest *d), void *ctx, struct err *e);

/* A folder being made.  draft_commit() syncs it and renames it into place (one
 * that is there already is kept: they are equal); draft_discard() after it does
 * nothing. */
struct draft {
	struct store *store;
	char name[32]; /* below ROOT/tmp; "" when there is none */
	int dir;
};
int draft_begin(struct draft *w, struct store *s, struct err *e);
/* A new file in it, for writing and reading. */
int draft_create(struct draft *w, const char *name, struct err *e);
int draft_commit(
    struct draft *w, enum files_kind k, const struct digest *d, struct err *e);
void draft_discard(struct draft *w);
#define AUTO_DRAFT CLEANUP(draft_discard)

/* Manifests and configs.  Reading verifies: ENOENT; EBADMSG, and the damaged
 * one is removed.  One that is there is not written again. */
int files_save_blob(struct store *s, const struct digest *d, const void *p,
    size_t n, struct err *e);
int files_read_blob(
    struct store *s, const struct digest *d, struct buf *out, struct err *e);
bool files_has_blob(struct store *s, const struct digest *d);
int files_remove_blob(struct store *s, const struct digest *d, struct err *e);

#endif
