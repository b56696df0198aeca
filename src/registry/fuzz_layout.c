/* A folder in OCI layout that somebody else made: any index.json. */
#include "registry/layout.h"
#include "base/descriptor.h"
#include "base/fuzz_folder.h"
#include "base/outpost.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
find(struct outpost *layout, const char *tag)
{
	struct err e = ERR_INIT;
	struct descriptor d;

	if (layout_find(layout, tag, &d, &e) == 0)
		descriptor_release(&d);
}

/* Once: it is another process that reads. */
static struct outpost *
make_layout(int *folder)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	struct outpost *layout;
	struct err e;

	*folder = fuzz_folder();
	fuzz_put(*folder, "oci-layout", version, sizeof version - 1);
	layout = layout_open(*folder, NULL, &e);
	if (layout == NULL)
		abort();
	return layout;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct outpost *layout;
	static int folder;

	if (layout == NULL)
		layout = make_layout(&folder);
	fuzz_put(folder, "index.json", p, n);
	find(layout, NULL);
	find(layout, "v1");
	return 0;
}
