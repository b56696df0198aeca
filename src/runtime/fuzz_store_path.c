#include <stdint.h>
#include <string.h>

#include "runtime/store_path.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE char *path = strndup((const char *)p, n);
	AUTO_STORE_PATH struct store_path parsed = { 0 };
	struct err e;

	if (path != NULL)
		store_path_parse(&parsed, path, &e);
	return 0;
}
