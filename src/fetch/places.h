/* The places that a pull took in the store: its own until places_keep(), given
 * back by places_release() otherwise.
 *
 * One thread at a time.
 */
#ifndef FETCH_PLACES_H
#define FETCH_PLACES_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct place;
struct store;

struct places {
	struct store *store;
	struct place *at; /* those that lie side by side are one */
	size_t n, max;
};

void places_init(struct places *p, struct store *store);
void places_release(struct places *p);
void places_keep(struct places *p);

/* A fresh place for `size` bytes, as store_allocate() gives it. */
int places_take(struct places *p, uint64_t size, uint64_t *off, struct err *e);

/* Gives back the one that was taken last. */
int places_give_back(
    struct places *p, uint64_t off, uint64_t size, struct err *e);

#endif
