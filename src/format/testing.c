#include "format/testing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/stretch.h"
#include "codec/tar.h"
#include "base/doc.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/list.h"

/* ---- a sink ---- */

static struct collector *
of(struct content_sink *s)
{
	return container_of(s, struct collector, sink);
}

static int
on_begin(struct content_sink *s, uint64_t size, struct err *e)
{
	(void)e;
	of(s)->size = size;
	of(s)->given = 0;
	return 0;
}

static int
on_write(struct content_sink *s, const void *p, size_t n, struct err *e)
{
	static const uint8_t zero;

	(void)e;
	of(s)->given += n;
	if (p != NULL) {
		hasher_update(of(s)->hasher, p, n);
		return 0;
	}
	of(s)->holes += n;
	for (; n > 0; n--)
		hasher_update(of(s)->hasher, &zero, 1);
	return 0;
}

static int
on_end(struct content_sink *s, const struct digest *digest,
    const struct chunk *chunks, uint32_t n_chunks, uint32_t *ordinal,
    struct err *e)
{
	struct collector *c = of(s);
	struct digest got;
	bool is_new;

	assert_int_equal(c->given, c->size);
	hasher_end(c->hasher, &got);
	assert_memory_equal(&got, digest, sizeof got);
	if (map_builder_begin_object(
		c->map, digest, c->size, ordinal, &is_new, e) < 0)
		return -1;
	if (!is_new)
		return 0;
	for (uint32_t i = 0; i < n_chunks; i++)
		if (map_builder_add_chunk(c->map, &chunks[i], e) < 0)
			return -1;
	return map_builder_end_object(c->map, e);
}

void
collector_init(struct collector *c)
{
	struct err e;

	*c = (struct collector){ .sink = { on_begin, on_write, on_end } };
	c->map = map_builder_new(&e);
	c->hasher = hasher_new();
}

/* ---- streaming ---- */

static struct stretch *
give_empty(struct stretch_taker *t, struct err *e)
{
	(void)t, (void)e;
	return malloc(sizeof(struct stretch));
}

static int
pass_on(struct stretch_taker *t, struct stretch *x, struct err *e)
{
	struct streamer *s = container_of(t, struct streamer, taker);
	int rc = stream_take(s->stream, x, s->sink, e);

	free(x);
	return rc;
}

int
streamer_init(struct streamer *s, const struct format *f, uint64_t blob_size,
    struct content_sink *sink, struct err *e)
{
	*s =
	    (struct streamer){ .taker = { give_empty, pass_on }, .sink = sink };
	s->stream = stream_new(e);
	s->unpacker = f->unpacker_new(blob_size, e);
	return s->stream != NULL && s->unpacker != NULL ? 0 : -1;
}

void
streamer_release(struct streamer *s)
{
	unpacker_free(s->unpacker);
	stream_free(s->stream);
}

int
streamer_feed(struct streamer *s, const void *p, size_t n, struct err *e)
{
	return unpacker_feed(s->unpacker, p, n, &s->taker, e);
}

int
streamer_end(struct streamer *s, struct contents *out, struct err *e)
{
	if (unpacker_end(s->unpacker, &s->taker, e) < 0)
		return -1;
	return stream_end(s->stream, out, e);
}

static int
stream_all(const struct format *f, const uint8_t *p, size_t n, size_t step,
    struct content_sink *sink, struct contents *out, struct err *e)
{
	struct streamer s;
	int rc = streamer_init(&s, f, n, sink, e);

	for (size_t at = 0; rc == 0 && at < n; at += step)
		rc = streamer_feed(&s, p + at, min_u64(step, n - at), e);
	if (rc == 0)
		rc = streamer_end(&s, out, e);
	streamer_release(&s);
	return rc;
}

int
stream_bytes(const void *p, size_t n, size_t step, struct contents *out,
    const struct format **format, struct err *e)
{
	const struct format *f = format_match(p, min_u64(n, TAR_BLOCK), e);
	struct collector c;
	int rc = -1;

	collector_init(&c);
	if (f != NULL)
		rc = stream_all(f, p, n, step, &c.sink, out, e);
	hasher_free(c.hasher);
	if (format != NULL)
		*format = f;
	if (rc == 0)
		out->map = c.map;
	else
		map_builder_free(c.map);
	return rc;
}

/* ---- samples ---- */

void
testdata_load(const char *name, const char *suffix, struct buf *out)
{
	const char *top = getenv("top_srcdir");
	char path[512];
	struct err e = ERR_INIT;

	snprintf(path, sizeof path, "%s/src/format/testdata/%s%s",
	    top != NULL ? top : ".", name, suffix);
	if (fs_read_file(AT_FDCWD, path, out, &e) < 0)
		fail_msg("%s", e.msg);
}

void
sample_load(struct sample *s, const char *name)
{
	AUTO_BUF struct buf json = BUF_INIT(MIB(1));
	AUTO_DOC struct doc *j = NULL;
	struct err e = ERR_INIT;

	s->name = name;
	buf_init(&s->blob, MIB(1));
	testdata_load(name, ".blob", &s->blob);
	testdata_load(name, ".json", &json);
	j = doc_parse_json(json.data, json.len, &e);
	assert_non_null(j);
	assert_int_equal(descriptor_parse(&s->layer, j, &e), 0);
	assert_int_equal(s->layer.size, s->blob.len);
}

void
sample_release(struct sample *s)
{
	descriptor_release(&s->layer);
	buf_release(&s->blob);
}

const struct format *
sample_parse(struct sample *s, struct contents *out, struct err *e)
{
	enum locate_result r;
	struct toc_place place;
	const struct format *f = format_locate(&s->layer, &place, &r, e);

	if (f == NULL)
		return NULL;
	if (r == LOCATE_TAIL) {
		size_t n = min_u64(s->blob.len, f->tail_bytes);

		if (f->locate_in_tail(&s->layer, s->blob.data + s->blob.len - n,
			n, &place, e) < 0)
			return NULL;
	}
	assert_true(place.blob_off + place.blob_len <= s->blob.len);
	if (f->parse(&s->layer, &place, s->blob.data + place.blob_off,
		place.blob_len, out, e) < 0)
		return NULL;
	return f;
}

/* ---- tars ---- */

void
tar_add(struct buf *b, char type, const char *name, const char *link,
    const void *p, uint64_t n)
{
	uint64_t padded = align_up(n, TAR_BLOCK);
	unsigned sum = 0;
	struct err e;
	char *h;

	assert_int_equal(buf_reserve(b, TAR_BLOCK + padded, &e), 0);
	h = (char *)b->data + b->len;
	memset(h, 0, TAR_BLOCK + padded);
	snprintf(h, 100, "%s", name);
	strcpy(h + 100, "0000644");
	snprintf(h + 124, 12, "%011" PRIo64, n);
	h[156] = type;
	snprintf(h + 157, 100, "%s", link != NULL ? link : "");
	memcpy(h + 257, "ustar\00000", 8);
	memset(h + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (uint8_t)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	if (n > 0)
		memcpy(h + TAR_BLOCK, p, n);
	b->len += TAR_BLOCK + padded;
}

void
tar_finish(struct buf *b)
{
	static const uint8_t zeros[2 * TAR_BLOCK];
	struct err e;

	assert_int_equal(buf_append(b, zeros, sizeof zeros, &e), 0);
}

/* ---- compressors: what is on every machine that builds this ---- */

bool
filter(const char *command, const struct buf *in, struct buf *out)
{
	AUTO_FREE char *line = NULL;
	char path[] = "/tmp/layerfs-test-XXXXXX";
	int fd = mkstemp(path);
	uint8_t room[65536];
	struct err e;
	FILE *f;
	size_t n;

	assert_true(fd >= 0);
	for (size_t at = 0; at < in->len; at += n) {
		n = write(fd, in->data + at, in->len - at);
		assert_true((ssize_t)n > 0);
	}
	close(fd);
	assert_true(asprintf(&line, "%s <%s 2>/dev/null", command, path) > 0);
	f = popen(line, "r");
	assert_non_null(f);
	while ((n = fread(room, 1, sizeof room, f)) > 0)
		assert_int_equal(buf_append(out, room, n, &e), 0);
	unlink(path);
	return pclose(f) == 0;
}
