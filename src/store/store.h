/* The store: one sparse file `data` with every layer's contents, and one bit a
 * 4 KiB block that says the bytes are there and verified.
 *
 *	ROOT/data       contents; only store_write() writes it
 *	ROOT/present    bits, mapped; right as long as the kernel lives
 *	ROOT/durable    bits that hold after a reboot: copied by store_sync()
 *	ROOT/boot       the boot id that `present` belongs to
 *
 * Lives from store_open() to store_close(), owned by the worker (one process at
 * a time: ROOT/lock).  Every function may be called by any thread.  At open:
 * same boot id: present is believed; another: present starts as durable.
 *
 * A block's bit is set only after every byte of it was written.  A chunk rarely
 * ends on a block's end, so the store remembers in memory which part of such an
 * edge block is there (store/edge.h), and sets the bit when the rest arrives;
 * what it forgets in a restart is fetched again.
 *
 * After a drop the same range may be written again at once; a reader sees the
 * old bytes, EAGAIN, or the new ones (which are equal), never the hole.
 *
 * What may go when it becomes too much is store/evict.h's, who makes room is
 * store/room.h's, what a waiting reader keeps is store/lease.h's.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunk;
struct digest;
struct err;
struct map;
struct map_builder;
struct object;
struct store;

enum { STORE_BLOCK = 4096 };

/* root: the folder; borrowed for the call, the store keeps its own.  Makes what
 * is missing.  EBUSY when another process has it open. */
struct store *store_open(int root, struct err *e);
void store_close(struct store *s);

/* ROOT's descriptor, for the folders beside `data`. */
int store_root(const struct store *s);

/* ---- bytes ---- */

/* True when every block that [off, off + len) touches is present. */
bool store_has(const struct store *s, uint64_t off, uint64_t len);

/* True when every byte of [off, off + len) was written, also where its block is
 * not whole yet: what store_has() is to a reader, this is to who fetches
 * chunks, which rarely end where a block does. */
bool store_holds(struct store *s, uint64_t off, uint64_t len);

/* How many bytes from off on are present, up to len: whole blocks. */
uint64_t store_present_run(const struct store *s, uint64_t off, uint64_t len);

/* EAGAIN when not all of it is present; nothing is read then. */
int store_read(
    struct store *s, void *p, size_t len, uint64_t off, struct err *e);

/* Writes verified bytes, then sets the bits.  `is_end`: the object ends here,
 * the rest of the last block counts as zero.  A range whose bits are set
 * already is left alone.  ENOSPC. */
int store_write(struct store *s, const void *p, size_t len, uint64_t off,
    bool is_end, struct err *e);

/* The same for zeros, which stay a hole. */
int store_write_zeros(
    struct store *s, uint64_t len, uint64_t off, bool is_end, struct err *e);

/* fdatasync(data), then copies present's bits to durable and syncs those. */
int store_sync(struct store *s, struct err *e);

/* Clears the bits, then punches the hole: readers that come after fetch
 * again. */
int store_drop(struct store *s, uint64_t off, uint64_t len, struct err *e);
/* But what a reader waits for (store/lease.h) stays. */
int store_drop_unleased(
    struct store *s, uint64_t off, uint64_t len, struct err *e);

/* ---- places ---- */

/* A fresh range of `data`, block aligned, len rounded up to whole blocks; only
 * after store_maps_loaded(), as is store_place().
 * ENOSPC past LIMIT_DATA_BYTES. */
int store_allocate(struct store *s, uint64_t len, uint64_t *off, struct err *e);

/* Gives a range back that no map names.  Its bytes are dropped; the addresses
 * are handed out again only after the next store_open(), when no mount can
 * still reach them. */
int store_free_range(
    struct store *s, uint64_t off, uint64_t len, struct err *e);

/* Every map that names positions must be known to the store, from before its
 * objects are shared until its layer is deleted: at start for the layers on
 * disk, later for each new one.  The store keeps the pointer; the map must
 * outlive store_remove_map().  After the last map of the start call
 * store_maps_loaded(): what no map names is free, and what takes disk without being
 * present is given back. */
int store_add_map(struct store *s, struct map *m, struct err *e);
int store_maps_loaded(struct store *s, struct err *e);

/* Forgets the map and frees the objects that no other map names.  *freed_bytes
 * is what was given back. */
int store_remove_map(
    struct store *s, struct map *m, uint64_t *freed_bytes, struct err *e);

/* The place of an object that the store has, by content.  Only where the digest
 * itself vouches for the bytes: objects of one chunk. */
bool store_find_object(
    struct store *s, const struct digest *d, uint64_t size, uint64_t *data_off);
/* The same for an object of whatever chunks, n_chunks of them: one that is cut
 * elsewhere is another. */
bool store_find_content(struct store *s, const struct object *o,
    const struct chunk *chunks, uint64_t *data_off);

/* Gives every object of the builder that has no place yet one: that of an equal
 * object, or a fresh one, in the builder's order, so that walking the layer
 * reads `data` in order.  Equal are objects of the same digest, size and
 * chunks: a table of contents may claim any digest for a file, only its chunks'
 * digests are checked.  Fresh ranges that no map ever names are free again at
 * the next start.  ENOSPC past LIMIT_LAYER_BYTES. */
int store_place(struct store *s, struct map_builder *b, struct err *e);

/* ---- sizes ---- */

struct store_usage {
	uint64_t data_bytes;    /* disk blocks that `data` occupies */
	uint64_t present_bytes; /* blocks whose bit is set */
	uint64_t address_bytes; /* the end of the used addresses */
	uint64_t objects;
	uint64_t free_bytes; /* of the file system */
};
void store_usage(struct store *s, struct store_usage *u);

/* How many bytes of a map's objects are present; of all of them it is the sum
 * of their sizes. */
uint64_t store_map_present(struct store *s, const struct map *m);

#endif
