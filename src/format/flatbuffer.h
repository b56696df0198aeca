/* Reading a FlatBuffer that comes from outside: no schema, no copy.
 *
 *	u32 root
 *	table    i32 back to its vtable, fields (numbers, or u32 offsets)
 *	vtable   u16 its bytes, u16 the table's bytes, u16 a slot: where in the
 *	         table that field is, 0: absent
 *	vector   u32 n, n elements
 *	string   a vector of bytes, then a NUL
 *
 * Little endian.  An offset counts from its own place and leads forward, so
 * nothing can contain itself.  But much can lead to one place: a small buffer
 * could say gigabytes.  What is reached by offsets is therefore paid for, as
 * often as it is reached, from a purse as large as the buffer; a writer that
 * shares nothing but vtables never empties it.
 *
 * Private to this folder.  Every failure is EBADMSG.  What is returned points
 * into the buffer and lives as long.
 *
 * Specification: flatbuffers.dev, "FlatBuffer Internals".  (Debian 12 has the
 * C++ library only.)
 */
#ifndef FORMAT_FLATBUFFER_H
#define FORMAT_FLATBUFFER_H

#include <stddef.h>
#include <stdint.h>

struct err;

struct flatbuffer {
	const uint8_t *bytes;
	size_t len;
	size_t purse;
};

struct flat_table {
	size_t at;     /* in the buffer */
	size_t len;    /* bytes, vtable's distance included */
	size_t vtable; /* where its slots are */
	unsigned n_slots;
};

struct flat_vector {
	size_t at; /* of the first element */
	uint32_t n;
};

struct flat_text {
	const char *p; /* strings end with a NUL; one inside is possible */
	size_t len;
};

void flatbuffer_init(struct flatbuffer *f, const void *p, size_t n);
int flatbuffer_root(
    struct flatbuffer *f, struct flat_table *out, struct err *e);

/* A field that is absent leaves *out alone. */

/* A number of 1, 2, 4 or 8 bytes; a negative one of fewer than 8 is taken for
 * the large one that has its bits. */
int flat_number(const struct flatbuffer *f, const struct flat_table *t,
    unsigned slot, unsigned bytes, uint64_t *out, struct err *e);
int flat_string(struct flatbuffer *f, const struct flat_table *t, unsigned slot,
    struct flat_text *out, struct err *e);
int flat_bytes(struct flatbuffer *f, const struct flat_table *t, unsigned slot,
    struct flat_text *out, struct err *e);
/* Of tables or strings. */
int flat_vector(struct flatbuffer *f, const struct flat_table *t, unsigned slot,
    struct flat_vector *out, struct err *e);

/* A field that must be there. */
int flat_subtable(struct flatbuffer *f, const struct flat_table *t,
    unsigned slot, struct flat_table *out, struct err *e);

/* i < v->n. */
int flat_vector_table(struct flatbuffer *f, const struct flat_vector *v,
    uint32_t i, struct flat_table *out, struct err *e);
int flat_vector_string(struct flatbuffer *f, const struct flat_vector *v,
    uint32_t i, struct flat_text *out, struct err *e);

#endif
