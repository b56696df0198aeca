/* Base 64 (RFC 4648, with padding), as JSON carries bytes. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

struct buf;
struct err;

/* Appends the bytes; EBADMSG when the text is no base 64. */
int base64_decode(struct buf *out, const char *text, size_t n, struct err *e);

/* Appends the text, padded. */
int base64_encode(struct buf *out, const void *p, size_t n, struct err *e);

#endif
