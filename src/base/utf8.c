#include "base/utf8.h"

size_t
utf8_length(const uint8_t *p, size_t n)
{
	size_t len;

	if (n == 0)
		return 0;
	len = p[0] < 0x80   ? 1
	      : p[0] < 0xC2 ? 0
	      : p[0] < 0xE0 ? 2
	      : p[0] < 0xF0 ? 3
	      : p[0] < 0xF5 ? 4
			    : 0;
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
	    (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
		return 0;
	return len;
}

size_t
utf8_encode(uint32_t code, uint8_t out[4])
{
	if (code < 0x80) {
		out[0] = code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = 0xC0 | code >> 6;
		out[1] = 0x80 | (code & 0x3F);
		return 2;
	}
	if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		return 0;
	if (code < 0x10000) {
		out[0] = 0xE0 | code >> 12;
		out[1] = 0x80 | (code >> 6 & 0x3F);
		out[2] = 0x80 | (code & 0x3F);
		return 3;
	}
	out[0] = 0xF0 | code >> 18;
	out[1] = 0x80 | (code >> 12 & 0x3F);
	out[2] = 0x80 | (code >> 6 & 0x3F);
	out[3] = 0x80 | (code & 0x3F);
	return 4;
}
