/* A profile in memory: what an image's start reads, in order
 * (layerfs/profile.h has the file).
 *
 *	profile_new -> profile_add* -> (profile_merge) -> profile_write
 *	profile_parse -> reading
 *
 * Owned by whoever made it; one thread at a time.  Pure: no I/O, no clock.
 * Bounded by base/limits.h: what is past a limit is E2BIG, and what was added
 * before it stays.
 */
#ifndef LAYER_PROFILE_H
#define LAYER_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/hmap.h"

struct buf;
struct err;
struct manifest;

/* An entry that so many runs in a row have not read leaves the profile. */
enum { PROFILE_FORGET_RUNS = 3 };

struct profile_file {
	struct hnode node; /* by layer and path */
	uint32_t number;
	uint16_t layer;
	char path[];
};

struct profile_entry {
	uint32_t file;
	uint32_t first_block, n_blocks; /* LAYERFS_PROFILE_BLOCK */
	uint16_t runs;                  /* that read it */
	uint16_t missed;                /* since the last that did */
};

/* Of a layer's blob. */
struct profile_range {
	uint64_t blob_off;
	uint32_t len;
	uint16_t layer;
};

struct profile {
	struct digest image;
	struct digest *layers;
	size_t n_layers;
	uint32_t runs;
	int64_t recorded_s;
	struct profile_file **files;
	size_t n_files, names_bytes;
	struct hmap by_path;
	struct profile_entry *entries; /* in order of first use */
	size_t n_entries;
	struct profile_range *ranges; /* in order of use */
	size_t n_ranges;
};

#define AUTO_PROFILE CLEANUP(profile_cleanup)

/* An empty one of no runs. */
struct profile *profile_new(const struct digest *image,
    const struct digest *layers, size_t n_layers, struct err *e);
void profile_free(struct profile *p);

static inline void
profile_cleanup(struct profile **p)
{
	profile_free(*p);
}

/* The number of layer and path among the files, found or added. */
int profile_add_file(struct profile *p, unsigned layer, const char *path,
    uint32_t *file, struct err *e);
/* At the end.  Ranges of a file that overlap are the caller's to avoid. */
int profile_add(
    struct profile *p, const struct profile_entry *entry, struct err *e);

/* One more run: `latest` is what it read, `earlier` what was known before, or
 * NULL.  Entries of both keep the latest's order and count one run more; those
 * that only the earlier has follow, and go when PROFILE_FORGET_RUNS runs have
 * missed them.  is_whole false: the run was cut short, and says nothing about
 * what it did not read. */
int profile_merge(struct profile *latest, const struct profile *earlier,
    bool is_whole, struct err *e);

/* What its entries are in the blobs, in their order, where they have such
 * places: joined, and in the place of those it has (profile_ranges.c). */
int profile_set_ranges(struct profile *p, const struct profile_range *ranges,
    size_t n, struct err *e);

/* It is of this image: EBADMSG says of which it is. */
int profile_check_image(
    const struct profile *p, const struct manifest *m, struct err *e);

/* ---- as a file (profile_file.c) ---- */

/* EBADMSG when the bytes are no profile, E2BIG when they are past a limit. */
struct profile *profile_parse(const void *bytes, size_t n, struct err *e);
/* Appends; the files are sorted by it. */
int profile_write(const struct profile *p, struct buf *out, struct err *e);

#endif
