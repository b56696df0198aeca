/* Whatever a file says of itself: the ranges that follow from it are small, and
 * names end in theirs. */
#include <assert.h>
#include <string.h>

#include "layer/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool
is_inside(const struct elf_range *r, size_t n)
{
	return r->off <= n && r->len <= n - r->off;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *name, *strings;
	struct elf x;

	if (!elf_read_head(&x, p, n < ELF_HEAD_BYTES ? n : ELF_HEAD_BYTES))
		return 0;
	assert(x.n_loads <= ELF_LOADS && x.dynamic.len <= ELF_DYNAMIC_BYTES);
	if (!is_inside(&x.dynamic, n) ||
	    !elf_read_dynamic(&x, p + x.dynamic.off, x.dynamic.len))
		return 0;
	assert(x.n_needed <= ELF_NEEDED && x.strings.len <= ELF_STRINGS_BYTES);
	if (!is_inside(&x.strings, n))
		return 0;
	strings = (const char *)p + x.strings.off;
	for (unsigned i = 0; i < x.n_needed; i++) {
		name = elf_name(&x, strings, x.needed[i]);
		assert(name == NULL ||
		       name + strlen(name) < strings + x.strings.len);
	}
	return 0;
}
