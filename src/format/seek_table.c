#include "format/seek_table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"

enum {
	HEADER = 8,
	FOOTER = 9,
	ENTRY = 8,
	ENTRY_WITH_CHECKSUM = 12,
	HAS_CHECKSUMS = 0x80,
	FRAME_MAGIC = 0x184D2A5E,
};
#define TABLE_MAGIC 0x8F92EAB1u

/* A run of frames, in few bytes. */
struct summary {
	uint64_t frames;
	uint64_t mixed; /* of every frame's two sizes, in order */
};

struct seek_check {
	struct summary seen; /* all frames but the last */
	struct summary last;
	uint64_t frame_len; /* bytes of the current one so far */
	struct buf frame;   /* the current or last one, if it may be a table */
};

static void
add_frame(struct summary *s, uint64_t len, uint64_t decoded)
{
	s->frames++;
	s->mixed = hash_u64(s->mixed ^ hash_u64(len << 32 ^ decoded));
}

struct seek_check *
seek_check_new(struct err *e)
{
	struct seek_check *c = calloc(1, sizeof *c);

	if (c == NULL) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	buf_init(&c->frame,
	    HEADER + FOOTER + LIMIT_SEEK_FRAMES * ENTRY_WITH_CHECKSUM);
	return c;
}

void
seek_check_free(struct seek_check *c)
{
	if (c == NULL)
		return;
	buf_release(&c->frame);
	free(c);
}

/* Keeps what may be a table: no longer than one of the frames seen could be. */
int
seek_check_bytes(
    struct seek_check *c, const uint8_t *p, size_t n, struct err *e)
{
	uint64_t frames = min_u64(c->last.frames, LIMIT_SEEK_FRAMES);
	uint64_t max = HEADER + FOOTER + frames * ENTRY_WITH_CHECKSUM;

	if (n == 0)
		return 0;
	if (c->frame_len == 0)
		c->frame.len = 0;
	c->frame_len += n;
	if (c->frame_len > max)
		return 0;
	return buf_append(&c->frame, p, n, e);
}

void
seek_check_frame(struct seek_check *c, uint64_t decoded)
{
	c->seen = c->last;
	add_frame(&c->last, c->frame_len, decoded);
	if (c->frame.len != c->frame_len)
		c->frame.len = 0;
	c->frame_len = 0;
}

static struct summary
summarise(const uint8_t *entries, uint32_t n, size_t stride)
{
	struct summary s = { 0 };

	for (; n > 0; n--, entries += stride)
		add_frame(&s, get_le32(entries), get_le32(entries + 4));
	return s;
}

int
seek_check_end(const struct seek_check *c, struct err *e)
{
	const uint8_t *p = c->frame.data;
	size_t n = c->frame.len, stride;
	const uint8_t *footer;
	struct summary told;
	uint64_t entries;

	if (n < HEADER + FOOTER || get_le32(p) != FRAME_MAGIC ||
	    get_le32(p + n - 4) != TABLE_MAGIC)
		return 0;
	footer = p + n - FOOTER;
	entries = get_le32(footer);
	stride = footer[4] & HAS_CHECKSUMS ? ENTRY_WITH_CHECKSUM : ENTRY;
	if (entries * stride + HEADER + FOOTER != n)
		return err_set(e, EBADMSG, "seek table's size is wrong");
	told = summarise(p + HEADER, entries, stride);
	if (told.frames != c->seen.frames)
		return err_set(e, EBADMSG,
		    "seek table has %llu frames, the blob %llu",
		    (unsigned long long)told.frames,
		    (unsigned long long)c->seen.frames);
	if (told.mixed != c->seen.mixed)
		return err_set(
		    e, EBADMSG, "seek table has other sizes than the frames");
	return 0;
}
