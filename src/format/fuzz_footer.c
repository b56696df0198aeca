#include "format/format.h"
#include "base/descriptor.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The first two bytes are the blob's size, the rest its tail. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct descriptor layer = { .media_type = "" };

	if (n < 2)
		return 0;
	layer.size = p[0] << 8 | p[1];
	for (int i = 0; formats[i] != NULL; i++) {
		struct toc_place place = { 0 };
		struct err e = ERR_INIT;

		if (formats[i]->locate_in_tail == NULL ||
		    formats[i]->locate_in_tail(
			&layer, p + 2, n - 2, &place, &e) < 0)
			continue;
		if (place.blob_len == 0 ||
		    place.blob_off + place.blob_len > layer.size)
			__builtin_trap();
	}
	return 0;
}
