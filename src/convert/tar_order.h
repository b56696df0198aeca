/* The entries of a tar in another order, in which it means the same.
 *
 *	new -> entry... -> end -> pick... -> next... -> free
 *
 * What is picked comes first, and before it whatever came before it in the tar and
 * matters to it: the folders that it lies in, the file that a hard link is of, and
 * whiteouts of its name or its folders, which some unpackers would apply to what is
 * there already.  All else follows as it was.
 *
 * A tar that toc_misfit() has something against is left as it is: with two entries
 * of one name the order is what it says.
 *
 * Memory: 50 bytes an entry and its names.  Pure; one thread at a time.
 */
#ifndef CONVERT_TAR_ORDER_H
#define CONVERT_TAR_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct tar_entry;
struct tar_order;

/* A part of the tar, in bytes of it. */
struct tar_stretch {
	uint64_t off, len;
};

struct tar_order *tar_order_new(struct err *e);
void tar_order_free(struct tar_order *o);

/* The next of the tar. */
int tar_order_entry(
    struct tar_order *o, const struct tar_entry *x, struct err *e);
/* Those were all; the tar has so many bytes. */
int tar_order_end(struct tar_order *o, uint64_t tar_bytes, struct err *e);

/* "usr/bin/env": nothing happens where there is none. */
int tar_order_pick(struct tar_order *o, const char *path, struct err *e);

/* Stretch by stretch, each byte of the tar once.  False: those were all. */
bool tar_order_next(struct tar_order *o, struct tar_stretch *s);

#endif
