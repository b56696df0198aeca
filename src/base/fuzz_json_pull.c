#include "base/err.h"
#include "base/json_pull.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct json_pull r;
	struct err e = ERR_INIT;
	enum json_token t;

	json_pull_init(&r, p, n);
	while ((t = json_pull_next(&r, &e)) > JSON_END)
		;
	json_pull_release(&r);

	json_pull_init(&r, p, n);
	if (json_pull_skip(&r, &e) == 0)
		json_pull_next(&r, &e);
	json_pull_release(&r);
	return 0;
}
