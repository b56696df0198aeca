/* Copies of the pages of a bitmap that changed since the last copy: what a sync
 * may call durable once the data is on disk.  Private to store/; the user's
 * lock guards it. */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H

#include <stdint.h>

#include "store/bits.h"

struct err;
struct snapshot;

/* Of every page whose bit is set in dirty[BITS_PAGES / 64]. */
struct snapshot *snapshot_new(
    const struct bits *b, const uint64_t *dirty, struct err *e);
void snapshot_free(struct snapshot *s);

/* As bits_back(), for all that the snapshot has. */
int snapshot_back(const struct snapshot *s, struct bits *to, struct err *e);

/* Dropped meanwhile. */
void snapshot_clear(struct snapshot *s, struct range r);

/* Sets in `to` what is set in the copies. */
void snapshot_apply(const struct snapshot *s, struct bits *to);

/* Marks its pages in `dirty` again. */
void snapshot_give_back(const struct snapshot *s, uint64_t *dirty);

#endif
