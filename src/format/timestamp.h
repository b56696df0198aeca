/* RFC 3339 times, "2026-11-21T02:01:50.5+09:00", as tables of contents have
 * them. */
#ifndef FORMAT_TIMESTAMP_H
#define FORMAT_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

struct err;

/* Year 1, Go's zero time, is no time at all: 0. */
int timestamp_parse(
    const char *text, size_t n, int64_t *s, uint32_t *ns, struct err *e);

#endif
