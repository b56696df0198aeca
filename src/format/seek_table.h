/* zstd's seekable format: after the frames a table of their sizes, as the last
 * skippable frame.
 *
 *	5e 2a 4d 18 | u32 size | N x (u32 length, u32 decoded [, u32 checksum])
 *	| u32 N | u8 flags (bit 7: checksums) | b1 ea 92 8f
 *
 * A stream meets the table after the frames that it describes, so there is
 * nothing to look up in it: it is compared with what passed.  Nothing vouches
 * for it, but one that disagrees is a damaged or a forged blob.
 *
 * Specification: zstd contrib/seekable_format.
 */
#ifndef FORMAT_SEEK_TABLE_H
#define FORMAT_SEEK_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct seek_check;

struct seek_check *seek_check_new(struct err *e);
void seek_check_free(struct seek_check *c);

/* The next compressed bytes of the current frame. */
int seek_check_bytes(
    struct seek_check *c, const uint8_t *p, size_t n, struct err *e);
/* The frame ended; it decoded to so many bytes. */
void seek_check_frame(struct seek_check *c, uint64_t decoded);
/* The blob ended.  EBADMSG when its last frame is a table of other frames. */
int seek_check_end(const struct seek_check *c, struct err *e);

#endif
