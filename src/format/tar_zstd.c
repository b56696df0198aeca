/* tar.zst, of one frame or of many (zstd:chunked, zstd's seekable format,
 * pzstd), of which the stream makes ranges. */
#include "format/format.h"
#include "format/formats.h"
#include "format/unpacker.h"
#include "codec/zstd.h"
#include "base/bytes.h"

static bool
matches(const uint8_t *head, size_t n)
{
	uint32_t magic = n >= 4 ? get_le32(head) : 0;

	return magic == 0xFD2FB528 || (magic & ~0xfu) == 0x184D2A50;
}

static struct unpacker *
new_unpacker(uint64_t blob_size, struct err *e)
{
	return unpacker_new(&format_tar_zstd, CHUNK_ZSTD, blob_size, e);
}

const struct format format_tar_zstd = {
	.name = "tar+zstd",
	.matches = matches,
	.unpacker_new = new_unpacker,
	.decoder_new = zstd_decoder_new,
};
