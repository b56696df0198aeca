#include "codec/window.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec/decode.h"
#include "codec/restart.h"
#include "base/bytes.h"
#include "base/err.h"

struct window {
	struct decoder *decoder;
	uint8_t bytes[RESTART_WINDOW_BYTES];

	/* Windows that say of each byte where it is, what is decoded by them,
	 * and which bytes that says are needed. */
	uint8_t low[RESTART_WINDOW_BYTES], high[RESTART_WINDOW_BYTES];
	uint8_t by_low[RESTART_WINDOW_BYTES], by_high[RESTART_WINDOW_BYTES];
	bool is_needed[RESTART_WINDOW_BYTES];
};

/* ---- what follows ---- */

static void
note_tail(struct sequel *s, const uint8_t *in, size_t n)
{
	size_t some = min_u64(n, SEQUEL_TAIL_BYTES);

	memmove(s->tail, s->tail + some, SEQUEL_TAIL_BYTES - some);
	memcpy(s->tail + SEQUEL_TAIL_BYTES - some, in + n - some, some);
}

static void
note_bytes(struct sequel *s, const uint8_t *in, size_t n)
{
	n = min_u64(n, SEQUEL_BYTES - s->len);
	memcpy(s->bytes + s->len, in, n);
	s->len += n;
}

void
sequel_note(struct sequel *s, const uint8_t *in, size_t n, size_t made)
{
	if (n > 0)
		note_tail(s, in, n);
	if (n > 0 && s->made < RESTART_WINDOW_BYTES)
		note_bytes(s, in, n);
	s->made = min_u64(s->made + made, RESTART_WINDOW_BYTES);
}

void
sequel_begin(struct sequel *s, const struct decode_place *place)
{
	size_t ahead = (place->unread_bits + 7) / 8;

	assert(ahead <= SEQUEL_TAIL_BYTES);
	s->made = 0;
	s->len = 0;
	note_bytes(s, s->tail + SEQUEL_TAIL_BYTES - ahead, ahead);
}

/* ---- places ---- */

/* A byte that both windows give differs by which of them gave it: the first bit
 * of one is never the other's.  So what is equal is no byte of theirs. */
static uint8_t
low_mark(size_t at)
{
	return at;
}

static uint8_t
high_mark(size_t at)
{
	return at >> 8 | (~at & 128);
}

static size_t
marked_place(uint8_t low, uint8_t high)
{
	return low | (high & 127) << 8;
}

struct window *
window_new(struct decoder *(*decoder_new)(struct err *e), struct err *e)
{
	struct window *w = calloc(1, sizeof *w);

	if (w == NULL) {
		err_set(e, ENOMEM, "restart points");
		return NULL;
	}
	w->decoder = decoder_new(e);
	if (w->decoder == NULL) {
		free(w);
		return NULL;
	}
	for (size_t at = 0; at < RESTART_WINDOW_BYTES; at++) {
		w->low[at] = low_mark(at);
		w->high[at] = high_mark(at);
	}
	return w;
}

void
window_free(struct window *w)
{
	if (w == NULL)
		return;
	decoder_free(w->decoder);
	free(w);
}

/* ---- what is needed ---- */

static int
decode_by(struct window *w, const uint8_t *marks, uint8_t *out,
    const struct restart_point *p, const struct sequel *s)
{
	struct restart_point marked = {
		.bits = p->bits, .window = marks, .window_len = p->window_len
	};
	struct decode_part part = {
		.in = s->bytes,
		.in_len = s->len,
		.out = out,
		.out_len = s->made,
		.restart = &marked,
	};
	struct err e = ERR_INIT;

	return decoder_read_part(w->decoder, &part, &e);
}

static void
find_needed(struct window *w, size_t made)
{
	memset(w->is_needed, 0, sizeof w->is_needed);
	for (size_t at = 0; at < made; at++)
		if (w->by_low[at] != w->by_high[at])
			w->is_needed[marked_place(
			    w->by_low[at], w->by_high[at])] = true;
}

const uint8_t *
window_thin(
    struct window *w, const struct restart_point *p, const struct sequel *s)
{
	if (decode_by(w, w->low, w->by_low, p, s) < 0 ||
	    decode_by(w, w->high, w->by_high, p, s) < 0)
		return p->window;
	find_needed(w, s->made);
	for (size_t at = 0; at < p->window_len; at++)
		w->bytes[at] = w->is_needed[at] ? p->window[at] : 0;
	return w->bytes;
}
