#include <stdint.h>
#include <string.h>

#include "runtime/filter.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The subject is its own text, whatever the field. */
static const char *
get(const void *subject, const char *field, const char *rest)
{
	return *field == *rest ? NULL : subject;
}

/* One filter a line. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE char *text = strndup((const char *)p, n);
	const char *lines[FILTERS_MAX + 1];
	AUTO_FILTER struct filter *f = NULL;
	struct err e = ERR_INIT;
	size_t count = 0;
	char *rest = text;

	while (text != NULL && count < FILTERS_MAX + 1 &&
	       (lines[count] = strsep(&rest, "\n")) != NULL)
		count++;
	f = filter_parse(lines, count, &e);
	if (f != NULL)
		filter_matches(f, get, "python");
	return 0;
}
