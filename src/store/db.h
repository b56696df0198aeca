/* state.db: what the node knows besides bytes.  SQLite in WAL mode, one
 * connection under one lock; any thread may call, every call may block on disk.
 * Losing it loses names and mounts, never contents.
 *
 * Digests are stored as text, times as wall-clock seconds.  The functions that
 * each_ calls hold no lock: they may call the database.  EBADMSG: damaged while
 * it was open; the next db_open() moves it aside.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

struct db;
struct err;

/* ROOT/state.db; makes or upgrades the schema.  A database of a newer schema is
 * ENOTSUP.  A damaged one is moved aside and started anew, with a warning. */
struct db *db_open(int root, struct err *e);
void db_close(struct db *d);

/* Goes through all of the file: EBADMSG says what is wrong. */
int db_check(struct db *d, struct err *e);

/* Everything that this thread does between the two is one transaction; nests
 * not.  Other threads wait.  Whatever fails between, db_commit() included, the
 * thread ends it with db_rollback(). */
int db_begin(struct db *d, struct err *e);
int db_commit(struct db *d, struct err *e);
void db_rollback(struct db *d);

/* ---- references: normalised text ("127.0.0.1:5000/python:gzip",
 * "oci:/dir:tag", "host/name@sha256:...") -> manifest ---- */

struct db_reference {
	const char *name; /* borrowed */
	struct digest manifest;
	int64_t resolved_s; /* when the registry last said so */
};
int db_set_reference(struct db *d, const struct db_reference *r, struct err *e);
/* ENOENT when unknown. */
int db_get_reference(struct db *d, const char *name, struct digest *manifest,
    int64_t *resolved_s, struct err *e);
int db_remove_reference(struct db *d, const char *name, struct err *e);
/* The name lives only during the call of fn; non-zero stops and is returned. */
int db_each_reference(struct db *d,
    int (*fn)(void *ctx, const struct db_reference *r), void *ctx,
    struct err *e);

/* ---- images: the manifest's own bytes lie in ROOT/manifests/HEX ---- */

struct db_image {
	struct digest manifest;
	const char *label; /* borrowed: the reference it was opened by last */
	const struct digest *layers;
	unsigned n_layers;
	const struct digest *chain_ids; /* one a layer; NULL: not known */
	int64_t last_used_s;
};
/* Replaces what was known of it; last_used_s is now. */
int db_set_image(struct db *d, const struct db_image *i, struct err *e);
/* The last that was opened by this; ENOENT when none was. */
int db_find_image_by_label(struct db *d, const char *label,
    struct digest *manifest, int64_t *last_used_s, struct err *e);
int db_remove_image(struct db *d, const struct digest *manifest, struct err *e);
/* Without layers and chains. */
int db_each_image(struct db *d, int (*fn)(void *ctx, const struct db_image *i),
    void *ctx, struct err *e);
/* The others whose layers unpack to the same: whoever has its config is one. */
int db_each_image_alike(struct db *d, const struct digest *manifest,
    int (*fn)(void *ctx, const struct digest *manifest), void *ctx,
    struct err *e);
/* It has a reference or a holder: 1 or 0. */
int db_is_image_wanted(
    struct db *d, const struct digest *manifest, struct err *e);
/* Images with neither. */
int db_each_unwanted_image(struct db *d,
    int (*fn)(void *ctx, const struct digest *manifest), void *ctx,
    struct err *e);

/* An image that has this chain, and the number of the layer that ends it; one
 * whose layer is known, if there is one.  ENOENT. */
int db_find_chain(struct db *d, const struct digest *chain_id,
    struct digest *manifest, int *position, struct err *e);

/* ---- who holds an image ---- */

/* Twice is once.  ENOENT: no such image. */
int db_add_holder(struct db *d, const struct digest *manifest, const char *who,
    struct err *e);
int db_remove_holder(struct db *d, const struct digest *manifest,
    const char *who, struct err *e);
int db_each_holder(struct db *d, const struct digest *manifest,
    int (*fn)(void *ctx, const char *who), void *ctx, struct err *e);

/* ---- why a runtime downloaded a layer ---- */

#define DB_FALLBACKS_MAX 1000 /* the oldest go */

struct db_fallback {
	const char *label; /* borrowed: the image's reference */
	struct digest layer;
	const char *reason; /* borrowed */
	int64_t noted_s;
};
/* Replaces what was said of this layer of this image. */
int db_set_fallback(struct db *d, const struct db_fallback *f, struct err *e);
/* The latest first. */
int db_each_fallback(struct db *d,
    int (*fn)(void *ctx, const struct db_fallback *f), void *ctx,
    struct err *e);

/* ---- layers, by blob digest ---- */

struct db_layer {
	struct digest digest;
	uint64_t blob_size;
	const char *format; /* borrowed: "zstd:chunked", "tar+gzip" ... */
	const char *reason; /* borrowed: why it is not lazy, "" when it is */
	int64_t last_used_s;
};
int db_set_layer(struct db *d, const struct db_layer *l, struct err *e);
int db_touch_layer(struct db *d, const struct digest *layer, struct err *e);
int db_remove_layer(struct db *d, const struct digest *layer, struct err *e);
int db_each_layer(struct db *d, int (*fn)(void *ctx, const struct db_layer *l),
    void *ctx, struct err *e);
/* Layers that no image names. */
int db_each_orphan_layer(struct db *d,
    int (*fn)(void *ctx, const struct digest *layer), void *ctx, struct err *e);

/* How many images name the layer. */
int db_count_layer_images(
    struct db *d, const struct digest *layer, unsigned *n, struct err *e);

/* Where a layer's blob was seen: "host/repository" or "oci:/dir". */
int db_add_source(
    struct db *d, const struct digest *layer, const char *where, struct err *e);
int db_each_source(struct db *d, const struct digest *layer,
    int (*fn)(void *ctx, const char *where), void *ctx, struct err *e);

/* ---- mounts ---- */

struct db_mount {
	const char *id;      /* hex, short: names RUN/m/ID */
	const char *target;  /* the path a person gave; "" for none */
	const char *options; /* JSON, the daemon's own */
};
int db_set_mount(struct db *d, const struct db_mount *m, struct err *e);
int db_remove_mount(struct db *d, const char *id, struct err *e);
int db_each_mount(struct db *d, int (*fn)(void *ctx, const struct db_mount *m),
    void *ctx, struct err *e);

#endif
