/* What a store holds.  Private to store/: store.c (bytes) and place.c
 * (addresses). */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include <stdatomic.h>

#include "store/heat.h"
#include "store/object.h"
#include "store/present.h"
#include "store/room.h"
#include "store/space.h"
#include "store/store.h"
#include "base/lock.h"

struct store {
	int root;
	int lock_file; /* flock()ed while the store is open */
	int data;
	struct present present;
	struct heat heat;
	const struct store_room *_Atomic room; /* or NULL */

	struct lock lock; /* RANK_OBJECTS, guards what follows */
	struct objects objects;
	struct space space;
	_Atomic uint64_t data_bytes; /* data's size: grown ahead, never
					shrunk; read without the lock */
};

/* As store_open(), as if the kernel's boot id were this one. */
struct store *store_open_at_boot(int root, const char *boot, struct err *e);

/* Makes `data` at least so long: what is read of a hole must not lie behind the
 * end of the file.  Needs s->lock. */
int store_grow(struct store *s, uint64_t end, struct err *e);

/* Asks for room where `len` more bytes are too many. */
void room_before_write(struct store *s, uint64_t len);

#endif
