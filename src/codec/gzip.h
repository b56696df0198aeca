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
 * Both make restart points and start at them (restart.h), at the same ones as a
 * rule: gzip_isal.c has the exception.
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
