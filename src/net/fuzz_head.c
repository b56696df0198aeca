#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "net/head.h"
#include "net/url.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_range(const struct byte_range *r)
{
	assert((r->first == HEAD_UNKNOWN) == (r->last == HEAD_UNKNOWN));
	assert(r->first == HEAD_UNKNOWN || r->first <= r->last);
	assert(r->last == HEAD_UNKNOWN || r->total == HEAD_UNKNOWN ||
	       r->last < r->total);
}

static void
check(const struct http_head *h)
{
	assert(h->status == 0 || (h->status >= 100 && h->status <= 999));
	assert(h->n_challenges <= HEAD_MAX_CHALLENGES);
	for (unsigned i = 0; i < h->n_challenges; i++)
		assert(h->challenges[i] != NULL);
	assert(
	    h->boundary == NULL ||
	    (*h->boundary != 0 && strlen(h->boundary) <= HEAD_BOUNDARY_BYTES));
	if (h->has_range)
		check_range(&h->range);
}

/* A credential is for an origin: the one that is asked. */
static void
follow(const char *location)
{
	static const char from[] = "https://x.io:5000/v2/a/b/blobs/c?d=e";
	struct err e = ERR_INIT;
	AUTO_FREE char *url = url_resolve(from, location, &e);
	AUTO_FREE char *again = NULL;
	struct origin to, then;

	if (url == NULL || url_origin(url, &to, &e) < 0)
		return;
	assert(*to.host != 0 && strlen(to.host) < sizeof to.host);
	again = url_resolve(from, url, &e);
	assert(again != NULL && url_origin(again, &then, &e) == 0 &&
	       origin_equal(&to, &then));
}

/* A head's lines, and those of the next one behind a 1xx. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_HEAD struct http_head h;
	struct err e = ERR_INIT;

	http_head_init(&h);
	while (n > 0) {
		const uint8_t *end = memchr(p, '\n', n);
		size_t len = end == NULL ? n : (size_t)(end + 1 - p);

		if (http_head_add(&h, (const char *)p, len, 1700000000, &e) < 0)
			break;
		check(&h);
		p += len;
		n -= len;
	}
	if (h.location != NULL)
		follow(h.location);
	return 0;
}
