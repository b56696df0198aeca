/* gzip members (RFC 1952), their checksums verified.  What follows the last
 * member must be a member: trailing bytes are EBADMSG, as Go's reader has it.
 *
 * Two implementations of one contract:
 *
 *	isa-l  2 to 2.6 times as fast on layers; where configure finds it
 *	zlib   always there
 *
 * They differ in what is no gzip: isa-l misses some of the code tables that
 * zlib refuses, as long as no undefined code is used.  What the bytes decode to
 * is the same wherever both decode them.
 *
 * Restarting in the middle of a member takes the 32 KiB before the place and
 * its bit position.  zlib stops at a block's end on request (Z_BLOCK; data_type
 * has the bits left) and starts again with inflatePrime() and
 * inflateSetDictionary().  isa-l does not stop between blocks, but starts again
 * there, too: read_in and read_in_length take the bits,
 * isal_inflate_set_dict() the window.  So zlib makes restart points and both
 * can use them.
 */
#ifndef CODEC_GZIP_H
#define CODEC_GZIP_H

#include "codec/decode.h"

/* The fastest there is. */
struct decoder *gzip_decoder_new(struct err *e);

struct decoder *gzip_zlib_decoder_new(struct err *e);
#if HAVE_ISAL
struct decoder *gzip_isal_decoder_new(struct err *e);
#endif

#endif
