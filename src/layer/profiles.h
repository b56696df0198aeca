/* The profiles that this node keeps:
 *
 *	ROOT/profiles/HEX    of the image whose manifest has this digest
 *
 * One outlives its image; of more than LIMIT_PROFILES those go that were
 * written longest ago.  A file appears whole or not at all.  A damaged one is
 * removed, with a warning, never fatal: the next run makes another.  Any
 * thread, all of it blocks on disk; who writes the same one at a time is the
 * user's to arrange (layer/recordings.h does).
 */
#ifndef LAYER_PROFILES_H
#define LAYER_PROFILES_H

#include <stdbool.h>

struct digest;
struct err;
struct profile;
struct store;

int profiles_prepare(struct store *s, struct err *e);

/* ENOENT where there is none, or was a damaged one. */
struct profile *profiles_load(
    struct store *s, const struct digest *image, struct err *e);
bool profiles_has(struct store *s, const struct digest *image);

/* In place of the one that is there. */
int profiles_save(struct store *s, const struct profile *p, struct err *e);

/* None is fine. */
int profiles_remove(struct store *s, const struct digest *image, struct err *e);

#endif
