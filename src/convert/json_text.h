/* Pieces of JSON text, for tables that are too long to be documents
 * (base/doc.h) first. */
#ifndef CONVERT_JSON_TEXT_H
#define CONVERT_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* JSON has a text for these bytes: they are UTF-8. */
bool json_text_is_possible(const char *p, size_t n);

/* Appends the text in quotes; it must be possible. */
int json_text_string(struct buf *out, const char *p, size_t n, struct err *e);

/* Appends in quotes: base 64; RFC 3339 with as many digits as it takes. */
int json_text_base64(struct buf *out, const void *p, size_t n, struct err *e);
int json_text_time(struct buf *out, int64_t s, uint32_t ns, struct err *e);
/* RFC 3339 has a text for this second: its year has four digits. */
bool json_text_has_year(int64_t s);

#endif
