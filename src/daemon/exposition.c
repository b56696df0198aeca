#include "daemon/exposition.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/utf8.h"

enum { MS_PER_S = 1000 };

void
exposition_init(struct exposition *x, struct buf *out)
{
	*x = (struct exposition){ .out = out };
}

int
exposition_end(struct exposition *x, struct err *e)
{
	if (x->has_failed)
		*e = x->failure;
	return x->has_failed ? -1 : 0;
}

static void
put(struct exposition *x, const void *p, size_t n)
{
	if (!x->has_failed && buf_append(x->out, p, n, &x->failure) < 0)
		x->has_failed = true;
}

static void
put_text(struct exposition *x, const char *text)
{
	put(x, text, strlen(text));
}

void
exposition_begin(
    struct exposition *x, const char *name, const char *type, const char *help)
{
	const char *const parts[] = { "# HELP ", name, " ", help, "\n# TYPE ",
		name, " ", type, "\n" };

	x->name = name;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		put_text(x, parts[i]);
}

/* Three characters have a meaning inside the quotes; what is no UTF-8 makes
 * readers refuse the whole text. */
static void
put_value(struct exposition *x, const char *value)
{
	const uint8_t *s = (const uint8_t *)value;

	while (*s != 0) {
		size_t n = utf8_length(s, strnlen((const char *)s, 4));

		if (*s == '\n')
			put_text(x, "\\n");
		else if (*s == '"' || *s == '\\')
			put_text(x, *s == '"' ? "\\\"" : "\\\\");
		else if (n == 0)
			put_text(x, "?");
		else
			put(x, s, n);
		s += n == 0 ? 1 : n;
	}
}

static void
put_labels(struct exposition *x, const struct label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		put_text(x, i == 0 ? "{" : ",");
		put_text(x, labels[i].name);
		put_text(x, "=\"");
		put_value(x, labels[i].value);
		put_text(x, "\"");
	}
	if (n > 0)
		put_text(x, "}");
}

/* As far as a double has them exactly, whole numbers are written whole. */
static bool
is_whole(double value)
{
	return value >= 0 && value < (double)(UINT64_C(1) << 53) &&
	       value == (double)(uint64_t)value;
}

static void
put_number(struct exposition *x, double value)
{
	char text[40];

	snprintf(
	    text, sizeof text, is_whole(value) ? " %.0f\n" : " %.9g\n", value);
	put_text(x, text);
}

void
exposition_add(
    struct exposition *x, const struct label *labels, size_t n, double value)
{
	put_text(x, x->name);
	put_labels(x, labels, n);
	put_number(x, value);
}

static void
add_part(
    struct exposition *x, const char *suffix, const char *end, double value)
{
	const struct label le = { "le", end };

	put_text(x, x->name);
	put_text(x, suffix);
	put_labels(x, &le, end != NULL);
	put_number(x, value);
}

void
exposition_add_timing(struct exposition *x, const struct timing_counts *counts)
{
	uint64_t sum = 0;
	char end[24];

	for (int b = 0; b < TIMING_BUCKETS - 1; b++) {
		sum += counts->buckets[b];
		snprintf(end, sizeof end, "%g",
		    (double)timing_ends_ms[b] / MS_PER_S);
		add_part(x, "_bucket", end, sum);
	}
	sum += counts->buckets[TIMING_BUCKETS - 1];
	add_part(x, "_bucket", "+Inf", sum);
	add_part(x, "_sum", NULL, (double)counts->total_ns / NS_PER_S);
	add_part(x, "_count", NULL, sum);
}
