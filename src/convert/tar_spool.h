/* A layer's tar on its way through a file, to come out in the order that somebody
 * wishes (convert/tar_order.h).
 *
 *	init -> (room, fill)... -> end -> (next -> read...)... -> release
 *
 * One thread.  The file is as large as the tar; memory: a MiB, and what the order
 * takes.
 */
#ifndef CONVERT_TAR_SPOOL_H
#define CONVERT_TAR_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/tar.h"

struct err;
struct tar_order;
struct tar_stretch;
struct wish;

struct tar_spool {
	int fd;
	uint64_t len;
	uint8_t *room;
	struct tar *tar;
	struct tar_sink events;
	struct tar_order *order;
};

/* fd is borrowed: a new file. */
int tar_spool_init(struct tar_spool *s, int fd, struct err *e);
void tar_spool_release(struct tar_spool *s);

/* As framer_room() and framer_fill(). */
void tar_spool_room(struct tar_spool *s, uint8_t **p, size_t *n);
int tar_spool_fill(struct tar_spool *s, size_t n, struct err *e);
/* EBADMSG when the tar may not end here. */
int tar_spool_end(struct tar_spool *s, const struct wish *w, struct err *e);

bool tar_spool_next(struct tar_spool *s, struct tar_stretch *part);
int tar_spool_read(
    const struct tar_spool *s, void *p, size_t n, uint64_t off, struct err *e);

#endif
