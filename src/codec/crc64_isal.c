#include <isa-l/crc64.h>

#include "codec/crc64.h"

uint64_t
crc64(uint64_t crc, const void *p, size_t n)
{
	return crc64_iso_refl(crc, p, n);
}
