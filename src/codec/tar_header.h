/* The fixed 512 bytes of a tar header, and the numbers and texts in them.
 * For the tar parser, and for who writes its entries down again.
 *
 *	  0 name 100     124 size 12       257 magic 6, version 2
 *	100 mode 8       136 mtime 12      329 major 8
 *	108 uid 8        148 checksum 8    337 minor 8
 *	116 gid 8        156 type          345 prefix 155 (ustar only)
 *	                 157 link 100
 *
 * GNU's old sparse headers have four (offset, length) pairs of 12 + 12 bytes at
 * 386, a continuation flag at 482 and the real size at 483; a continuation
 * block has 21 pairs and its flag at 504.
 */
#ifndef CODEC_TAR_HEADER_H
#define CODEC_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum tar_dialect { TAR_V7, TAR_USTAR, TAR_STAR, TAR_GNU };

enum {
	TAR_NAME = 0,
	TAR_NAME_LEN = 100,
	TAR_MODE = 100,
	TAR_UID = 108,
	TAR_GID = 116,
	TAR_ID_LEN = 8,
	TAR_SIZE = 124,
	TAR_MTIME = 136,
	TAR_NUMBER_LEN = 12,
	TAR_CHECKSUM = 148,
	TAR_TYPE = 156,
	TAR_LINK = 157,
	TAR_LINK_LEN = 100,
	TAR_MAGIC = 257,
	TAR_MAJOR = 329,
	TAR_MINOR = 337,
	TAR_PREFIX = 345,
	TAR_PREFIX_LEN = 155,
	TAR_STAR_PREFIX_LEN = 131,
	TAR_GNU_SPARSE = 386,
	TAR_GNU_PAIRS = 4,
	TAR_GNU_IS_EXTENDED = 482,
	TAR_GNU_REAL_SIZE = 483,
	TAR_EXTENSION_PAIRS = 21,
	TAR_EXTENSION_IS_EXTENDED = 504,
};

/* Signed and unsigned sums are both in the wild. */
bool tar_checksum_ok(const uint8_t *header);
bool tar_is_zero_block(const uint8_t *block);
enum tar_dialect tar_dialect(const uint8_t *header);

/* Octal with blanks or NULs around it (nothing: 0), or GNU's base 256, which
 * may be negative. */
int tar_number(const uint8_t *p, size_t n, int64_t *out, struct err *e);

/* The text up to its first NUL. */
size_t tar_text_len(const uint8_t *p, size_t n);

/* PAX numbers: decimal; a time is "[-]seconds[.fraction]", kept to the
 * nanosecond and rounded towards the past. */
int tar_decimal(const char *p, size_t n, uint64_t *out, struct err *e);
int tar_time(const char *p, size_t n, int64_t *s, uint32_t *ns, struct err *e);

#endif
