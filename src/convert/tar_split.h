/* tar-split: all of a tar but the contents of its files, from which podman makes
 * the tar again, byte for byte, when it has the files.
 *
 * One JSON object a line, in the order of the tar, packed into one zstd frame:
 *
 *	{"type":2,"payload":BASE64,"position":N}       bytes as they are: the
 *	        padding of the last file, then all headers of one entry
 *	{"type":1,"name":PATH,"size":N,"payload":CRC,"position":N}   its contents
 *
 * Every entry has a line of its own of both kinds; without contents size is left
 * out and payload null.  CRC is CRC-64 of the contents, big-endian, in base 64.
 * The last line is one of bytes: the end of the archive.
 *
 * Specification: github.com/vbatts/tar-split, tar/storage and tar/asm.
 *
 *	new -> (bytes... entry)... -> bytes... -> end
 */
#ifndef CONVERT_TAR_SPLIT_H
#define CONVERT_TAR_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct buf;
struct err;
struct tar_entry;
struct tar_split;

#define AUTO_TAR_SPLIT CLEANUP(tar_split_cleanup)

struct tar_split *tar_split_new(int level, struct err *e);
void tar_split_free(struct tar_split *t);

static inline void
tar_split_cleanup(struct tar_split **t)
{
	tar_split_free(*t);
}

/* E2BIG: more than readers take; all three. */
int tar_split_bytes(
    struct tar_split *t, const void *p, size_t n, struct err *e);
int tar_split_entry(struct tar_split *t, const struct tar_entry *x,
    uint64_t crc, struct err *e);
int tar_split_end(
    struct tar_split *t, struct buf *frame, uint64_t *text_len, struct err *e);

#endif
