/* Cuts a layer's tar, as it comes, into the frames of a zstd:chunked blob, has
 * them pressed, and gives them back in order.
 *
 * Each chunk of a file is a frame, and what lies between two files' contents is
 * one.  An entry that does not fit into a table (convert/toc_misfit.h) ends the
 * table: from there on frames are as large as batches, and framer_misfit() says
 * why.
 *
 *	new -> (room, fill)... -> end -> tar_split
 *
 * One thread; it waits for the press when all batches are under way.  Memory:
 * a batch and its frames for each, of which there are 2 and 2 more a thread of the
 * press: 4.5 MiB each at most.
 */
#ifndef CONVERT_FRAMER_H
#define CONVERT_FRAMER_H

#include <stddef.h>
#include <stdint.h>

struct batch;
struct err;
struct framer;
struct press;
struct tar_split;

/* Who takes the batches, pressed, in the order of the tar. */
struct framer_outlet {
	int (*take)(
	    struct framer_outlet *o, const struct batch *b, struct err *e);
};

struct framer *framer_new(
    struct press *p, struct framer_outlet *outlet, struct err *e);
/* Waits for what is under way. */
void framer_free(struct framer *f);

/* Where the tar's next bytes shall go, at most *n (> 0) of them; then how many
 * went there. */
int framer_room(struct framer *f, uint8_t **p, size_t *n, struct err *e);
int framer_fill(struct framer *f, size_t n, struct err *e);
/* The tar has ended: EBADMSG when it may not end here.  All was taken. */
int framer_end(struct framer *f, struct err *e);

/* What is under way is taken, too; for who goes no further. */
int framer_drain(struct framer *f, struct err *e);

/* Why there can be no table; NULL: there can. */
const char *framer_misfit(const struct framer *f);
/* Where framer_misfit() is NULL; the framer's. */
struct tar_split *framer_tar_split(struct framer *f);

#endif
