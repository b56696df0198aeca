#include <stdint.h>

#include "registry/artifact.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct artifact a;
	struct err e = ERR_INIT;
	struct digest d = { { 0 } };

	if (artifact_parse(&a, p, n, &e) == 0) {
		artifact_find(&a, &d);
		artifact_release(&a);
	}
	return 0;
}
