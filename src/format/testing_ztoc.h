/* A writer of zTOCs, so that everything can be wrong with them.  Only test_*.c
 * includes it. */
#ifndef FORMAT_TESTING_ZTOC_H
#define FORMAT_TESTING_ZTOC_H

#include <stdlib.h>
#include <string.h>

#include "format/testing.h"
#include "format/ztoc.h"
#include "base/limits.h"

/* ---- a writer of flatbuffers: every field takes eight bytes ---- */

static struct buf out;

static inline void *
grow(size_t n)
{
	struct err e = ERR_INIT;

	assert_int_equal(buf_reserve(&out, n, &e), 0);
	memset(out.data + out.len, 0, n);
	out.len += n;
	return out.data + out.len - n;
}

static inline size_t
add_table(unsigned n_slots)
{
	uint8_t *vtable = grow(4 + 2 * n_slots);
	size_t at = out.len;

	put_le16(vtable, 4 + 2 * n_slots);
	put_le16(vtable + 2, 8 + 8 * n_slots);
	put_le32(grow(8 + 8 * n_slots), 4 + 2 * n_slots);
	return at;
}

static inline size_t
field(size_t table, unsigned slot)
{
	size_t vtable = table - get_le32(out.data + table);

	put_le16(out.data + vtable + 4 + 2 * slot, 8 + 8 * slot);
	return table + 8 + 8 * slot;
}

static inline void
set_number(size_t table, unsigned slot, uint64_t v)
{
	put_le64(out.data + field(table, slot), v);
}

static inline void
point(size_t at, size_t to)
{
	put_le32(out.data + at, to - at);
}

/* Where n elements of so many bytes are, which `at` is to lead to. */
static inline size_t
add_vector(size_t at, uint32_t n, size_t bytes)
{
	point(at, out.len);
	put_le32(grow(4), n);
	grow(n * bytes);
	return out.len - n * bytes;
}

static inline void
put_string(size_t at, const char *text)
{
	size_t n = strlen(text), to = add_vector(at, n, 1);

	memcpy(out.data + to, text, n);
	grow(1);
}

/* ---- a writer of zTOCs ---- */

struct file {
	const char *name, *type;
	uint64_t off, size;
	const char *target;
	uint64_t mode, uid, major;
	const char *time;
	const char *key, *value; /* a PAX record */
};

struct span {
	uint64_t in, out;
	uint8_t bits;
};

struct spec {
	const char *version;
	uint64_t blob_size, tar_size;
	const struct file *files;
	uint32_t n_files;
	uint64_t algorithm; /* 0: not said */
	const struct span *spans;
	uint32_t n_spans, n_digests;
	uint64_t last_span;
	uint32_t first_record;
	uint64_t span_size; /* plain */
};

static inline void
put_file(size_t at, const struct file *x)
{
	size_t t = add_table(14);

	point(at, t);
	put_string(field(t, 0), x->name);
	put_string(field(t, 1), x->type);
	set_number(t, 2, x->off);
	set_number(t, 3, x->size);
	if (x->target != NULL)
		put_string(field(t, 4), x->target);
	set_number(t, 5, x->mode);
	set_number(t, 6, x->uid);
	put_string(
	    field(t, 10), x->time != NULL ? x->time : "2026-01-02T03:04:05Z");
	set_number(t, 11, x->major);
	if (x->key != NULL) {
		size_t records = add_vector(field(t, 13), 1, 4);
		size_t record = add_table(2);

		point(records, record);
		put_string(field(record, 0), x->key);
		put_string(field(record, 1), x->value);
	}
}

static inline void
put_gzip(size_t at, const struct spec *s)
{
	uint32_t n = s->n_spans - s->first_record;
	size_t to = add_vector(at, 12 + n * 32785, 1);
	uint8_t *p = out.data + to;

	put_le32(p, s->n_spans);
	p += 12;
	for (uint32_t i = s->first_record; i < s->n_spans; i++, p += 32785) {
		put_le64(p, s->spans[i].in);
		put_le64(p + 8, s->spans[i].out);
		p[16] = s->spans[i].bits;
		memset(p + 17, 'a' + i, 32768);
	}
}

/* A flatbuffer in the flatbuffer. */
static inline void
put_plain(size_t at, const struct spec *s)
{
	size_t length = out.len, root, t;

	point(at, length);
	grow(4);
	root = out.len;
	grow(4);
	t = add_table(3);
	point(root, t);
	set_number(t, 0, 2);
	set_number(t, 1, s->span_size);
	set_number(t, 2, s->blob_size);
	put_le32(out.data + length, out.len - root);
}

static inline void
put_compression(size_t at, const struct spec *s)
{
	size_t t = add_table(4), digests;

	point(at, t);
	if (s->algorithm != 0)
		set_number(t, 0, s->algorithm);
	set_number(t, 1, s->last_span);
	digests = add_vector(field(t, 2), s->n_digests, 4);
	for (uint32_t i = 0; i < s->n_digests; i++) {
		struct digest d = { { i + 1 } };

		put_string(digests + 4 * i, DIGEST_TEXT(&d));
	}
	if (s->algorithm == 2)
		put_plain(field(t, 3), s);
	else
		put_gzip(field(t, 3), s);
}

static inline void
write_ztoc(const struct spec *s)
{
	size_t root, toc, files;

	buf_release(&out);
	buf_init(&out, MIB(1));
	grow(4);
	root = add_table(6);
	point(0, root);
	put_string(field(root, 0), s->version);
	set_number(root, 2, s->blob_size);
	set_number(root, 3, s->tar_size);
	toc = add_table(1);
	point(field(root, 4), toc);
	files = add_vector(field(toc, 0), s->n_files, 4);
	for (uint32_t i = 0; i < s->n_files; i++)
		put_file(files + 4 * i, &s->files[i]);
	put_compression(field(root, 5), s);
}

static inline int
parse_written(struct contents *c, struct err *e)
{
	/* Bytes of their own: a sanitizer sees what is read past them. */
	AUTO_FREE void *bytes = malloc(out.len);
	struct ztoc z = { bytes, out.len, 1000 };

	memcpy(bytes, out.data, out.len);
	*e = ERR_INIT;
	return ztoc_parse(&z, c, e);
}

#endif
