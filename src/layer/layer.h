/* A layer that this node understands: index and map on disk, and its blob to
 * fetch from.  The noun that registry, format, store, index and mount meet at.
 *
 *	ROOT/layers/HEX/index    the tree (index/index.h)
 *	ROOT/layers/HEX/map      objects and chunks (store/map.h)
 *	ROOT/layers/HEX/info     format, reason: JSON
 *
 * HEX is the blob's digest.  The folder appears by one rename, whole and
 * synced, or not at all.  A layer is owned by the catalog (layer/catalog.h) and
 * shared by images; immutable after layer_open(); any thread.
 */
#ifndef LAYER_LAYER_H
#define LAYER_LAYER_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"

struct blob;
struct contents;
struct descriptor;
struct err;
struct fetcher;
struct index;
struct map;
struct source;
struct store;

struct layer {
	struct digest digest;
	uint64_t blob_size;
	char format[32]; /* "zstd:chunked", "tar+gzip" */
	char reason[96]; /* why it was not lazy at first; "" when it was */
	struct store *store;
	struct map *map; /* the store knows it as long as the layer lives */
	struct blob *blob;
	uint64_t size;  /* bytes of its files' contents, each once */
	uint64_t files; /* objects */
};

/* From ROOT/layers; ENOENT when it is not there, EBADMSG when damaged. */
struct layer *layer_open(
    struct store *s, struct fetcher *f, const struct digest *d, struct err *e);

/* Closes; the files stay.  No view may use it any more. */
void layer_close(struct layer *l);

/* Closes, frees what no other layer shares, removes the files. */
int layer_remove(struct layer *l, uint64_t *freed_bytes, struct err *e);

/* Its tree, mapped anew. */
struct index *layer_open_index(const struct layer *l, struct err *e);

/* ---- making one ---- */

struct layer_making {
	struct store *store;
	struct fetcher *fetcher;
	const struct descriptor *descriptor;
	struct source *const *sources; /* tried in order */
	unsigned n_sources;
	uint64_t whole_max_bytes; /* 0: no limit; layer_check_making() */
	/* The layer's diff_id, for formats that are read whole; called at most
	 * once, may block, may fail. */
	int (*diff_id)(void *ctx, struct digest *out, struct err *e);
	uint32_t patience_ms;
	/* Bytes of the blob so far; any thread. */
	void (*on_progress)(void *ctx, uint64_t done);
	void *ctx;
};

/* The lazy format that the manifest lets expect; NULL: the layer would be read
 * whole, and *e is why (ENOTSUP), or it could not be made at all.  Asks nobody.
 */
const char *layer_foresee(const struct descriptor *d, struct err *e);

/* ENOTSUP when it would be read whole and is over whole_max_bytes.  Asks
 * nobody. */
int layer_check_making(const struct layer_making *m, struct err *e);

/* Reads the table of contents, or the whole blob where there is none, and
 * leaves ROOT/layers/HEX.  Blocking.  On failure nothing is left. */
int layer_make(const struct layer_making *m, struct err *e);

#endif
