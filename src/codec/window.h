/* A restart point's window (restart.h), of which only what is needed is kept.
 *
 * Of the 32 KiB before a point what follows refers to a tenth, as a rule.  The
 * other bytes are made zeros, and the window, compressed, takes an eighth of
 * the room.  A span decodes to the same bytes with either.
 *
 * Which bytes those are, decoding tells: the 32 KiB that follow are decoded
 * twice more, by windows whose bytes say where they stand.  What lies further on
 * reaches back to none of them, a distance being 32 KiB at most.
 *
 * Who makes points notes the sequel of each as it passes; whoever has the time
 * thins the window afterwards.
 */
#ifndef CODEC_WINDOW_H
#define CODEC_WINDOW_H

#include <stddef.h>
#include <stdint.h>

struct decode_place;
struct decoder;
struct err;
struct restart_point;
struct window;

enum {
	/* What 32 KiB are made of: more than if all were stored, or literals
	 * of 9 bits. */
	SEQUEL_BYTES = 40 << 10,
	SEQUEL_TAIL_BYTES = 8, /* a decoder is ahead of a point by no more */
};

/* What follows a point in its member, as far as it is of use.  All zeros before
 * the first step.  One thread at a time; plain memory, may be copied. */
struct sequel {
	uint32_t made; /* decoded bytes, at most RESTART_WINDOW_BYTES */
	uint32_t len;  /* of bytes, which begin with the point's first bits */
	uint8_t tail[SEQUEL_TAIL_BYTES]; /* of all input, the last byte last */
	uint8_t bytes[SEQUEL_BYTES];
};

/* After every step of the decoder: the n bytes of input that it took, and how
 * many it made of them. */
void sequel_note(struct sequel *s, const uint8_t *in, size_t n, size_t made);
/* The step ended with DECODE_POINT: this is the point. */
void sequel_begin(struct sequel *s, const struct decode_place *place);

/* decoder_new makes decoders of the points' kind.  One thread at a time. */
struct window *window_new(
    struct decoder *(*decoder_new)(struct err *e), struct err *e);
void window_free(struct window *w);

/* What is needed of p->window, as many bytes, until the next call.  The sequel has
 * 32 KiB made, or its member has ended.  Where its bytes are too few to say what
 * is needed (a producer may put any number of empty blocks between two bytes)
 * it is the whole window.  It does not depend on how input and room were cut. */
const uint8_t *window_thin(
    struct window *w, const struct restart_point *p, const struct sequel *s);

#endif
