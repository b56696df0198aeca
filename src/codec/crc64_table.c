/* Four bits at a time: slower than isa-l by far, but no table to speak of. */
#include "codec/crc64.h"

uint64_t
crc64(uint64_t crc, const void *p, size_t n)
{
	static const uint64_t polynomial = 0xd800000000000000u;
	uint64_t table[16];
	const uint8_t *at = p;

	for (unsigned i = 0; i < 16; i++) {
		table[i] = i;
		for (int bit = 0; bit < 4; bit++)
			table[i] =
			    table[i] >> 1 ^ (table[i] & 1 ? polynomial : 0);
	}
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= at[i];
		crc = table[crc & 15] ^ crc >> 4;
		crc = table[crc & 15] ^ crc >> 4;
	}
	return ~crc;
}
