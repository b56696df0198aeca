#include "registry/secret.h"

#include <stdlib.h>

void
secret_free(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

void
secret_buf_release(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_release(b);
}

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
base64_encode(const char *s)
{
	size_t n = strlen(s);
	char *out = malloc((n + 2) / 3 * 4 + 1), *to = out;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint8_t)s[i] << 16;

		if (i + 1 < n)
			v |= (uint8_t)s[i + 1] << 8;
		if (i + 2 < n)
			v |= (uint8_t)s[i + 2];
		*to++ = alphabet[v >> 18];
		*to++ = alphabet[v >> 12 & 63];
		*to++ = i + 1 < n ? alphabet[v >> 6 & 63] : '=';
		*to++ = i + 2 < n ? alphabet[v & 63] : '=';
	}
	*to = 0;
	return out;
}

char *
base64_decode(const char *s)
{
	size_t n = strcspn(s, "=");
	AUTO_SECRET char *out = calloc(n / 4 * 3 + 4, 1);
	char *to = out;
	uint32_t v = 0;

	if (out == NULL || n % 4 == 1 || strspn(s + n, "=") != strlen(s + n))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const char *at = strchr(alphabet, s[i]);

		if (at == NULL)
			return NULL;
		v = v << 6 | (uint32_t)(at - alphabet);
		if (i % 4 == 0)
			continue;
		*to = v >> (6 - 2 * (i % 4)) & 255;
		if (*to++ == 0)
			return NULL;
	}
	return take_ptr(&out);
}
