/* What people read: shares, ages, tables (sizes: base/bytes.h), and text from
 * outside made harmless to a terminal.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"

struct doc;

enum { OUTPUT_WORD = 32 };

/* For one expression, as DIGEST_TEXT is. */
#define SHARE_TEXT(part, whole) \
	output_share((part), (whole), (char[OUTPUT_WORD]){ 0 })
#define AGE_TEXT(seconds) output_age((seconds), (char[OUTPUT_WORD]){ 0 })
#define SHORT_DIGEST(text) output_short_digest((text), (char[OUTPUT_WORD]){ 0 })

/* "45%"; 0% and 100% only when they are exact, else "<1%" and "99%". */
const char *output_share(int64_t part, int64_t whole, char out[OUTPUT_WORD]);
/* "just now", "3 minutes ago", "2 days ago". */
const char *output_age(int64_t seconds, char out[OUTPUT_WORD]);
/* The first 12 digits of a digest's hex, as podman shows ids. */
const char *output_short_digest(const char *text, char out[OUTPUT_WORD]);

/* The text with control characters (C0, DEL, C1: what moves a terminal's
 * cursor) as '?', valid UTF-8 untouched and other bytes as '?'. */
void output_append_safe(struct buf *out, const char *text);
void output_print_safe(FILE *f, const char *text);
/* Columns on a terminal, one for each character. */
size_t output_width(const char *text);

/* Cuts the text, in place, to so many columns. */
void output_cut(char *text, size_t columns);

enum { OUTPUT_STATE = 48 };
/* A mount's "state", "unreachable since 14:03" where it is that; "" of a daemon
 * that does not say. */
const char *output_state(const struct doc *mount, char out[OUTPUT_STATE]);

/* Pretty JSON and a newline on standard output, without the "ok" member. */
void output_json(const struct doc *result);

/* ---- a table: columns as wide as their widest cell, two spaces between ----
 */

enum { TABLE_COLUMNS = 16 };

struct table {
	size_t n_columns;
	const char *const *heads; /* NULL: none */
	uint32_t right; /* a bit for each column that is aligned right */
	char **cells;
	size_t n_cells, room;
};

#define AUTO_TABLE CLEANUP(table_release)

void table_init(struct table *t, const char *const *heads, size_t n_columns,
    uint32_t right);
void table_release(struct table *t);
/* The next cell; copied, made safe; NULL is "". */
void table_add(struct table *t, const char *text);
/* Rows that are incomplete are not printed. */
void table_print(const struct table *t, FILE *f);

#endif
