/* gzip members (RFC 1952), their checksums verified.  What follows the last
 * member must be a member: trailing bytes are EBADMSG, as Go's reader has it.
 */
#ifndef CODEC_GZIP_H
#define CODEC_GZIP_H

#include "codec/decode.h"

struct decoder *gzip_decoder_new(struct err *e);

#endif
