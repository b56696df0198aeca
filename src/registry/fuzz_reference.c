#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "registry/reference.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What is accepted has a name that means the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE char *text = strndup((const char *)p, n);
	AUTO_REFERENCE struct reference r = { 0 };
	AUTO_REFERENCE struct reference again = { 0 };
	struct err e = ERR_INIT;

	if (text == NULL || reference_parse(&r, text, &e) < 0)
		return 0;
	/* a short text may become a long name */
	if (reference_parse(&again, r.name, &e) < 0)
		assert(strlen(r.name) > 255);
	else
		assert(strcmp(r.name, again.name) == 0);
	return 0;
}
