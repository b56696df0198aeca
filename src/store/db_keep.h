/* What decides how long images and their data are kept: who uses them, since
 * when nobody did, and names that went on to another image.  Part of
 * store/db.h.
 */
#ifndef STORE_DB_KEEP_H
#define STORE_DB_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

struct db;
struct err;

/* A holder that keeps an image's data from eviction, too. */
#define DB_PIN "pin"
/* Holders that begin so only stand for a lost name: they keep the image until
 * it is pruned, and use nothing. */
#define DB_MOVED "moved/"

/* The image is used until now. */
int db_touch_image(struct db *d, const struct digest *manifest, struct err *e);

/* Over all images that name the layer. */
struct db_layer_keep {
	struct digest layer;
	bool is_pinned;
	bool is_held;        /* used: pinned included, lost names not */
	int64_t last_used_s; /* the latest */
};
/* The longest unused first; layers that no image names are not among them. */
int db_each_layer_keep(struct db *d,
    int (*fn)(void *ctx, const struct db_layer_keep *k), void *ctx,
    struct err *e);

/* The name is about to mean `manifest`: the image that it meant, if another,
 * keeps its place. */
int db_note_move(struct db *d, const char *name, const struct digest *manifest,
    struct err *e);

/* Takes all names away from an image that nobody uses, lost ones included. */
int db_give_up_image(
    struct db *d, const struct digest *manifest, struct err *e);

#endif
