/* A log line being put together: text of a bounded length, and JSON in it that
 * stays JSON where something is cut. */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stddef.h>

enum { LOG_LINE_BYTES = 16 << 10, LOG_VALUE_BYTES = 1024 };

struct log_line {
	size_t n;
	char text[LOG_LINE_BYTES];
};

/* What does not fit is left out. */
void log_line_add(struct log_line *l, const char *text);
/* The same with control characters as '?': a name from an image may hold a
 * newline, and an event is one line. */
void log_line_add_safe(struct log_line *l, const char *text);

/* ,"name":"value" with as much of the value as LOG_VALUE_BYTES; no comma behind
 * an opening brace. */
void log_line_add_member(
    struct log_line *l, const char *name, const char *value);

#endif
