/* Who makes room in the store, and when it is asked to.
 *
 * A write that brings `data` over high_bytes tells `on_pressure`.  One that
 * would bring it over max_bytes, or finds the disk full, asks `make` and is
 * then carried out, or tried once more: a reader's bytes come in even where
 * nothing may go, rather over the quota than never.
 *
 * The callbacks come from any thread that writes, which holds no lock and no
 * claim.  on_pressure returns at once; make may block, and may not fetch.
 */
#ifndef STORE_ROOM_H
#define STORE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct store;

struct store_room {
	uint64_t high_bytes, max_bytes; /* of disk; UINT64_MAX: no bound */
	void (*on_pressure)(void *ctx);
	/* is_full: the disk refused.  False: nothing was freed. */
	bool (*make)(void *ctx, bool is_full);
	void *ctx;
};

/* Borrowed from then on.  Nobody may be writing when it is taken away with
 * NULL. */
void store_set_room(struct store *s, const struct store_room *r);

/* It failed for want of space. */
bool room_is_lacking(const struct err *failure);

/* For what fails with ENOSPC beside `data`: asks for room as a write does.
 * True: some was made, try once more. */
bool store_make_room(struct store *s, const struct err *failure);

/* Disk blocks that `data` occupies, in bytes; one fstat(2). */
uint64_t store_disk_bytes(const struct store *s);

/* Of the file system that `data` lies on. */
struct store_disk {
	uint64_t size_bytes, free_bytes;
};
void store_disk(const struct store *s, struct store_disk *out);

#endif
