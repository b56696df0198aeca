/* The one unpacker behind the stream formats: decoder and ranges.  Private to
 * this folder; the contract is format.h. */
#ifndef FORMAT_UNPACKER_H
#define FORMAT_UNPACKER_H

#include <stdint.h>

#include "store/map.h"

struct err;
struct format;
struct unpacker;

/* codec: how a range of whole frames or members is coded; CHUNK_RAW for a plain
 * tar. */
struct unpacker *unpacker_new(const struct format *f, enum chunk_codec codec,
    uint64_t blob_size, struct err *e);

#endif
