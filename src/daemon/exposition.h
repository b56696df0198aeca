/* Metrics as text, in the format that Prometheus reads (text format 0.0.4):
 *
 *	# HELP NAME what it means
 *	# TYPE NAME counter
 *	NAME{LABEL="value",...} 12
 *
 *	exposition_init -> (exposition_begin -> exposition_add...)...
 *	-> exposition_end
 *
 * What does not fit makes the whole text fail, at its end.  One thread.
 */
#ifndef DAEMON_EXPOSITION_H
#define DAEMON_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct buf;
struct timing_counts;

struct exposition {
	struct buf *out;
	const char *name; /* of the family that was begun */
	bool has_failed;
	struct err failure;
};

struct label {
	const char *name;
	const char *value; /* any bytes */
};

/* Appends to `out`, which has the ceiling. */
void exposition_init(struct exposition *x, struct buf *out);

/* A family: all that is added until the next. `type` is "counter", "gauge" or
 * "histogram"; the strings are borrowed until then. */
void exposition_begin(
    struct exposition *x, const char *name, const char *type, const char *help);

void exposition_add(
    struct exposition *x, const struct label *labels, size_t n, double value);
/* A histogram's samples, in seconds. */
void exposition_add_timing(
    struct exposition *x, const struct timing_counts *counts);

/* -1 where something did not fit. */
int exposition_end(struct exposition *x, struct err *e);

#endif
