#include "format/identity.h"

#include "store/map.h"
#include "base/bytes.h"

void
identity_of(
    struct hasher *h, const struct chunk *c, uint32_t n, struct digest *out)
{
	static const char domain[] = "layerfs object of chunks";

	if (n == 1 && c->codec != CHUNK_ZEROS) {
		*out = c->digest;
		return;
	}
	hasher_update(h, domain, sizeof domain);
	for (; n > 0; n--, c++) {
		static const struct digest zeros;
		uint8_t len[8];

		put_le64(len, c->len);
		hasher_update(h, len, sizeof len);
		hasher_update(h, c->codec == CHUNK_ZEROS ? &zeros : &c->digest,
		    DIGEST_BYTES);
	}
	hasher_end(h, out);
}
