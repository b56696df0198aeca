/* Which blocks of `data` are there: present (now), durable (also after a
 * reboot), and the edges of both.  Private to store/.
 *
 * The bits are read without a lock.  Everything that changes them holds `lock`,
 * and nothing blocks under it but waiting for `changed`.
 *
 * Who writes to `data` or drops from it holds a claim on the blocks meanwhile.
 * Writers do not disturb each other: the bytes of an address are always the
 * same.  A drop and anything else exclude each other, so that no bit is set for
 * bytes which a drop has just punched away.
 *
 *	write   claim, bytes to data, [lock: edges, set present], unclaim
 *	sync    [lock: copy present's changed pages], fdatasync(data),
 *	        [lock: copies to durable], fdatasync(durable)
 *	open    fdatasync(durable): what was cleared before stays so
 *	drop    claim, [lock: clear present, durable, and the copies of a sync
 *	        on its way; count `drops`], fdatasync(durable), punch, unclaim
 *	evict   the same, but what is leased (store/lease.h) when the bits are
 *	        cleared is left alone
 *	read    note `drops`, all bits set?, pread, has `drops` changed? again
 */
#ifndef STORE_PRESENT_H
#define STORE_PRESENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/bits.h"
#include "store/edge.h"
#include "base/list.h"
#include "base/lock.h"

struct err;
struct snapshot;

struct present {
	struct bits now;
	struct bits durable;
	_Atomic uint64_t drops;
	_Atomic uint64_t n_blocks; /* bits of `now` that are set */

	struct lock lock; /* RANK_PRESENT, guards what follows */
	struct cond changed;
	struct edges edges;
	struct list claims;
	struct list leases;
	uint64_t *dirty;           /* pages of `now` that a sync must look at */
	struct snapshot *snapshot; /* of the sync on its way */
	bool is_syncing;
	bool is_frozen;           /* data cannot be synced: nothing becomes
				     durable any more */
	uint64_t durable_clears;  /* how often durable bits were cleared, */
	uint64_t durable_cleared; /* and which of that is on disk */
};

void present_init(struct present *p);
/* Also after a failed open. */
void present_release(struct present *p);

/* Opens both files.  is_same_boot: what `present` says is true; else it is made
 * from `durable`.  is_data_new: `data` was empty, so neither is. */
int present_open(struct present *p, int root, bool is_same_boot,
    bool is_data_new, struct err *e);

/* Both bitmaps empty: `data` is not what they speak of. */
int present_forget_all(struct present *p, struct err *e);

/* One past the last present block. */
uint64_t present_end(const struct present *p);

static inline bool
present_has(const struct present *p, struct range r)
{
	return bits_run(&p->now, r) == r.end - r.first;
}

/* Every byte of [off, off + len) was written, be it to a block that is not
 * whole yet. */
bool present_holds(struct present *p, uint64_t off, uint64_t len);

struct claim {
	struct list link;
	struct ranges blocks; /* normal; borrowed */
	struct range own;     /* of a writer */
	bool is_drop;
};

/* For bytes [off, off + len).  Waits for drops; then makes sure that the bits
 * can be set. */
int present_begin_write(struct present *p, struct claim *c, uint64_t off,
    uint64_t len, struct err *e);

/* The bytes are in `data`: sets the bits of the blocks that they fill,
 * remembers the edges, and ends the claim. */
void present_end_write(
    struct present *p, struct claim *c, uint64_t off, uint64_t len);

/* They are not. */
void present_cancel_write(struct present *p, struct claim *c);

/* All that was present when it began is durable when it returns, except what
 * was dropped meanwhile. */
int present_sync(struct present *p, int data, struct err *e);

/* `data` failed to sync, so that nothing becomes durable any more. */
bool present_is_frozen(struct present *p);

/* Clears the bits and punches the holes; *dropped is in blocks.  `r` is
 * normal. */
int present_drop(struct present *p, int data, const struct ranges *r,
    uint64_t *dropped, struct err *e);

/* The same, without what is leased. */
int present_evict(struct present *p, int data, const struct ranges *r,
    uint64_t *dropped, struct err *e);

#endif
