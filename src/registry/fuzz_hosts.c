#include <assert.h>
#include <stdint.h>

#include "registry/hosts.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = ERR_INIT;
	AUTO_HOST_LIST struct host_list *l =
	    hosts_parse("x.io", (const char *)p, n, "/certs", &e);

	assert(l == NULL || (l->n >= 1 && l->hosts[0].base != NULL));
	return 0;
}
