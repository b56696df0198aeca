/* A layer's index of any bytes: as they are, and with what stands behind the
 * header packed first, because a fuzzer does not write zstd frames. */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/layer_index.h"
#include "codec/points.h"
#include "codec/zstd.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/limits.h"

#include "layerfs/layer_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

typedef struct layerfs_layer_index_header header;

/* What was accepted must hold together. */
static void
check(const struct contents *c)
{
	uint32_t n;
	const struct chunk *k = map_builder_chunks(c->map, &n);

	for (; n > 0; n--, k++)
		if (k->len == 0 || k->len > LIMIT_CHUNK_BYTES ||
		    (k->codec != CHUNK_ZEROS && !k->has_digest) ||
		    k->codec == CHUNK_STREAM)
			__builtin_trap();
}

/* The layer is the one that the index says it is of. */
static void
parse(const uint8_t *p, size_t n)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct descriptor layer = { .media_type = "" };
	struct toc_place place = { .blob_len = n, .digest_is_of_blob = true };
	struct err e = ERR_INIT;

	if (n >= sizeof(header)) {
		memcpy(&layer.digest, p + offsetof(header, blob),
		    sizeof layer.digest);
		layer.size = get_le64(p + offsetof(header, blob_size));
	}
	digest_of(&place.digest, p, n);
	if (format_layer_index.parse(&layer, &place, p, n, &c, &e) == 0)
		check(&c);
}

static void
parse_packed(const uint8_t *p, size_t n)
{
	AUTO_BUF struct buf b = BUF_INIT(MIB(64));
	struct err e = ERR_INIT;
	size_t tables, body = n - sizeof(header);

	tables = min_u64(get_le64(p + offsetof(header, tables_len)), body);
	if (buf_append(&b, p, sizeof(header), &e) < 0 ||
	    zstd_pack(&b, p + sizeof(header), tables, 1, &e) < 0)
		return;
	put_le64(b.data + offsetof(header, frame_len), b.len - sizeof(header));
	put_le64(b.data + offsetof(header, tables_len), tables);
	if (buf_append(&b, p + sizeof(header) + tables, body - tables, &e) == 0)
		parse(b.data, b.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	parse(p, n);
	if (n >= sizeof(header))
		parse_packed(p, n);
	return 0;
}
