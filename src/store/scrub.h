/* Whether what is called present is what its digests say, read from the disk,
 * not from the page cache.  Any thread, while others read, write and evict.
 */
#ifndef STORE_SCRUB_H
#define STORE_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

struct chunk;
struct err;
struct store;

enum scrub {
	SCRUB_ABSENT,
	SCRUB_RIGHT,
	SCRUB_PARTIAL, /* some of its blocks are gone: nothing vouches for the
			  rest, and no digest says that it is wrong */
	SCRUB_WRONG,
};

/* The chunk whose first byte lies at data_off; buf has room for c->len bytes.
 * EIO where the disk cannot be read: that is SCRUB_WRONG, too. */
enum scrub store_scrub_chunk(
    struct store *s, uint64_t data_off, const struct chunk *c, void *buf);

/* Blocks that count as durable and are not present: after a reboot they would
 * be believed.  is_repair: they are no more. */
int store_scrub_durable(
    struct store *s, bool is_repair, uint64_t *n_blocks, struct err *e);

#endif
