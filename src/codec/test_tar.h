/* A tar by hand, and what the parser says of it as text.  Only test_*.c includes
 * it. */
#ifndef CODEC_TEST_TAR_H
#define CODEC_TEST_TAR_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/tar.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/test.h"

/* ---- a tar by hand ---- */

struct header {
	char type;
	const char *name, *link;
	uint64_t size;
	int64_t mtime;
};

static inline void
seal(uint8_t *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

static inline uint8_t *
add_header(struct buf *b, const struct header *x)
{
	struct err e;
	uint8_t *h;

	assert_int_equal(buf_reserve(b, TAR_BLOCK, &e), 0);
	h = b->data + b->len;
	b->len += TAR_BLOCK;
	memset(h, 0, TAR_BLOCK);
	strncpy((char *)h, x->name, 100);
	strcpy((char *)h + 100, "0000644");
	strcpy((char *)h + 108, "0000012");
	strcpy((char *)h + 116, "0000024");
	snprintf((char *)h + 124, 12, "%011llo", (unsigned long long)x->size);
	snprintf((char *)h + 136, 12, "%011llo", (unsigned long long)x->mtime);
	h[156] = x->type;
	if (x->link != NULL)
		strncpy((char *)h + 157, x->link, 100);
	memcpy(h + 257,
	    "ustar\0"
	    "00",
	    8);
	seal(h);
	return h;
}

static inline void
add_bytes(struct buf *b, const void *p, size_t n)
{
	static const uint8_t zeros[TAR_BLOCK];
	struct err e;

	assert_int_equal(buf_append(b, p, n, &e), 0);
	assert_int_equal(
	    buf_append(b, zeros, align_up(n, TAR_BLOCK) - n, &e), 0);
}

static inline void
add_end(struct buf *b)
{
	static const uint8_t zeros[2 * TAR_BLOCK];

	add_bytes(b, zeros, sizeof zeros);
}

/* An extended header of records, each "KEY=VALUE". */
static inline void
add_pax(struct buf *b, char type, const char *const *records)
{
	AUTO_BUF struct buf text = BUF_INIT(MIB(1));
	struct err e;

	for (; *records != NULL; records++) {
		size_t n = strlen(*records) + 3, digits = 1;

		for (size_t v = n; v >= 10; v /= 10)
			digits++;
		n += digits - 1;
		assert_int_equal(
		    buf_printf(&text, &e, "%zu %s\n", n, *records), 0);
	}
	add_header(b, &(struct header){ type, "pax", NULL, text.len, 0 });
	add_bytes(b, text.data, text.len);
}

/* ---- what the parser said, as text ---- */

struct heard {
	struct tar_sink sink;
	struct buf text;
};

static inline struct buf *
text_of(struct tar_sink *s)
{
	return &container_of(s, struct heard, sink)->text;
}

static inline int
on_entry(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	struct buf *t = text_of(s);

	buf_printf(t, e, "%d %.*s", x->type, (int)x->path_len, x->path);
	if (x->link_len > 0)
		buf_printf(t, e, " -> %.*s", (int)x->link_len, x->link);
	buf_printf(t, e, " %llu", (unsigned long long)x->size);
	if (x->mtime_s != 0 || x->mtime_ns != 0)
		buf_printf(
		    t, e, " @%lld.%u", (long long)x->mtime_s, x->mtime_ns);
	for (size_t i = 0; i < x->n_xattrs; i++)
		buf_printf(t, e, " %s=%.*s", x->xattrs[i].name,
		    (int)x->xattrs[i].len, (char *)x->xattrs[i].value);
	return 0;
}

static inline int
on_data(
    struct tar_sink *s, uint64_t off, const void *p, size_t n, struct err *e)
{
	(void)off;
	return buf_printf(
	    text_of(s), e, " [%.*s]", (int)min_u64(n, 20), (char *)p);
}

static inline int
on_hole(struct tar_sink *s, uint64_t n, struct err *e)
{
	return buf_printf(text_of(s), e, " <%llu>", (unsigned long long)n);
}

static inline int
on_end(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	(void)x;
	return buf_printf(text_of(s), e, ";");
}

static inline int
parse(const struct buf *b, size_t step, struct heard *h, struct err *e)
{
	AUTO_TAR struct tar *t = tar_new(e);

	*h = (struct heard){ { on_entry, on_data, on_hole, on_end },
		BUF_INIT(MIB(1)) };
	for (size_t at = 0; at < b->len; at += step)
		if (tar_feed(t, b->data + at, min_u64(step, b->len - at),
			&h->sink, e) < 0)
			return -1;
	return tar_end(t, e);
}

static inline void
expect(const struct buf *b, const char *text)
{
	struct heard h;
	struct err e = ERR_INIT;

	if (parse(b, b->len, &h, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(buf_str(&h.text), text);
	buf_release(&h.text);
}

static inline void
expect_refusal(const struct buf *b, const char *why)
{
	struct heard h;
	struct err e = ERR_INIT;

	assert_int_equal(parse(b, b->len, &h, &e), -1);
	assert_int_equal(e.code, EBADMSG);
	if (strstr(e.msg, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.msg, why);
	buf_release(&h.text);
}

#define TAR(b) AUTO_BUF struct buf b = BUF_INIT(MIB(16))

#endif
