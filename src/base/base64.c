#include "base/base64.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/err.h"

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
base64_decode(struct buf *out, const char *text, size_t n, struct err *e)
{
	size_t pad = 0;

	if (n % 4 != 0)
		return err_set(e, EBADMSG, "base 64 is cut off");
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	if (buf_reserve(out, n / 4 * 3, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i += 4) {
		size_t digits = i + 4 == n ? 4 - pad : 4;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < digits ? value_of(text[i + k]) : 0;

			if (d < 0)
				return err_set(
				    e, EBADMSG, "base 64 is damaged");
			v = v << 6 | d;
		}
		out->data[out->len++] = v >> 16;
		if (digits > 2)
			out->data[out->len++] = v >> 8;
		if (digits > 3)
			out->data[out->len++] = v;
	}
	return 0;
}

int
base64_encode(struct buf *out, const void *p, size_t n, struct err *e)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *s = p;

	if (buf_reserve(out, (n + 2) / 3 * 4, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i += 3) {
		uint8_t *to = out->data + out->len;
		uint32_t v = s[i] << 16;

		if (i + 1 < n)
			v |= s[i + 1] << 8;
		if (i + 2 < n)
			v |= s[i + 2];
		to[0] = digits[v >> 18];
		to[1] = digits[v >> 12 & 63];
		to[2] = i + 1 < n ? digits[v >> 6 & 63] : '=';
		to[3] = i + 2 < n ? digits[v & 63] : '=';
		out->len += 4;
	}
	return 0;
}
