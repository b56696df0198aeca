/* An intrusive hash map: the user embeds `struct hnode`, computes the 64-bit
 * hash and compares keys.  Grows by doubling; never shrinks.  No locking.
 *
 *	hmap_for_each_match(&map, hash, n) {
 *		struct thing *t = container_of(n, struct thing, node);
 *		if (t->key == key) ...
 *	}
 */
#ifndef BASE_HMAP_H
#define BASE_HMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct hnode {
	struct hnode *next;
	uint64_t hash;
};

struct hmap {
	struct hnode **buckets;
	size_t mask; /* buckets - 1; 0 before the first insert */
	size_t count;
};

#define HMAP_INIT ((struct hmap){ 0 })

/* Frees the buckets, not the nodes. */
void hmap_release(struct hmap *m);

/* Aborts when memory for the buckets is exhausted at the first insert; a failed
 * growth only makes chains longer. */
void hmap_insert(struct hmap *m, struct hnode *n, uint64_t hash);
void hmap_remove(struct hmap *m, struct hnode *n);

/* The first node with this hash, and the next after `n`; NULL at the end. */
struct hnode *hmap_first(const struct hmap *m, uint64_t hash);
struct hnode *hmap_next(const struct hnode *n);

/* Any node, to empty a map; NULL when there is none. */
struct hnode *hmap_any(const struct hmap *m);

#define hmap_for_each_match(m, h, n) \
	for (struct hnode *n = hmap_first(m, h); n != NULL; n = hmap_next(n))

/* Every node, in no order; the body may not insert or remove. */
#define hmap_for_each(m, n)                                                \
	for (size_t b_ = 0; (m)->buckets != NULL && b_ <= (m)->mask; b_++) \
		for (struct hnode *n = (m)->buckets[b_]; n != NULL; n = n->next)

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);

static inline uint64_t
hash_u64(uint64_t v)
{
	v ^= v >> 32;
	v *= 0x9E3779B97F4A7C15u;
	v ^= v >> 29;
	v *= 0xBF58476D1CE4E5B9u;
	return v ^ v >> 32;
}

#endif
