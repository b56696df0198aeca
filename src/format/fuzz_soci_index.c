#include <stdint.h>

#include "format/soci_index.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct soci_index x;
	struct digest named;
	struct err e = ERR_INIT;

	soci_index_of_manifest(p, n, &named);
	if (soci_index_parse(&x, p, n, &e) < 0)
		return 0;
	for (size_t i = 0; i < x.n_tables; i++)
		if (soci_index_find(&x, &x.tables[i].layer) == NULL)
			__builtin_trap();
	soci_index_release(&x);
	return 0;
}
