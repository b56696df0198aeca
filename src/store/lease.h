/* A range of `data` that an eviction leaves alone: a reader waits for it.
 *
 * Without it a reader whose bytes come in while other bytes are evicted for
 * them could wait for ever: some of what it needs would always be gone when the
 * rest is there.  What is present when the lease begins, and what is written
 * from then on, stays until it ends.
 *
 *	store_lease -> fetch what is missing, read -> store_unlease
 *
 * Embedded in who waits; any thread.  store_evict() and store_drop_unleased()
 * respect it, store_drop() does not.
 */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include <stdint.h>

#include "base/list.h"

struct store;

struct lease {
	struct list link;
	uint64_t first, end; /* blocks */
};

void store_lease(
    struct store *s, struct lease *l, uint64_t data_off, uint64_t len);
void store_unlease(struct store *s, struct lease *l);

#endif
