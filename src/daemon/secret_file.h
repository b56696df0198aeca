/* A small file that is replaced whole and in place, through a descriptor alone:
 * ROOT/secrets belongs to root, and the worker may not make another beside it.
 *
 *	+-------------------------+ 0
 *	| header 64 B | payload   | one half
 *	+-------------------------+ SECRET_FILE_HALF
 *	| header 64 B | payload   | the other
 *	+-------------------------+
 *
 *	 0  magic       8 B, "lfsecret"
 *	 8  generation  u64, from 1
 *	16  length      u64, of the payload
 *	24  digest      32 B, sha256 of generation, length and payload
 *	56  reserved    8 B, zero
 *
 * Little endian.  A write goes over the half that is older or damaged, so a
 * crash in its middle leaves what was written before.  Integers and lengths are
 * believed only after the digest.  One thread at a time; blocks on disk.
 */
#ifndef DAEMON_SECRET_FILE_H
#define DAEMON_SECRET_FILE_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum { SECRET_FILE_HALF = 4 << 20, SECRET_FILE_HEADER = 64 };
enum { SECRET_FILE_MAX = SECRET_FILE_HALF - SECRET_FILE_HEADER };

struct secret_file {
	int fd;
	uint64_t generation; /* of the newest half; 0: there is none */
};

/* The newest half's payload into `out` (its ceiling is the caller's); nothing
 * for a file that is empty.  EBADMSG where neither half is whole. */
int secret_file_read(struct secret_file *f, struct buf *out, struct err *e);

/* E2BIG past SECRET_FILE_MAX.  On disk when it returns. */
int secret_file_write(
    struct secret_file *f, const void *p, size_t n, struct err *e);

#endif
