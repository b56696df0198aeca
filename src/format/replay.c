#include <errno.h>
#include <stdlib.h>

#include "format/format.h"
#include "codec/decode.h"
#include "base/err.h"

enum { ROOM_BYTES = 256 << 10 };

struct replay {
	struct decoder *decoder; /* NULL: the blob is the stream */
	uint64_t stream_off;
	uint8_t room[ROOM_BYTES];
};

struct replay *
replay_new(const struct format *f, struct err *e)
{
	struct replay *r = malloc(sizeof *r);

	if (r == NULL) {
		err_set(e, ENOMEM, "replay: out of memory");
		return NULL;
	}
	r->decoder = NULL;
	r->stream_off = 0;
	if (f->decoder_new == NULL)
		return r;
	r->decoder = f->decoder_new(e);
	if (r->decoder == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void
replay_free(struct replay *r)
{
	if (r == NULL)
		return;
	decoder_free(r->decoder);
	free(r);
}

int
replay_feed(struct replay *r, const void *p, size_t n,
    int (*take)(void *ctx, uint64_t stream_off, const void *p, size_t n),
    void *ctx, struct err *e)
{
	struct decode_step s = { .in = p, .in_len = n };
	size_t in_before, made;

	if (r->decoder == NULL) {
		r->stream_off += n;
		take(ctx, r->stream_off - n, p, n);
		return 0;
	}
	do {
		in_before = s.in_len;
		s.out = r->room;
		s.out_len = ROOM_BYTES;
		if (decoder_step(r->decoder, &s, e) == DECODE_FAILED)
			return -1;
		made = ROOM_BYTES - s.out_len;
		r->stream_off += made;
		if (made > 0 &&
		    take(ctx, r->stream_off - made, r->room, made) != 0)
			return 0;
	} while (made > 0 || s.in_len < in_before);
	return 0;
}
