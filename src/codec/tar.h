/* A push parser for tar streams: bytes in as they come, entries out.
 *
 * Understands what layers are made of: V7, ustar, GNU (long names L and K, base
 * 256 numbers, old sparse files S) and PAX (path, linkpath, size, uid, gid,
 * mtime, SCHILY.xattr.*, GNU.sparse.* 0.0, 0.1 and 1.0; charset ignored: names
 * are bytes).  Where tars leave room it does as Go's archive/tar, because that
 * is what containerd and podman unpack with:
 *
 * - global PAX headers are checked and change nothing;
 * - a link, device, folder or fifo has no contents whatever its size says;
 * - an entry of the old type NUL whose name ends in '/' is a folder;
 * - two blocks of zeros end the archive, and so does the stream's end where a
 *   header would begin; what follows the end is not looked at.
 *
 * Type '7' (contiguous) is a file.  Types that hold no file system object
 * (GNU's D, M, N, V, ...) are EBADMSG, as containerd refuses them.
 *
 * Pure; one thread at a time; memory bounded by LIMIT_PAX_BYTES and
 * LIMIT_SPARSE_SEGMENTS.
 */
#ifndef CODEC_TAR_H
#define CODEC_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct err;
struct tar;

#define AUTO_TAR CLEANUP(tar_cleanup)

enum { TAR_BLOCK = 512 };

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHAR,
	TAR_BLOCK_DEVICE,
	TAR_DIR,
	TAR_FIFO,
};

struct tar_xattr {
	const char *name; /* "user.x"; ends with a NUL */
	const void *value;
	size_t len;
};

/* A time that not every entry has. */
struct tar_time {
	bool is_set;
	int64_t s;
	uint32_t ns;
};

/* Everything pointed at lives until the entry's end() returned. */
struct tar_entry {
	enum tar_type type;
	const char *path; /* bytes, no NUL inside, none at the end */
	size_t path_len;
	const char *link; /* symbolic and hard links */
	size_t link_len;
	mode_t mode; /* permission bits only: 07777 */
	uint32_t uid, gid;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t major, minor; /* devices */
	uint64_t size;         /* files; holes included */
	bool is_sparse;        /* hole() may be called */
	const struct tar_xattr *xattrs;
	size_t n_xattrs;

	/* For who writes the entry down again. */
	uint64_t stream_off;   /* where what the stream stores of it begins */
	const uint8_t *header; /* TAR_BLOCK bytes: codec/tar_header.h */
	uint64_t told_size;    /* by the headers, whatever the type */
	struct tar_time atime, ctime; /* that extended headers say */
	bool is_after_global;         /* a global header came before it */
};

/* Who takes what the stream holds.  Each returns 0, or -1 with *e, which ends
 * the parsing.  All but entry() may be NULL: nobody wants to know. */
struct tar_sink {
	int (*entry)(
	    struct tar_sink *s, const struct tar_entry *x, struct err *e);
	/* The file's next bytes; stream_off is the first one's place in the tar
	 * stream. */
	int (*data)(struct tar_sink *s, uint64_t stream_off, const void *p,
	    size_t n, struct err *e);
	/* n zeros that a sparse file does not store. */
	int (*hole)(struct tar_sink *s, uint64_t n, struct err *e);
	/* After entry() and all of a file's contents. */
	int (*end)(
	    struct tar_sink *s, const struct tar_entry *x, struct err *e);
};

struct tar *tar_new(struct err *e);
void tar_free(struct tar *t);

static inline void
tar_cleanup(struct tar **t)
{
	tar_free(*t);
}

int tar_feed(struct tar *t, const void *p, size_t n, struct tar_sink *sink,
    struct err *e);

/* The stream has ended: EBADMSG when it may not end here. */
int tar_end(const struct tar *t, struct err *e);

/* Is this the first block of a tar: a header whose checksum is right, or zeros?
 */
bool tar_is_header(const uint8_t *block, size_t n);

#endif
