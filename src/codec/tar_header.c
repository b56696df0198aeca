#include "codec/tar_header.h"

#include <errno.h>
#include <string.h>

#include "codec/tar.h"
#include "base/err.h"

bool
tar_is_zero_block(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

/* Without a branch, so that the compiler makes vectors of it: a layer of small
 * files is a tenth headers. */
bool
tar_checksum_ok(const uint8_t *header)
{
	int64_t told;
	uint32_t sum = 0, n_high = 0; /* bytes that a signed sum takes for less
				       */
	struct err e;

	if (tar_number(header + TAR_CHECKSUM, TAR_ID_LEN, &told, &e) < 0)
		return false;
	for (int i = 0; i < TAR_BLOCK; i++) {
		sum += header[i];
		n_high += header[i] >> 7;
	}
	for (int i = TAR_CHECKSUM; i < TAR_CHECKSUM + TAR_ID_LEN; i++) {
		sum += ' ' - header[i];
		n_high -= header[i] >> 7;
	}
	return told == sum || told == (int64_t)sum - 256 * (int64_t)n_high;
}

bool
tar_is_header(const uint8_t *block, size_t n)
{
	return n >= TAR_BLOCK &&
	       (tar_is_zero_block(block) || tar_checksum_ok(block));
}

enum tar_dialect
tar_dialect(const uint8_t *header)
{
	const uint8_t *magic = header + TAR_MAGIC;

	if (memcmp(magic, "ustar  ", 8) == 0)
		return TAR_GNU;
	if (memcmp(magic, "ustar", 6) != 0)
		return TAR_V7;
	return memcmp(header + 508, "tar", 4) == 0 ? TAR_STAR : TAR_USTAR;
}

static int
base256(const uint8_t *p, size_t n, int64_t *out, struct err *e)
{
	bool is_negative = p[0] & 0x40;
	uint8_t flip = is_negative ? 0xff : 0;
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i] ^ flip;

		if (i == 0)
			c &= 0x7f;
		if (v >> 56 != 0)
			return err_set(e, EBADMSG, "number too large");
		v = v << 8 | c;
	}
	if (v >> 63 != 0)
		return err_set(e, EBADMSG, "number too large");
	*out = is_negative ? ~(int64_t)v : (int64_t)v;
	return 0;
}

int
tar_number(const uint8_t *p, size_t n, int64_t *out, struct err *e)
{
	uint64_t v = 0;

	if (p[0] & 0x80)
		return base256(p, n, out, e);
	while (n > 0 && (*p == ' ' || *p == 0))
		p++, n--;
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == 0))
		n--;
	/* A NUL ends it whatever follows. */
	n = tar_text_len(p, n);
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '7')
			return err_set(e, EBADMSG, "number is not octal");
		v = v << 3 | (p[i] - '0'); /* 12 digits: 36 bits at most */
	}
	*out = v;
	return 0;
}

size_t
tar_text_len(const uint8_t *p, size_t n)
{
	const uint8_t *nul = memchr(p, 0, n);

	return nul == NULL ? n : (size_t)(nul - p);
}

int
tar_decimal(const char *p, size_t n, uint64_t *out, struct err *e)
{
	uint64_t v = 0;

	if (n == 0)
		return err_set(e, EBADMSG, "number missing");
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return err_set(e, EBADMSG, "number is not decimal");
		if (v > (INT64_MAX - 9) / 10)
			return err_set(e, EBADMSG, "number too large");
		v = v * 10 + (p[i] - '0');
	}
	*out = v;
	return 0;
}

int
tar_time(const char *p, size_t n, int64_t *s, uint32_t *ns, struct err *e)
{
	bool is_negative = n > 0 && p[0] == '-';
	const char *dot = memchr(p, '.', n);
	const char *end = p + n;
	uint32_t nanos = 0, unit = 100000000;
	uint64_t v;

	p += is_negative;
	if (tar_decimal(p, (dot != NULL ? dot : end) - p, &v, e) < 0)
		return -1;
	for (const char *d = dot != NULL ? dot + 1 : end; d < end; d++) {
		if (*d < '0' || *d > '9')
			return err_set(e, EBADMSG, "time is not decimal");
		nanos += (*d - '0') * unit;
		unit /= 10;
	}
	*s = is_negative ? -(int64_t)v - (nanos > 0) : (int64_t)v;
	*ns = is_negative && nanos > 0 ? 1000000000 - nanos : nanos;
	return 0;
}
