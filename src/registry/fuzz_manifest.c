#include <stdint.h>

#include "registry/manifest.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* One input, read as all that it may claim to be. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct platform want = { "linux", "arm64", "v8" };
	struct err e = ERR_INIT;
	struct image_config c;
	struct descriptor d;
	struct manifest m;

	if (manifest_parse(&m, p, n, &e) == 0)
		manifest_release(&m);
	if (manifest_choose(p, n, &want, &d, &e) == 0)
		descriptor_release(&d);
	if (image_config_parse(&c, p, n, &e) == 0)
		image_config_release(&c);
	return 0;
}
