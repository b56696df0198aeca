#include "convert/recompress.h"

#include <errno.h>
#include <string.h>

#include "convert/blob_reader.h"
#include "convert/chunked_blob.h"
#include "convert/framer.h"
#include "convert/press.h"
#include "convert/tar_order.h"
#include "convert/tar_spool.h"
#include "convert/toc_misfit.h"
#include "format/format.h"
#include "codec/decode.h"
#include "base/bytes.h"
#include "base/err.h"

/* So much of a blob says what it is. */
enum { HEAD_BYTES = 512 };

struct work {
	const struct recompress *r;
	struct blob_reader reader;
	struct hasher *blob_hasher, *tar_hasher;
	uint64_t read;
	uint64_t tar_bytes;

	struct buf head; /* until the format is known */
	bool has_format;
	struct decoder *decoder; /* NULL: the blob is a tar */
	struct tar_spool *spool; /* NULL: the tar stays as it is */
	struct tar_spool spool_memory;
	struct framer *framer;
	struct chunked_blob out;
	struct digest diff_id;
};

/* ---- from the blob to the tar ---- */

/* Where the tar's next bytes shall go. */
static int
get_room(struct work *w, uint8_t **p, size_t *n, struct err *e)
{
	if (w->spool == NULL)
		return framer_room(w->framer, p, n, e);
	tar_spool_room(w->spool, p, n);
	return 0;
}

static int
fill(struct work *w, const uint8_t *p, size_t n, struct err *e)
{
	hasher_update(w->tar_hasher, p, n);
	w->tar_bytes += n;
	return w->spool != NULL ? tar_spool_fill(w->spool, n, e)
				: framer_fill(w->framer, n, e);
}

static int
decode(struct work *w, const uint8_t *p, size_t n, struct err *e)
{
	struct decode_step s = { .in = p, .in_len = n };
	size_t used, made;

	do {
		uint8_t *room;
		size_t size;

		if (get_room(w, &room, &size, e) < 0)
			return -1;
		s.out = room;
		s.out_len = size;
		used = s.in_len;
		if (decoder_step(w->decoder, &s, e) == DECODE_FAILED)
			return -1;
		used -= s.in_len;
		made = size - s.out_len;
		if (fill(w, room, made, e) < 0)
			return -1;
	} while (used > 0 || made > 0);
	return 0;
}

static int
copy(struct work *w, const uint8_t *p, size_t n, struct err *e)
{
	while (n > 0) {
		uint8_t *room;
		size_t size;

		if (get_room(w, &room, &size, e) < 0)
			return -1;
		size = min_u64(size, n);
		memcpy(room, p, size);
		if (fill(w, room, size, e) < 0)
			return -1;
		p += size;
		n -= size;
	}
	return 0;
}

static int
unpack(struct work *w, const uint8_t *p, size_t n, struct err *e)
{
	return w->decoder != NULL ? decode(w, p, n, e) : copy(w, p, n, e);
}

/* ---- the format ---- */

static int
find_format(struct work *w, struct err *e)
{
	const struct format *f = format_match(w->head.data, w->head.len, e);

	if (f == NULL)
		return -1;
	w->has_format = true;
	if (f->decoder_new == NULL)
		return 0;
	w->decoder = f->decoder_new(e);
	return w->decoder == NULL ? -1 : 0;
}

static int
take(struct work *w, const uint8_t *p, size_t n, struct err *e)
{
	hasher_update(w->blob_hasher, p, n);
	w->read += n;
	if (w->has_format)
		return unpack(w, p, n, e);
	if (buf_append(&w->head, p, n, e) < 0)
		return -1;
	if (w->head.len < HEAD_BYTES && w->read < w->r->layer->size)
		return 0;
	if (find_format(w, e) < 0)
		return -1;
	return unpack(w, w->head.data, w->head.len, e);
}

/* ---- all of it ---- */

static bool
is_cancelled(const struct recompress *r)
{
	return r->is_cancelled != NULL && *r->is_cancelled;
}

static void
tell_progress(const struct work *w)
{
	if (w->r->on_progress != NULL)
		w->r->on_progress(w->r->ctx, w->read, w->out.size);
}

static int
read_blob(struct work *w, struct err *e)
{
	int rc;

	for (;;) {
		AUTO_FREE struct parcel *p = NULL;

		if (is_cancelled(w->r))
			return err_set(e, ECANCELED, "cancelled");
		rc = blob_reader_next(&w->reader, &p, e);
		if (rc <= 0)
			return rc;
		if (take(w, p->bytes, p->len, e) < 0)
			return -1;
		tell_progress(w);
	}
}

static int
check(struct hasher *h, const struct digest *want, const char *what,
    struct err *e)
{
	struct digest is;

	hasher_end(h, &is);
	if (digest_equal(&is, want))
		return 0;
	return err_set(e, EBADMSG, "%s the digest %s instead of %s", what,
	    DIGEST_TEXT(&is), DIGEST_TEXT(want));
}

/* The blob's digest first: where that is wrong, nothing else says anything. */
static int
check_all(struct work *w, struct err *e)
{
	if (check(w->blob_hasher, &w->r->layer->digest, "its bytes have", e) <
	    0)
		return -1;
	if (w->decoder != NULL && !decoder_is_between(w->decoder))
		return err_set(e, EBADMSG, "its compressed data is cut off");
	return check(w->tar_hasher, w->r->diff_id,
	    "it is not what the image's config says: its tar has", e);
}

/* ---- the tar out of the file, in its new order ---- */

static int
play_stretch(struct work *w, const struct tar_stretch *s, struct err *e)
{
	uint64_t done = 0;

	while (done < s->len) {
		uint8_t *room;
		size_t n;

		if (framer_room(w->framer, &room, &n, e) < 0)
			return -1;
		n = min_u64(n, s->len - done);
		if (tar_spool_read(w->spool, room, n, s->off + done, e) < 0)
			return -1;
		hasher_update(w->tar_hasher, room, n);
		if (framer_fill(w->framer, n, e) < 0)
			return -1;
		done += n;
	}
	return 0;
}

static int
play(struct work *w, struct err *e)
{
	struct tar_stretch s;

	if (tar_spool_end(w->spool, w->r->wish, e) < 0)
		return -1;
	while (tar_spool_next(w->spool, &s)) {
		if (is_cancelled(w->r))
			return err_set(e, ECANCELED, "cancelled");
		if (play_stretch(w, &s, e) < 0)
			return -1;
		tell_progress(w);
	}
	hasher_end(w->tar_hasher, &w->diff_id);
	return 0;
}

static int
run(struct work *w, struct err *e)
{
	if (read_blob(w, e) < 0)
		return -1;
	if (w->r->sample_bytes > 0)
		return framer_drain(w->framer, e);
	if (check_all(w, e) < 0 || (w->spool != NULL && play(w, e) < 0) ||
	    framer_end(w->framer, e) < 0)
		return -1;
	if (chunked_blob_end(&w->out, w->framer, e) < 0)
		return -1;
	tell_progress(w);
	return 0;
}

static int
init(struct work *w, const struct recompress *r, struct err *e)
{
	uint64_t len = r->sample_bytes > 0
			   ? min_u64(r->sample_bytes, r->layer->size)
			   : r->layer->size;

	*w = (struct work){
		.r = r,
		.blob_hasher = hasher_new(),
		.tar_hasher = hasher_new(),
		.head = BUF_INIT(INTAKE_BYTES),
		.diff_id = *r->diff_id,
	};
	blob_reader_open(&w->reader, r->source, r->layer, len);
	if (chunked_blob_init(&w->out, r->fd, press_level(r->press), e) < 0)
		return -1;
	w->framer = framer_new(r->press, &w->out.outlet, e);
	if (w->framer == NULL || r->wish == NULL)
		return w->framer == NULL ? -1 : 0;
	w->spool = &w->spool_memory;
	return tar_spool_init(w->spool, r->spool_fd, e);
}

static void
release(struct work *w)
{
	blob_reader_close(&w->reader);
	framer_free(w->framer);
	tar_spool_release(&w->spool_memory);
	chunked_blob_release(&w->out);
	decoder_free(w->decoder);
	buf_release(&w->head);
	hasher_free(w->blob_hasher);
	hasher_free(w->tar_hasher);
}

static int
describe(const struct work *w, struct recompressed *out, struct err *e)
{
	out->misfit = framer_misfit(w->framer);
	if (out->misfit == NULL && w->out.is_refused)
		out->misfit = toc_refused;
	/* A sample never has one. */
	if (out->misfit == NULL && !w->out.has_table && w->r->sample_bytes == 0)
		out->misfit = toc_too_large;
	out->diff_id = w->diff_id;
	out->tar_bytes = w->tar_bytes;
	out->sampled_bytes = w->out.tar_bytes;
	return chunked_blob_describe(&w->out, &out->descriptor, e);
}

int
recompress(const struct recompress *r, struct recompressed *out, struct err *e)
{
	struct work w;
	int rc = init(&w, r, e);

	if (rc == 0)
		rc = run(&w, e);
	if (rc == 0)
		rc = describe(&w, out, e);
	release(&w);
	return rc;
}
