#include "format/flatbuffer.h"

#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
	OFFSET = 4,
	VTABLE_HEAD = 4, /* the two lengths before its slots */
	SLOT = 2,
};

void
flatbuffer_init(struct flatbuffer *f, const void *p, size_t n)
{
	*f = (struct flatbuffer){ .bytes = p, .len = n, .purse = n };
}

/* ---- bounds ---- */

static int
check(const struct flatbuffer *f, size_t at, uint64_t n, struct err *e)
{
	if (at > f->len || n > f->len - at)
		return err_set(
		    e, EBADMSG, "%zu leads out of the flatbuffer", at);
	return 0;
}

static int
pay(struct flatbuffer *f, uint64_t n, struct err *e)
{
	if (n > f->purse)
		return err_set(
		    e, EBADMSG, "the flatbuffer says the same too often");
	f->purse -= n;
	return 0;
}

/* Where the offset at `at`, which was checked, leads: to at least 4 bytes. */
static int
follow(const struct flatbuffer *f, size_t at, size_t *to, struct err *e)
{
	uint32_t distance = get_le32(f->bytes + at);

	if (distance < OFFSET || distance > f->len - at)
		return err_set(
		    e, EBADMSG, "%zu leads out of the flatbuffer", at);
	*to = at + distance;
	return check(f, *to, OFFSET, e);
}

/* ---- tables ---- */

static int
open_vtable(
    const struct flatbuffer *f, struct flat_table *t, size_t at, struct err *e)
{
	size_t len;

	if (check(f, at, VTABLE_HEAD, e) < 0)
		return -1;
	len = get_le16(f->bytes + at);
	t->len = get_le16(f->bytes + at + 2);
	if (len < VTABLE_HEAD || len % SLOT != 0 || t->len < OFFSET)
		return err_set(e, EBADMSG, "flatbuffer's vtable at %zu", at);
	t->vtable = at + VTABLE_HEAD;
	t->n_slots = (len - VTABLE_HEAD) / SLOT;
	return check(f, at, len, e) < 0 ? -1 : check(f, t->at, t->len, e);
}

/* At least 4 bytes are at `at`. */
static int
open_table(
    struct flatbuffer *f, size_t at, struct flat_table *out, struct err *e)
{
	int64_t vtable = (int64_t)at - (int32_t)get_le32(f->bytes + at);
	struct flat_table t = { .at = at };

	if (vtable < 0)
		return err_set(
		    e, EBADMSG, "%zu leads out of the flatbuffer", at);
	if (open_vtable(f, &t, vtable, e) < 0 || pay(f, t.len, e) < 0)
		return -1;
	*out = t;
	return 0;
}

int
flatbuffer_root(struct flatbuffer *f, struct flat_table *out, struct err *e)
{
	size_t at;

	if (check(f, 0, OFFSET, e) < 0 || follow(f, 0, &at, e) < 0)
		return -1;
	return open_table(f, at, out, e);
}

/* ---- fields ---- */

/* Where the field's bytes are; 0: absent. */
static int
find_field(const struct flatbuffer *f, const struct flat_table *t,
    unsigned slot, size_t bytes, size_t *at, struct err *e)
{
	size_t place = slot < t->n_slots
			   ? get_le16(f->bytes + t->vtable + slot * SLOT)
			   : 0;

	*at = 0;
	if (place == 0)
		return 0;
	if (place < OFFSET || place > t->len || bytes > t->len - place)
		return err_set(e, EBADMSG,
		    "field %u lies outside of the flatbuffer's table at %zu",
		    slot, t->at);
	*at = t->at + place;
	return 0;
}

int
flat_number(const struct flatbuffer *f, const struct flat_table *t,
    unsigned slot, unsigned bytes, uint64_t *out, struct err *e)
{
	uint8_t wide[8] = { 0 };
	size_t at;

	assert(bytes <= sizeof wide);
	if (find_field(f, t, slot, bytes, &at, e) < 0)
		return -1;
	if (at == 0)
		return 0;
	memcpy(wide, f->bytes + at, bytes);
	*out = get_le64(wide);
	return 0;
}

/* The vector that the offset at `at` leads to. */
static int
open_vector(struct flatbuffer *f, size_t at, size_t element,
    struct flat_vector *out, struct err *e)
{
	struct flat_vector v;
	uint64_t bytes;

	if (follow(f, at, &v.at, e) < 0)
		return -1;
	v.n = get_le32(f->bytes + v.at);
	v.at += OFFSET;
	bytes = (uint64_t)v.n * element;
	if (check(f, v.at, bytes, e) < 0 || pay(f, bytes, e) < 0)
		return -1;
	*out = v;
	return 0;
}

static int
open_string(
    struct flatbuffer *f, size_t at, struct flat_text *out, struct err *e)
{
	struct flat_vector v;

	if (open_vector(f, at, 1, &v, e) < 0 ||
	    check(f, v.at, (uint64_t)v.n + 1, e) < 0)
		return -1;
	if (f->bytes[v.at + v.n] != 0)
		return err_set(
		    e, EBADMSG, "flatbuffer's string at %zu has no end", v.at);
	*out = (struct flat_text){ (const char *)f->bytes + v.at, v.n };
	return 0;
}

int
flat_string(struct flatbuffer *f, const struct flat_table *t, unsigned slot,
    struct flat_text *out, struct err *e)
{
	size_t at;

	if (find_field(f, t, slot, OFFSET, &at, e) < 0)
		return -1;
	return at == 0 ? 0 : open_string(f, at, out, e);
}

int
flat_bytes(struct flatbuffer *f, const struct flat_table *t, unsigned slot,
    struct flat_text *out, struct err *e)
{
	struct flat_vector v;
	size_t at;

	if (find_field(f, t, slot, OFFSET, &at, e) < 0)
		return -1;
	if (at == 0)
		return 0;
	if (open_vector(f, at, 1, &v, e) < 0)
		return -1;
	*out = (struct flat_text){ (const char *)f->bytes + v.at, v.n };
	return 0;
}

int
flat_vector(struct flatbuffer *f, const struct flat_table *t, unsigned slot,
    struct flat_vector *out, struct err *e)
{
	size_t at;

	if (find_field(f, t, slot, OFFSET, &at, e) < 0)
		return -1;
	return at == 0 ? 0 : open_vector(f, at, OFFSET, out, e);
}

int
flat_subtable(struct flatbuffer *f, const struct flat_table *t, unsigned slot,
    struct flat_table *out, struct err *e)
{
	size_t at;

	if (find_field(f, t, slot, OFFSET, &at, e) < 0)
		return -1;
	if (at == 0)
		return err_set(e, EBADMSG, "field %u is missing", slot);
	if (follow(f, at, &at, e) < 0)
		return -1;
	return open_table(f, at, out, e);
}

/* ---- elements ---- */

int
flat_vector_table(struct flatbuffer *f, const struct flat_vector *v, uint32_t i,
    struct flat_table *out, struct err *e)
{
	size_t at;

	assert(i < v->n);
	if (follow(f, v->at + (size_t)i * OFFSET, &at, e) < 0)
		return -1;
	return open_table(f, at, out, e);
}

int
flat_vector_string(struct flatbuffer *f, const struct flat_vector *v,
    uint32_t i, struct flat_text *out, struct err *e)
{
	assert(i < v->n);
	return open_string(f, v->at + (size_t)i * OFFSET, out, e);
}
