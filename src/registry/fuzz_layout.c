/* A folder in OCI layout that somebody else made: any index.json. */
#include "registry/layout.h"
#include "base/descriptor.h"
#include "base/fuzz_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
find(int dir, const char *tag)
{
	struct err e = ERR_INIT;
	struct descriptor d;

	if (layout_find(dir, tag, &d, &e) == 0)
		descriptor_release(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	AUTO_CLOSE int folder = fuzz_folder();

	fuzz_put(folder, "oci-layout", version, sizeof version - 1);
	fuzz_put(folder, "index.json", p, n);
	find(folder, NULL);
	find(folder, "v1");
	return 0;
}
