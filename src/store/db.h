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

int db_set_image(struct db *d, const struct digest *manifest,
    const struct digest *layers, unsigned n_layers, struct err *e);
int db_touch_image(struct db *d, const struct digest *manifest, struct err *e);
int db_remove_image(struct db *d, const struct digest *manifest, struct err *e);
int db_each_image(struct db *d,
    int (*fn)(void *ctx, const struct digest *manifest, int64_t last_used_s),
    void *ctx, struct err *e);

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
