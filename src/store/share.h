/* How much of what is present belongs to whom.  Objects are shared by content
 * between layers that know nothing of each other, so it is counted in blocks of
 * `data`, not in layers.
 */
#ifndef STORE_SHARE_H
#define STORE_SHARE_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct map;
struct store;

/* A user of several maps: an image. */
struct share {
	const struct map *const *maps;
	size_t n_maps;
	uint64_t own_bytes;    /* present, and named by no other user */
	uint64_t shared_bytes; /* present, and named by others too */
};

/* Of all users at once.  The maps must stay known to the store meanwhile.  Time
 * and memory go by the pieces that the users' objects lie in, not by bytes. */
int store_measure_shares(
    struct store *s, struct share *users, size_t n, struct err *e);

#endif
