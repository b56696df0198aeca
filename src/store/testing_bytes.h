/* Bytes for a store's tests: each address has its own.  Only test_*.c includes
 * it. */
#ifndef STORE_TESTING_BYTES_H
#define STORE_TESTING_BYTES_H

#include <string.h>

#include "store/store.h"
#include "store/store_private.h"
#include "store/testing.h"

enum { B = STORE_BLOCK };

static inline struct store *
open_at(int root, const char *boot)
{
	struct err e = ERR_INIT;
	struct store *s = store_open_at_boot(root, boot, &e);

	if (s == NULL)
		fail_msg("%s", e.msg);
	return s;
}

/* What address a holds: never zero, so that a hole is told apart. */
static inline uint8_t
byte_at(uint64_t off)
{
	return 1 + off % 251;
}

static inline void
fill(uint8_t *p, uint64_t off, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = byte_at(off + i);
}

static inline void
put(struct store *s, uint64_t off, size_t len, bool is_end)
{
	AUTO_FREE uint8_t *p = malloc(len);
	struct err e;

	fill(p, off, len);
	OK(store_write(s, p, len, off, is_end, &e));
}

static inline void
assert_holds(struct store *s, uint64_t off, size_t len)
{
	AUTO_FREE uint8_t *p = malloc(len), *want = malloc(len);
	struct err e;

	fill(want, off, len);
	OK(store_read(s, p, len, off, &e));
	assert_memory_equal(p, want, len);
}

#endif
