#include "format/format.h"
#include "format/ztoc.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What was accepted must hold together. */
static void
check_chunks(const struct contents *c, uint64_t blob_size)
{
	uint32_t n;
	const struct chunk *k = map_builder_chunks(c->map, &n);

	for (; n > 0; n--, k++)
		if (k->codec != CHUNK_SPAN || k->len == 0 ||
		    k->inner_off + k->len > LIMIT_CHUNK_BYTES ||
		    k->blob_len == 0 || k->blob_off + k->blob_len > blob_size)
			__builtin_trap();
}

/* The first four bytes are the blob's size. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;
	struct ztoc z;

	if (n < 4)
		return 0;
	z = (struct ztoc){ p + 4, n - 4, get_le32(p) };
	if (ztoc_parse(&z, &c, &e) == 0)
		check_chunks(&c, z.blob_size);
	return 0;
}
