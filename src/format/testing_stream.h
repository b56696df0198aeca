/* Blobs as bytes, and what is expected of a stream of them.  Only test_*.c includes
 * it. */
#ifndef FORMAT_TESTING_STREAM_H
#define FORMAT_TESTING_STREAM_H

#include <stdlib.h>
#include <string.h>

#include "format/testing.h"
#include "base/limits.h"

#define BUF(b) AUTO_BUF struct buf b = BUF_INIT(MIB(64))

static inline void
append(struct buf *b, const struct buf *more)
{
	struct err e;

	assert_int_equal(buf_append(b, more->data, more->len, &e), 0);
}

/* Not compressible: the compressed length says how much is in a range. */
static inline void
fill_random(uint8_t *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = seed >> 24;
	}
}

static inline void
expect_chunks(const struct buf *blob, const char *text)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *got = NULL;
	const struct format *f;
	struct err e = ERR_INIT;

	if (stream_bytes(blob->data, blob->len, 70000, &c, &f, &e) < 0)
		fail_msg("%s", e.msg);
	got = chunks_to_text(&c);
	if (text != NULL)
		assert_string_equal(got, text);
	check_chunks(&c, f, blob->data, blob->len);
}

static inline void
expect_refusal(const struct buf *blob, const char *why)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;

	assert_fails(stream_bytes(blob->data, blob->len, 70000, &c, NULL, &e),
	    e, EBADMSG);
	if (strstr(e.msg, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.msg, why);
}

#endif
