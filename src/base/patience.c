#include "base/patience.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* The longest first. */
static const struct {
	const char *name;
	uint32_t ms;
} units[] = {
	{ "h", 3600 * 1000 },
	{ "m", 60 * 1000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

enum { N_UNITS = sizeof units / sizeof *units };

/* A number and a unit. */
static int
parse_time(const char *text, uint32_t *ms)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t n = digits > 0 && digits < 10 ? strtoul(text, NULL, 10) : 0;

	for (size_t i = 0; n > 0 && i < N_UNITS; i++)
		if (strcmp(text + digits, units[i].name) == 0 &&
		    n * units[i].ms < PATIENCE_FOREVER) {
			*ms = n * units[i].ms;
			return 0;
		}
	return -1;
}

int
patience_parse(const char *text, uint32_t *ms, struct err *e)
{
	if (strcmp(text, "fail") == 0) {
		*ms = PATIENCE_NONE;
		return 0;
	}
	if (strcmp(text, "forever") == 0) {
		*ms = PATIENCE_FOREVER;
		return 0;
	}
	if (strncmp(text, "wait:", 5) == 0 && parse_time(text + 5, ms) == 0)
		return 0;
	return err_set(e, EINVAL,
	    "\"%.40s\" is neither fail, forever nor wait:TIME, as in "
	    "wait:30s or wait:5m",
	    text);
}

const char *
patience_text(uint32_t ms, char out[PATIENCE_TEXT_SIZE])
{
	size_t i = 0;

	if (ms == PATIENCE_NONE)
		return strcpy(out, "fail");
	if (ms == PATIENCE_FOREVER)
		return strcpy(out, "forever");
	while (ms % units[i].ms != 0)
		i++;
	snprintf(out, PATIENCE_TEXT_SIZE, "wait:%" PRIu32 "%s",
	    ms / units[i].ms, units[i].name);
	return out;
}
