#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "net/parts.h"
#include "base/bytes.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A value of Content-Type up to the first line's end, then a body; where the
 * pieces are cut the body's length says. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t *body = memchr(p, '\n', n);
	AUTO_HEAD struct http_head h;
	struct err e = ERR_INIT;
	struct parts parts;
	size_t piece;

	http_head_init(&h);
	if (body == NULL ||
	    http_head_add(&h, (const char *)p, body - p, 0, &e) < 0 ||
	    h.boundary == NULL)
		return 0;
	assert(strlen(h.boundary) <= HEAD_BOUNDARY_BYTES);
	body++;
	n -= body - p;
	piece = 1 + n % 7;
	parts_init(&parts, h.boundary);
	while (n > 0) {
		size_t took = min_u64(min_u64(n, piece), parts.left);

		if (took > 0)
			parts_pass(&parts, took);
		else if (parts_take_text(
			     &parts, body, min_u64(n, piece), &took, &e) < 0)
			return 0;
		assert(took > 0 && took <= n);
		body += took;
		n -= took;
	}
	return 0;
}
