/* Reads what the store has and compares it with its digests and sums: contents
 * by chunk, indexes, maps, manifests, bitmaps, the database.  Works beside
 * readers and evictions, at a bounded rate; believes nothing that it has not
 * read.
 *
 * is_repair: what is wrong is dropped, to be fetched again by who reads it; a
 * damaged merged index is made again by the next mount, a damaged layer when
 * nobody uses it.  What the kernel has in its cache of a mounted file is the
 * caller's business (mount/stale.h): on_dropped tells him.
 */
#ifndef LAYER_VERIFY_H
#define LAYER_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

struct catalog;
struct digest;
struct err;

/* One thing that is wrong; the strings live only during the call. */
struct finding {
	const char *image; /* its reference; "" where it is nobody's */
	const char *path;  /* of the file in it; "" where it is no file's */
	const char *what;
	bool is_repaired;
};

struct verify_request {
	const struct digest *manifest; /* NULL: everything */
	bool is_repair;
	uint64_t bytes_per_s; /* 0: as fast as it goes */
	const _Atomic bool *is_cancelled;
	void (*on_finding)(void *ctx, const struct finding *f);
	/* These bytes of `data` were wrong and are gone; may be NULL. */
	void (*on_dropped)(void *ctx, uint64_t data_off, uint64_t len);
	void (*on_progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

struct verify_totals {
	uint64_t checked_bytes;
	uint64_t unchecked_bytes; /* of chunks that are not whole */
	uint64_t wrong;           /* findings */
	uint64_t repaired;
};

/* ECANCELED, ENOENT; that something is wrong is no failure.  Blocking. */
int catalog_verify(struct catalog *c, const struct verify_request *q,
    struct verify_totals *out, struct err *e);

#endif
