#include "format/format.h"
#include "format/toc.h"
#include "base/err.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What was accepted must hold together. */
static void
check_chunks(const struct contents *c, const struct toc *toc)
{
	uint32_t n;
	const struct chunk *k = map_builder_chunks(c->map, &n);

	for (; n > 0; n--, k++)
		if (k->len == 0 || k->len > LIMIT_CHUNK_BYTES ||
		    (k->codec != CHUNK_ZEROS &&
			(!k->has_digest || k->blob_len == 0 ||
			    k->blob_off + k->blob_len > toc->data_end)))
			__builtin_trap();
}

/* Both dialects: the first bit says whose. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;
	struct toc toc = { .json = p + 1, .data_end = MIB(64) };

	if (n == 0)
		return 0;
	toc.json_len = n - 1;
	toc.is_stargz = p[0] & 1;
	toc.codec = p[0] & 2 ? CHUNK_ZSTD : CHUNK_GZIP;
	if (toc_parse(&toc, &c, &e) == 0)
		check_chunks(&c, &toc);
	return 0;
}
