/* containerd's filter language, as List's requests bring it: one filter is
 * selectors that must all hold, several filters are alternatives, none at all
 * match everything.
 *
 *	filter   = [ selector *( "," selector ) ]
 *	selector = path [ operator value ]
 *	path     = field *( "." field )
 *	field    = quoted / 1*( letter / digit / "_" )
 *	operator = "==" / "!=" / "~="
 *	value    = quoted / 1*( neither "," nor space )
 *	quoted   = a Go string in "", or for "~=" also in // or ||
 *
 * Without an operator the field must be there.  "!=" holds for an absent field
 * too.  "~=" is a POSIX extended regular expression (containerd has Go's),
 * found anywhere in the value; repetition counts, back references and more than
 * a few "+" are refused: they let a short text take the machine down.
 *
 * Pure; a filter is immutable.  Specification: containerd, package filters.
 */
#ifndef RUNTIME_FILTER_H
#define RUNTIME_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct err;
struct filter;

enum {
	FILTERS_MAX = 64,
	FILTER_SELECTORS_MAX = 64, /* of one filter */
	FILTER_BYTES_MAX = 16 << 10,
	FILTER_PATTERN_BYTES_MAX = 1 << 10,
	FILTER_PLUS_MAX = 4, /* of one pattern */
};

#define AUTO_FILTER CLEANUP(filter_cleanup)

/* EINVAL says what is wrong and where. */
struct filter *filter_parse(const char *const *texts, size_t n, struct err *e);
void filter_free(struct filter *f);

static inline void
filter_cleanup(struct filter **f)
{
	filter_free(*f);
}

/* A field's value: `field` is the path's first name, `rest` the others with
 * dots between ("" when there are none).  NULL: there is no such field. */
typedef const char *filter_get(
    const void *subject, const char *field, const char *rest);

bool filter_matches(
    const struct filter *f, filter_get *get, const void *subject);

#endif
