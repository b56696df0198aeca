/* A layer that this node understands: index and map on disk, and its blob to
 * fetch from.  The noun that registry, format, store, index and mount meet at.
 *
 *	ROOT/layers/HEX/index    the tree (index/index.h)
 *	ROOT/layers/HEX/map      objects and chunks (store/map.h)
 *	ROOT/layers/HEX/points   restart points (codec/points.h), where it has any
 *	ROOT/layers/HEX/info     format, reason: JSON
 *
 * HEX is the blob's digest.  The folder appears by one rename, whole and
 * synced, or not at all.  A layer is owned by the catalog (layer/catalog.h) and
 * shared by images; immutable after layer_open(); any thread.
 */
#ifndef LAYER_LAYER_H
#define LAYER_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"

struct blob;
struct buf;
struct contents;
struct descriptor;
struct err;
struct fetcher;
struct format;
struct index;
struct map;
struct points;
struct source;
struct store;

struct layer {
	struct digest digest;
	uint64_t blob_size;
	char format[32]; /* "zstd:chunked", "tar+gzip" */
	char reason[96]; /* why it was not lazy at first; "" when it was */
	bool has_table;  /* understood from a table beside the image: */
	struct digest table;
	struct store *store;
	struct map *map; /* the store knows it as long as the layer lives */
	struct points *points; /* of its spans; NULL: it has none */
	struct blob *blob;
	uint64_t size;  /* bytes of its files' contents, each once */
	uint64_t files; /* objects */
	bool is_fresh;  /* not on disk yet (files.h); the catalog's */
};

/* From ROOT/layers; ENOENT when it is not there, EBADMSG when damaged, ESTALE as
 * in files.h. */
struct layer *layer_open(
    struct store *s, struct fetcher *f, const struct digest *d, struct err *e);

/* Closes; the files stay.  No view may use it any more. */
void layer_close(struct layer *l);

/* Closes, frees what no other layer shares, removes the files.  -1: nothing of
 * that happened. */
int layer_remove(struct layer *l, uint64_t *freed_bytes, struct err *e);

/* The table that it was understood from lies (layer/distrust.h). */
bool layer_is_distrusted(const struct layer *l);
/* That was found out now: what its blob has not fails at once, and says so. */
void layer_distrust(const struct layer *l);

/* Its tree, mapped anew. */
struct index *layer_open_index(const struct layer *l, struct err *e);

/* Appends its index as it travels (layerfs/layer_index.h), for a layer that was
 * read whole here: ENOTSUP for others, and where a part cannot be had alone. */
int layer_write_portable(const struct layer *l, struct buf *out, struct err *e);

/* ---- making one ---- */

/* A table of contents that lies in a blob of its own, beside the image.  Who
 * found it answers for it: the descriptor's digest is all that is checked. */
struct layer_table {
	const struct format *format;
	const struct descriptor *blob;
	struct source *source; /* NULL: the layer's sources have it, too */
};

struct layer_making {
	struct store *store;
	struct fetcher *fetcher;
	const struct descriptor *descriptor;
	struct source *const *sources; /* tried in order */
	unsigned n_sources;
	/* NULL: none, or none that is believed.  Where the manifest vouches for
	 * a table of its own that one is taken; one that is of no use is as
	 * good as none, and the layer's reason says why. */
	const struct layer_table *table;
	/* Why there is none, where there is more to say; "" or NULL. */
	const char *table_reason;
	uint64_t whole_max_bytes; /* 0: no limit; layer_check_making() */
	/* The layer's diff_id, for formats that are read whole, once all of it
	 * has come; may block, may fail. */
	int (*diff_id)(void *ctx, struct digest *out, struct err *e);
	uint32_t patience_ms;
	/* Bytes of the blob so far; any thread. */
	void (*on_progress)(void *ctx, uint64_t done);
	void *ctx;
};

/* The lazy format that the manifest lets expect, or the table (may be NULL);
 * NULL: the layer would be read whole, and *e is why (ENOTSUP), or it could not
 * be made at all.  Asks nobody. */
const char *layer_foresee(
    const struct descriptor *d, const struct layer_table *table, struct err *e);

/* ENOTSUP when it would be read whole and is over whole_max_bytes.  Asks
 * nobody. */
int layer_check_making(const struct layer_making *m, struct err *e);

/* Reads the table of contents, or the whole blob where there is none, and
 * leaves ROOT/layers/HEX.  Blocking.  On failure nothing is left. */
int layer_make(const struct layer_making *m, struct err *e);

#endif
