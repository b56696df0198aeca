/* The text of a TOML document, read from front to back: blanks, strings,
 * numbers, keys.  toml.c makes tables of them; nobody else includes this.
 */
#ifndef BASE_TOML_TEXT_H
#define BASE_TOML_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct doc;
struct err;

struct toml_text {
	const char *start, *at, *end;
	struct err *e; /* every failure below is written here */
};

/* Where t->at is: EBADMSG "line N: why (column M)".  Returns -1. */
int toml_fail(struct toml_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The whole text is UTF-8. */
int toml_check_utf8(struct toml_text *t);

bool toml_next_is(const struct toml_text *t, char c);
bool toml_next_is_newline(const struct toml_text *t);
/* Goes past `text` where it is next. */
bool toml_take(struct toml_text *t, const char *text);

void toml_skip_blanks(struct toml_text *t);
int toml_skip_comment(struct toml_text *t);
/* Blanks, comments and line ends, as between an array's elements. */
int toml_skip_lines(struct toml_text *t);

/* One part of a dotted key, bare or quoted, in place of what `out` held. */
int toml_read_key_part(struct toml_text *t, struct buf *out);
/* The string whose quote is next, or NULL. */
struct doc *toml_read_string(struct toml_text *t);
/* The whole number or truth value that is next, or NULL. */
struct doc *toml_read_word(struct toml_text *t);

#endif
