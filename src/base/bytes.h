/* Bytes in memory: little-endian access, alignment, and `struct buf`, a
 * growable buffer with a ceiling.
 *
 * A buf is embedded by its user: BUF_INIT(max) or buf_init(), then appends,
 * then buf_release() (or AUTO_BUF).  `data` may move with every append and is
 * NULL while cap is 0.  Not shared between threads.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

struct err;

static inline uint16_t
get_le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return le16toh(v);
}

static inline uint32_t
get_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static inline uint64_t
get_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

static inline void
put_le16(void *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof v);
}

static inline void
put_le32(void *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof v);
}

static inline void
put_le64(void *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof v);
}

/* v rounded up (down) to a multiple of a, a power of two. */
static inline uint64_t
align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

static inline uint64_t
align_down(uint64_t v, uint64_t a)
{
	return v & ~(a - 1);
}

static inline uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max; /* len never exceeds this */
};

#define BUF_INIT(ceiling) ((struct buf){ .max = (ceiling) })
#define AUTO_BUF CLEANUP(buf_release)

void buf_init(struct buf *b, size_t max);

/* Frees the memory; the buf may be used again with the same ceiling. */
void buf_release(struct buf *b);

/* Makes room for `more` bytes past len without changing len; data is somewhere then,
 * also for none.  E2BIG past the ceiling, ENOMEM. */
int buf_reserve(struct buf *b, size_t more, struct err *e);

int buf_append(struct buf *b, const void *p, size_t n, struct err *e);
int buf_append_str(struct buf *b, const char *s, struct err *e);
int buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the bytes with a NUL that len does not count; the text, or "" when the
 * NUL itself found no room. */
const char *buf_str(struct buf *b);

/* A number of bytes for people, for one expression, as DIGEST_TEXT is: "0 B",
 * "12.3 MiB", with three or four digits; negative counts as 0. */
#define SIZE_TEXT_SIZE 16
#define SIZE_TEXT(n) size_text((n), (char[SIZE_TEXT_SIZE]){ 0 })
const char *size_text(int64_t bytes, char out[SIZE_TEXT_SIZE]);

#endif
