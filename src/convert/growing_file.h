/* A blob's file while it is written: one thread says how far it is, another reads
 * what is there and waits for more.
 *
 *	init -> grow... -> end -> release
 *
 * The reader is gone before the release.
 */
#ifndef CONVERT_GROWING_FILE_H
#define CONVERT_GROWING_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/lock.h"

struct err;

struct growing_file {
	int fd; /* borrowed */
	struct lock lock;
	struct cond changed;
	/* guarded by lock */
	uint64_t size;
	bool has_ended;
	bool is_whole; /* when it has */
};

void growing_file_init(struct growing_file *g, int fd);
void growing_file_release(struct growing_file *g);

/* So many bytes are there; never fewer than before. */
void growing_file_grow(struct growing_file *g, uint64_t size);
/* There will be no more; unless they are all, nobody wants them. */
void growing_file_end(struct growing_file *g, bool is_whole);

/* So far. */
uint64_t growing_file_size(struct growing_file *g);
/* Waits for at least one byte: how many, 0 at the end; ECANCELED when nobody wants
 * them. */
ssize_t growing_file_read(
    struct growing_file *g, uint64_t off, void *p, size_t n, struct err *e);

#endif
