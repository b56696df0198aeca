/* The places that a pull took in the store: its own until fresh_keep(), given
 * back by fresh_release() otherwise.
 *
 * One thread at a time.
 */
#ifndef FETCH_FRESH_H
#define FETCH_FRESH_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct place;
struct store;

struct fresh {
	struct store *store;
	struct place *at; /* those that lie side by side are one */
	size_t n, max;
};

void fresh_init(struct fresh *p, struct store *store);
void fresh_release(struct fresh *p);
void fresh_keep(struct fresh *p);

/* A fresh place for `size` bytes, as store_allocate() gives it. */
int fresh_take(struct fresh *p, uint64_t size, uint64_t *off, struct err *e);

/* Gives back the one that was taken last. */
int fresh_give_back(
    struct fresh *p, uint64_t off, uint64_t size, struct err *e);

#endif
