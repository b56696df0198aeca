/* Decoders: compressed bytes in, plain bytes out, whatever the codec.
 *
 * A compressed stream is a row of units that stand alone: zstd frames, gzip
 * members.  A decoder goes from one to the next and says where they end,
 * because that is where a blob can be read from its middle.  A gzip decoder
 * can be started inside a member, too, with what restart.h keeps.
 *
 * Made by zstd_decoder_new() or gzip_decoder_new().  One thread at a time; used
 * again after decoder_reset(), which keeps its memory.  Bombs: a decoder never
 * makes more than it was given room for, and holds at most ZSTD_WINDOW_BYTES.
 */
#ifndef CODEC_DECODE_H
#define CODEC_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct err;
struct decoder;
struct restart_point;

#define AUTO_DECODER CLEANUP(decoder_cleanup)

enum decode_result {
	DECODE_FAILED = -1, /* EBADMSG; ENOTSUP: a window larger than ours */
	DECODE_MORE,        /* the input is used up or the room is full */
	DECODE_BOUNDARY,    /* a unit ended; nothing of the next was read */
	DECODE_POINT,       /* inside a unit, where it can be restarted; only
			       after decoder_make_points() */
};

/* What is left to read and to fill; decoder_step() moves both ahead. */
struct decode_step {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

/* Goes on until one of the results.  A step that filled its room may have more
 * to give without input: call again while it does. */
enum decode_result decoder_step(
    struct decoder *d, struct decode_step *s, struct err *e);

/* No unit has begun, or the last one is complete: the input may end here. */
bool decoder_is_between(const struct decoder *d);

/* Where decoding can go on without what came before. */
struct decode_place {
	unsigned unread_bits;  /* of the input that was taken */
	const uint8_t *window; /* the unit's last bytes so far, at most
				  RESTART_WINDOW_BYTES; till the next step */
	uint32_t window_len;
};

/* From the next unit on: a step ends with DECODE_POINT at the first place that
 * lies `every` decoded bytes (at least RESTART_MIN_BYTES) or more behind the
 * last one, or the unit's beginning.  Which places those are does not depend on
 * how input and room are cut.  False: such units have none (zstd: restart.h).
 */
bool decoder_make_points(struct decoder *d, uint64_t every);
/* After DECODE_POINT. */
void decoder_get_place(const struct decoder *d, struct decode_place *out);

/* Makes no points any more. */
void decoder_reset(struct decoder *d);
void decoder_free(struct decoder *d);

static inline void
decoder_cleanup(struct decoder **d)
{
	decoder_free(*d);
}

/* Some of the bytes that a row of whole units decodes to, or such a row from a
 * restart point on. */
struct decode_part {
	const void *in;
	size_t in_len;
	uint64_t skip; /* decoded bytes before the part */
	void *out;
	size_t out_len;
	bool is_all; /* nothing may follow the part; else what follows is not
			looked at */
	const struct restart_point *restart; /* NULL: the input begins with a
						unit; ENOTSUP: not with zstd */
};

/* Fills p->out.  EBADMSG when the input decodes to fewer bytes, or, with
 * is_all, to more. */
int decoder_read_part(
    struct decoder *d, const struct decode_part *p, struct err *e);

/* ---- for those who make decoders ---- */

struct decoder_ops {
	enum decode_result (*step)(
	    struct decoder *d, struct decode_step *s, struct err *e);
	/* May be NULL: the whole input at once into exactly out_len bytes. */
	int (*all)(
	    struct decoder *d, const struct decode_part *p, struct err *e);
	void (*reset)(struct decoder *d);
	void (*free)(struct decoder *d);
	/* May be NULL, all three.  After reset(); takes no input, `first` is
	 * the input's first byte, of which the step may use the rest. */
	int (*restart)(struct decoder *d, const struct restart_point *p,
	    uint8_t first, struct err *e);
	void (*make_points)(struct decoder *d, uint64_t every);
	void (*get_place)(const struct decoder *d, struct decode_place *out);
};

struct decoder {
	const struct decoder_ops *ops;
	bool is_inside; /* of a unit */
};

#endif
