/* A bit for every block that `data` can have, in a sparse file that is mapped
 * once: what is never set occupies neither disk nor memory.  Private to store/.
 *
 * Reading takes no lock: a bit that is seen set was set after everything that
 * its setter did before (release, acquire).  Setting and clearing are atomic;
 * what they mean together is their user's business (store/present.h).
 *
 * A page of a mapped file gets its disk block when it is first written, and on
 * a full disk that write is a SIGBUS.  Hence bits_back() first.
 *
 * On disk: LIMIT_DATA_BYTES / 4096 bits, 64-bit little-endian words, bit n % 64
 * of word n / 64.
 */
#ifndef STORE_BITS_H
#define STORE_BITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/range.h"
#include "store/store.h"
#include "base/limits.h"

struct err;

#define BITS_BLOCKS (LIMIT_DATA_BYTES / STORE_BLOCK)
#define BITS_BYTES (BITS_BLOCKS / 8)

enum {
	BITS_PAGE_BYTES = 4096,
	BITS_PAGE_WORDS = BITS_PAGE_BYTES / 8,
	BITS_PAGE_BLOCKS = BITS_PAGE_BYTES * 8,
	BITS_BACK_BYTES = 64 << 10,
	BITS_BACK_WORDS = BITS_BACK_BYTES / 8,
	BITS_PAGES = (int)(BITS_BYTES / BITS_PAGE_BYTES),
};

struct bits {
	int fd;
	_Atomic uint64_t *words;
	_Atomic uint8_t *backed; /* a flag for every 64 KiB */
};

/* Makes the file when it is missing.  *was_whole: it was there in its full
 * size; else it is empty now. */
int bits_open(
    struct bits *b, int root, const char *name, bool *was_whole, struct err *e);
void bits_close(struct bits *b);

/* All zero again.  Nobody may be using it. */
int bits_empty(struct bits *b, struct err *e);

/* Disk space for the bits of these blocks, before they are set.  ENOSPC. */
int bits_back(struct bits *b, struct range r, struct err *e);

/* Return how many bits changed. */
uint64_t bits_set(struct bits *b, struct range r);
uint64_t bits_clear(struct bits *b, struct range r);

uint64_t bits_count(const struct bits *b, struct range r);

/* How many blocks from r.first on are set, up to r.end. */
uint64_t bits_run(const struct bits *b, struct range r);

/* The first set bit in the range, or r.end. */
uint64_t bits_find(const struct bits *b, struct range r);

/* The next page of the file, from *page on, that may hold a set bit; false when
 * there is none. */
bool bits_next_page(const struct bits *b, uint64_t *page);

static inline uint64_t
bits_word(const struct bits *b, uint64_t i)
{
	if (!atomic_load_explicit(
		&b->backed[i / BITS_BACK_WORDS], memory_order_acquire))
		return 0;
	return atomic_load_explicit(&b->words[i], memory_order_acquire);
}

static inline bool
bits_has(const struct bits *b, uint64_t block)
{
	return bits_word(b, block / 64) >> block % 64 & 1;
}

#endif
