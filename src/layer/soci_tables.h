/* The SOCI index of an image (format/soci_index.h), found in its registry.
 * Private to companions.c. */
#ifndef LAYER_SOCI_TABLES_H
#define LAYER_SOCI_TABLES_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct manifest;
struct repository;
struct soci_index;

/* What to look for, and where. */
struct soci_question {
	const struct repository *at;
	const struct manifest *manifest;
	bool asks_referrers; /* an index that the manifest does not name */
	uint64_t until_ns;   /* monotonic */
};

/* The manifest names one, which it then vouches for: whoever wrote the manifest
 * wrote that.  Asks nobody. */
bool soci_is_named(const struct manifest *m);

/* The one that the manifest names, else the oldest that refers to it and is of
 * use.  Waits.  ENOENT: there is none; else why it is of no use.  On failure *out
 * needs no release. */
int soci_find(
    const struct soci_question *q, struct soci_index *out, struct err *e);

#endif
