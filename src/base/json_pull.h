/* A pull reader for large JSON: tokens in order, no tree, no allocation beyond
 * one scratch buffer for strings with escapes.  RFC 8259, depth at most
 * LIMIT_JSON_DEPTH, strings at most LIMIT_JSON_STRING_BYTES decoded.
 *
 *	struct json_pull r;
 *	json_pull_init(&r, bytes, n);
 *	while ((t = json_pull_next(&r, &e)) > JSON_END) ...
 *	json_pull_release(&r);
 *
 * Strings are given decoded, as bytes: an escape \uXXXX becomes UTF-8 (a lone
 * surrogate U+FFFD), raw bytes of the text pass through unchanged, so that a
 * producer's names that are no UTF-8 survive.  NUL inside a string is EBADMSG.
 */
#ifndef BASE_JSON_PULL_H
#define BASE_JSON_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct err;

enum json_token {
	JSON_FAILED = -1, /* *e says where and why */
	JSON_END = 0,     /* the document is complete and nothing follows it */
	JSON_BEGIN_OBJECT,
	JSON_END_OBJECT,
	JSON_BEGIN_ARRAY,
	JSON_END_ARRAY,
	JSON_KEY,    /* text, text_len */
	JSON_TEXT,   /* text, text_len */
	JSON_NUMBER, /* number; is_integer false for fractions, exponents and
			what int64 cannot hold (number is then 0) */
	JSON_TRUE_VALUE,
	JSON_FALSE_VALUE,
	JSON_NULL_VALUE,
};

struct json_pull {
	/* The current token's value, until the next call.  text ends with a
	 * NUL that text_len does not count. */
	const char *text;
	size_t text_len;
	int64_t number;
	bool is_integer;

	/* private */
	const uint8_t *start, *at, *end;
	struct buf scratch;
	uint64_t is_object_bits; /* by depth */
	unsigned depth;
	unsigned expect;
};

void json_pull_init(struct json_pull *r, const void *p, size_t n);
void json_pull_release(struct json_pull *r);
enum json_token json_pull_next(struct json_pull *r, struct err *e);

/* Skips the value that comes next: call after JSON_KEY, or where an element may
 * start. */
int json_pull_skip(struct json_pull *r, struct err *e);

/* Reads the next token and insists on its kind: EBADMSG names the position. */
int json_pull_text(struct json_pull *r, struct err *e);
int json_pull_integer(struct json_pull *r, int64_t *out, struct err *e);

#endif
