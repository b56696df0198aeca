/* SHA-256 digests, written `sha256:<64 lower-case hex>` as OCI does.  Other
 * algorithms that OCI registers (sha512, blake3) are refused with ENOTSUP.
 *
 * A digest is a value.  A hasher belongs to one thread at a time and may be
 * used again after hasher_end().
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

struct err;

#define DIGEST_BYTES 32
#define DIGEST_HEX_SIZE (2 * DIGEST_BYTES + 1) /* with its NUL */
#define DIGEST_TEXT_SIZE (sizeof "sha256:" + 2 * DIGEST_BYTES)

struct digest {
	uint8_t bytes[DIGEST_BYTES];
};

/* The text forms, for one expression: DIGEST_TEXT(d) lives as long as the
 * enclosing block. */
#define DIGEST_TEXT(d) digest_text((d), (char[DIGEST_TEXT_SIZE]){ 0 })
#define DIGEST_HEX(d) digest_hex((d), (char[DIGEST_HEX_SIZE]){ 0 })
const char *digest_text(const struct digest *d, char out[DIGEST_TEXT_SIZE]);
const char *digest_hex(const struct digest *d, char out[DIGEST_HEX_SIZE]);

/* EINVAL when text is no digest, ENOTSUP for another algorithm. */
int digest_parse(struct digest *d, const char *text, struct err *e);
int digest_parse_hex(struct digest *d, const char *hex, struct err *e);

static inline bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* An order of theirs, as memcmp()'s. */
static inline int
digest_compare(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof *a);
}

static inline bool
digest_is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_equal(d, &zero);
}

/* The first 8 bytes: good as a hash table's key. */
static inline uint64_t
digest_prefix(const struct digest *d)
{
	uint64_t v;

	memcpy(&v, d->bytes, sizeof v);
	return v;
}

/* Only memory can fail inside OpenSSL here; that aborts. */
void digest_of(struct digest *d, const void *p, size_t n);

struct hasher;
#define AUTO_HASHER CLEANUP(hasher_cleanup)
struct hasher *hasher_new(void);
void hasher_free(struct hasher *h);
void hasher_update(struct hasher *h, const void *p, size_t n);
/* From now on `to` has been given what `from` was. */
void hasher_copy(struct hasher *to, const struct hasher *from);
/* Writes the digest of everything since hasher_new() or the last end. */
void hasher_end(struct hasher *h, struct digest *d);

static inline void
hasher_cleanup(struct hasher **h)
{
	hasher_free(*h);
}

#endif
