#include "base/digest.h"

#include <assert.h>
#include <errno.h>

#include <openssl/evp.h>

#include "base/err.h"

struct hasher {
	EVP_MD_CTX *ctx;
};

const char *
digest_hex(const struct digest *d, char out[DIGEST_HEX_SIZE])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < DIGEST_BYTES; i++) {
		out[2 * i] = hex[d->bytes[i] >> 4];
		out[2 * i + 1] = hex[d->bytes[i] & 15];
	}
	out[2 * DIGEST_BYTES] = 0;
	return out;
}

const char *
digest_text(const struct digest *d, char out[DIGEST_TEXT_SIZE])
{
	memcpy(out, "sha256:", 7);
	digest_hex(d, out + 7);
	return out;
}

/* A table: a layer's table of contents has a digest or two an entry. */
static int
nibble(char c)
{
	static const uint8_t value_plus_one[256] = {
		['0'] = 1,
		['1'] = 2,
		['2'] = 3,
		['3'] = 4,
		['4'] = 5,
		['5'] = 6,
		['6'] = 7,
		['7'] = 8,
		['8'] = 9,
		['9'] = 10,
		['a'] = 11,
		['b'] = 12,
		['c'] = 13,
		['d'] = 14,
		['e'] = 15,
		['f'] = 16,
	};

	return value_plus_one[(uint8_t)c] - 1;
}

int
digest_parse_hex(struct digest *d, const char *hex, struct err *e)
{
	if (strlen(hex) != 2 * DIGEST_BYTES)
		return err_set(
		    e, EINVAL, "\"%.80s\" is not 64 hex digits", hex);
	for (int i = 0; i < DIGEST_BYTES; i++) {
		int hi = nibble(hex[2 * i]);
		int lo = nibble(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return err_set(
			    e, EINVAL, "\"%.80s\" is not 64 hex digits", hex);
		d->bytes[i] = hi << 4 | lo;
	}
	return 0;
}

int
digest_parse(struct digest *d, const char *text, struct err *e)
{
	if (strncmp(text, "sha256:", 7) == 0)
		return digest_parse_hex(d, text + 7, e);
	if (strncmp(text, "sha512:", 7) == 0 ||
	    strncmp(text, "blake3:", 7) == 0)
		return err_set(
		    e, ENOTSUP, "digest %.7s... is not sha256", text);
	return err_set(e, EINVAL, "\"%.80s\" is not a digest", text);
}

struct hasher *
hasher_new(void)
{
	struct hasher *h = calloc(1, sizeof *h);

	assert(h != NULL);
	h->ctx = EVP_MD_CTX_new();
	assert(h->ctx != NULL);
	assert(EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1);
	return h;
}

void
hasher_free(struct hasher *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void
hasher_update(struct hasher *h, const void *p, size_t n)
{
	assert(EVP_DigestUpdate(h->ctx, p, n) == 1);
}

void
hasher_copy(struct hasher *to, const struct hasher *from)
{
	assert(EVP_MD_CTX_copy_ex(to->ctx, from->ctx) == 1);
}

void
hasher_end(struct hasher *h, struct digest *d)
{
	assert(EVP_DigestFinal_ex(h->ctx, d->bytes, NULL) == 1);
	assert(EVP_DigestInit_ex(h->ctx, NULL, NULL) == 1);
}

void
digest_of(struct digest *d, const void *p, size_t n)
{
	assert(EVP_Digest(p, n, d->bytes, NULL, EVP_sha256(), NULL) == 1);
}
