/* The one stream behind the stream formats: decoder, tar, tree.  Private to
 * this folder; the contract is format.h. */
#ifndef FORMAT_STREAM_H
#define FORMAT_STREAM_H

#include <stdint.h>

#include "store/map.h"

struct err;
struct format;
struct stream;

/* codec: how a range of whole frames or members is coded; CHUNK_RAW for a plain
 * tar. */
struct stream *stream_new(const struct format *f, enum chunk_codec codec,
    uint64_t blob_size, struct err *e);

#endif
