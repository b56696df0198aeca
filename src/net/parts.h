/* The body of an answer that has several ranges: multipart/byteranges.
 *
 *	anything
 *	--BOUNDARY
 *	Content-Range: bytes FIRST-LAST/TOTAL
 *	other fields
 *
 *	LAST - FIRST + 1 bytes
 *	--BOUNDARY
 *	...
 *	--BOUNDARY--
 *	anything
 *
 * Pure: fed as it comes, whatever the server sends.  A part is as long as its
 * Content-Range says: what looks like a boundary in it is its bytes.  Lines end
 * with CRLF, as all servers have it that were looked at.
 *
 *	left == 0   text is next, for parts_take_text()
 *	left > 0    bytes of a part are, for the caller and parts_pass()
 *
 * Specification: RFC 9110 section 14.6, RFC 2046 section 5.1.1.
 */
#ifndef NET_PARTS_H
#define NET_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/head.h"

struct err;

enum { PARTS_LINE_BYTES = 128 };

struct parts {
	uint64_t left;           /* of the part, that are to come */
	uint64_t at;             /* where the next of them lies */
	struct byte_range range; /* the part's, once its head was read */
	bool is_over;            /* the last boundary has come */

	/* private */
	char boundary[HEAD_BOUNDARY_BYTES + 1];
	enum { PARTS_BEFORE, PARTS_HEAD, PARTS_AFTER, PARTS_DELIMITER } state;
	bool has_range;
	unsigned n;                  /* parts whose head was read */
	size_t text_bytes;           /* since the last part's bytes */
	size_t line_len;             /* of which no more is kept than fits: */
	char line[PARTS_LINE_BYTES]; /* a longer one means nothing */
};

/* `boundary` as in http_head. */
void parts_init(struct parts *p, const char *boundary);

/* Takes text up to a part's first byte, *took of n.  EPROTO: it is no such
 * body, or over LIMIT_PARTS or LIMIT_PART_TEXT_BYTES. */
int parts_take_text(
    struct parts *p, const void *bytes, size_t n, size_t *took, struct err *e);

/* n bytes of the part were read, at most `left`. */
void parts_pass(struct parts *p, size_t n);

#endif
