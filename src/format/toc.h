/* The table of contents that podman's zstd:chunked and stargz's formats share:
 * {"version":1,"entries":[...]}, one object an entry, in the order of the blob.
 *
 * It comes from outside.  Beyond being JSON of the right shape it must say
 * where each file's bytes lie without contradiction: chunks cover their file in
 * order, ranges follow one another through the blob and end before the table,
 * every chunk has a digest.  EBADMSG names the entry.
 *
 * A file's range ends at its endOffset, where there is one (podman), else at
 * the next larger offset of the table (stargz).
 *
 * Objects get an identity that their chunks prove: the digest of the bytes for
 * a file of one chunk, a digest over the chunks' digests for others.  The
 * file's own `digest` is not it: nobody checks it, and a table that lied about
 * it could put its bytes into another image's file of that digest.
 */
#ifndef FORMAT_TOC_H
#define FORMAT_TOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/map.h"

struct contents;
struct err;

struct toc {
	const void *json;
	size_t json_len;
	uint64_t data_end; /* every range ends here at the latest */
	enum chunk_codec codec;
	bool is_stargz; /* landmarks are hints, not files */
};

int toc_parse(const struct toc *toc, struct contents *out, struct err *e);

#endif
