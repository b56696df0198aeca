/* TOML 1.0 as configuration files use it, read into a document (base/doc.h):
 * tables are objects, arrays are arrays, strings of all four kinds, whole
 * numbers, truth values.  Dates and floats are refused: no key of ours, of
 * containerd's hosts.toml or of containers' registries.conf that we read needs
 * them.  Duplicate keys, unknown escapes and bytes that are no UTF-8 are errors
 * with line and column.
 *
 * Pure: bytes in, document or error out.
 */
#ifndef BASE_TOML_H
#define BASE_TOML_H

#include <stddef.h>

struct doc;
struct err;

/* EBADMSG says "line N: why". */
struct doc *toml_parse(const char *text, size_t n, struct err *e);

#endif
