/* tar.gz.  Usually one member, of which the stream makes spans; of tools that
 * write many (eStargz, pigz -i, bgzip) those are ranges. */
#include "format/format.h"
#include "format/formats.h"
#include "format/unpacker.h"
#include "codec/gzip.h"

static bool
matches(const uint8_t *head, size_t n)
{
	return n >= 2 && head[0] == 0x1f && head[1] == 0x8b;
}

static struct unpacker *
new_unpacker(uint64_t blob_size, struct err *e)
{
	return unpacker_new(&format_tar_gzip, CHUNK_GZIP, blob_size, e);
}

const struct format format_tar_gzip = {
	.name = "tar+gzip",
	.matches = matches,
	.unpacker_new = new_unpacker,
	.decoder_new = gzip_decoder_new,
};
