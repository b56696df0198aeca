#include <assert.h>

#include "runtime/cri_pull.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_CRI_PULL struct cri_pull pull = { 0 };
	struct err e = ERR_INIT;

	if (cri_pull_parse(&pull, p, n, &e) < 0) {
		assert(e.code != 0 && pull.image == NULL);
		return 0;
	}
	assert(pull.image != NULL);
	assert(!pull.has_credential || pull.credential.username != NULL ||
	       pull.credential.identity_token != NULL);
	return 0;
}
