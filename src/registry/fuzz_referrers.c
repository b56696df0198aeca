#include <stdint.h>
#include <string.h>

#include "registry/page.h"
#include "registry/referrers.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A list of referrers, or the Link that names the next of its pages. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct referrers r = { 0 };
	struct err e = ERR_INIT;
	char *field = strndup((const char *)p, n);

	referrers_parse(&r, p, n, "application/vnd.layerfs.index.v1", &e);
	referrers_release(&r);
	if (field != NULL)
		free(page_next(field));
	free(field);
	return 0;
}
