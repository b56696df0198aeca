/* A tar as it is: every chunk is a range of the blob. */
#include "format/format.h"
#include "format/formats.h"
#include "format/unpacker.h"
#include "codec/tar.h"

static struct unpacker *
new_unpacker(uint64_t blob_size, struct err *e)
{
	return unpacker_new(&format_tar, CHUNK_RAW, blob_size, e);
}

const struct format format_tar = {
	.name = "tar",
	.matches = tar_is_header,
	.unpacker_new = new_unpacker,
};
