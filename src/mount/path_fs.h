/* A small file system made of answers: for every path that somebody looks at,
 * its owner says what it is.  Nothing is kept by the kernel: each look asks
 * again.  Folders cannot be listed.  Where root only; seen by root only (0700).
 *
 *	made -> asked ... -> mount_server_free() -> freed
 *
 * A question may be answered at once or later, by any thread: it is parked and
 * holds no thread up.  It is answered exactly once; after that it is gone.  The
 * same goes for the bytes of a file.
 */
#ifndef MOUNT_PATH_FS_H
#define MOUNT_PATH_FS_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct held;
struct mount_server;
struct path_ask;
struct path_fs;
struct path_read;

enum path_question {
	PATH_LOOKUP,        /* any answer */
	PATH_CREATE,        /* a file is to be made: path_answer_error() */
	PATH_REMOVE_FOLDER, /* the same */
};

struct path_fs_options {
	const char *id;     /* mounted as RUN/m/ID */
	const char *source; /* what /proc/mounts shows */
	/* On a "fuse" thread: may not block. */
	void (*ask)(void *ctx, struct path_ask *a);
	void (*read)(void *ctx, struct path_read *r);
	void *ctx;
};

/* Mounts; or goes on with what an earlier worker left in h, whose descriptor it
 * takes on success; NULL for none. */
struct path_fs *path_fs_new(struct mount_server *s,
    const struct path_fs_options *o, struct held *h, struct err *e);
/* The mount stays, for the next worker.  After mount_server_free(), and every
 * question has had its answer. */
void path_fs_free(struct path_fs *p);

/* "a/b/c"; lives until the answer. */
const char *path_ask_path(const struct path_ask *a);
enum path_question path_ask_question(const struct path_ask *a);

void path_answer_folder(struct path_ask *a);
void path_answer_link(struct path_ask *a, const char *target);
/* A file with these bytes. */
void path_answer_text(struct path_ask *a, const char *text);
/* A file of that size, whose bytes are asked for. */
void path_answer_file(struct path_ask *a, uint64_t size);
void path_answer_error(struct path_ask *a, int code);

/* Bytes that are wanted: within the file's size. */
const char *path_read_path(const struct path_read *r);
uint64_t path_read_offset(const struct path_read *r);
size_t path_read_length(const struct path_read *r);
/* All of them. */
void path_read_answer(struct path_read *r, const void *p);
void path_read_fail(struct path_read *r, int code);

#endif
