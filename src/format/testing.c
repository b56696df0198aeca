#include "format/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "format/stretch.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "codec/zstd.h"
#include "index/index.h"
#include "index/tree.h"
#include "index/writer.h"
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
streamer_end(struct streamer *s, struct tree **tree, struct err *e)
{
	if (unpacker_end(s->unpacker, &s->taker, e) < 0)
		return -1;
	return stream_end(s->stream, tree, e);
}

static int
stream_all(const struct format *f, const uint8_t *p, size_t n, size_t step,
    struct content_sink *sink, struct tree **tree, struct err *e)
{
	struct streamer s;
	int rc = streamer_init(&s, f, n, sink, e);

	for (size_t at = 0; rc == 0 && at < n; at += step)
		rc = streamer_feed(&s, p + at, min_u64(step, n - at), e);
	if (rc == 0)
		rc = streamer_end(&s, tree, e);
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
		rc = stream_all(f, p, n, step, &c.sink, &out->tree, e);
	hasher_free(c.hasher);
	if (format != NULL)
		*format = f;
	if (rc == 0)
		out->map = c.map;
	else
		map_builder_free(c.map);
	return rc;
}

/* ---- trees as text ---- */

struct lines {
	char **at;
	size_t n;
	const char *path; /* of the entry whose attributes come */
};

static void
add_line(struct lines *l, char *line)
{
	l->at = realloc(l->at, (l->n + 1) * sizeof *l->at);
	assert_non_null(l->at);
	l->at[l->n++] = line;
}

static int
add_xattr(void *ctx, const char *name, const void *value, size_t len)
{
	AUTO_BUF struct buf b = BUF_INIT(MIB(1));
	struct lines *l = ctx;
	struct err e;

	buf_printf(&b, &e, "%s %s=", l->path, name);
	for (size_t i = 0; i < len; i++)
		buf_printf(&b, &e, "%02x", ((const uint8_t *)value)[i]);
	add_line(l, strdup(buf_str(&b)));
	return 0;
}

static void
walk(struct index *x, uint64_t nid, const char *path, struct lines *l)
{
	struct index_entry entry;
	uint64_t cookie = 0;
	const char *target = "";
	size_t len = 0;
	struct stat st;
	char *line;

	assert_true(index_stat(x, nid, &st));
	if (S_ISLNK(st.st_mode))
		index_read_link(x, nid, &target, &len);
	assert_true(asprintf(&line,
			"%s %o %u:%u %lld links %d @%lld.%ld dev %llx%s%.*s",
			path, st.st_mode, st.st_uid, st.st_gid,
			S_ISREG(st.st_mode) ? (long long)st.st_size : 0LL,
			S_ISREG(st.st_mode) ? (int)st.st_nlink : 0,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			(unsigned long long)st.st_rdev, len > 0 ? " -> " : "",
			(int)len, target) > 0);
	add_line(l, line);
	l->path = path;
	index_each_xattr(x, nid, add_xattr, l);
	while (S_ISDIR(st.st_mode) && index_read_dir(x, nid, &cookie, &entry)) {
		AUTO_FREE char *child = NULL;

		if (entry.name[0] == '.' &&
		    (entry.name_len == 1 ||
			(entry.name_len == 2 && entry.name[1] == '.')))
			continue;
		assert_true(asprintf(&child, "%s/%.*s", path,
				(int)entry.name_len, entry.name) > 0);
		walk(x, entry.nid, child, l);
	}
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
put_nowhere(void *ctx, uint64_t size, uint64_t *content)
{
	uint32_t n;

	assert_non_null(map_builder_objects(ctx, &n));
	assert_true(*content < n);
	assert_int_equal(map_builder_objects(ctx, &n)[*content].size, size);
	*content = 0;
	return 0;
}

char *
contents_to_text(struct contents *c)
{
	AUTO_BUF struct buf b = BUF_INIT(MIB(16));
	AUTO_CLOSE int fd = memfd_create("index", MFD_CLOEXEC);
	struct index_options o = { .data_blocks = 1 };
	struct lines l = { 0 };
	struct err e = ERR_INIT;
	struct index *x;

	tree_each_file(c->tree, put_nowhere, c->map);
	assert_int_equal(index_write(c->tree, &o, fd, &e), 0);
	x = index_open(fd, &e);
	assert_non_null(x);
	walk(x, INDEX_ROOT, "", &l);
	index_close(x);
	fd = -1;
	qsort(l.at, l.n, sizeof *l.at, by_text);
	for (size_t i = 0; i < l.n; i++) {
		buf_printf(&b, &e, "%s\n", l.at[i]);
		free(l.at[i]);
	}
	free(l.at);
	return strdup(buf_str(&b));
}

char *
chunks_to_text(const struct contents *c)
{
	static const char *const codecs[] = { "raw", "zstd", "gzip", "zeros",
		"stream" };
	AUTO_BUF struct buf b = BUF_INIT(MIB(1));
	uint32_t n, n_chunks;
	const struct object *o = map_builder_objects(c->map, &n);
	const struct chunk *all = map_builder_chunks(c->map, &n_chunks);
	struct err e;

	for (; n > 0; n--, o++) {
		for (uint32_t i = 0; i < o->n_chunks; i++) {
			const struct chunk *k = &all[o->first_chunk + i];

			buf_printf(&b, &e,
			    "%s%s %u@%" PRIu64 "(%" PRIu64 "+%u)%u",
			    i > 0 ? ", " : "", codecs[k->codec], k->len,
			    k->object_off, k->blob_off, k->blob_len,
			    k->inner_off);
		}
		buf_printf(&b, &e, "\n");
	}
	return strdup(buf_str(&b));
}

/* ---- chunks ---- */

struct window {
	const struct chunk *chunk;
	uint8_t *out;
	uint64_t got;
};

static int
take_stream(void *ctx, uint64_t stream_off, const void *p, size_t n)
{
	struct window *w = ctx;
	uint64_t from = max_u64(stream_off, w->chunk->blob_off);
	uint64_t to =
	    min_u64(stream_off + n, w->chunk->blob_off + w->chunk->len);

	if (from < to) {
		memcpy(w->out + (from - w->chunk->blob_off),
		    (const uint8_t *)p + (from - stream_off), to - from);
		w->got += to - from;
	}
	return w->got == w->chunk->len;
}

static void
decode_chunk(const struct chunk *c, const struct format *f, const uint8_t *blob,
    size_t n, uint8_t *out)
{
	struct decode_part part = { blob + c->blob_off, c->blob_len,
		c->inner_off, out, c->len, false };
	struct window w = { c, out, 0 };
	struct err e = ERR_INIT;

	if (c->codec == CHUNK_STREAM) {
		struct replay *r = replay_new(f, &e);

		assert_int_equal(
		    replay_feed(r, blob, n, take_stream, &w, &e), 0);
		assert_int_equal(w.got, c->len);
		replay_free(r);
		return;
	}
	assert_true(c->blob_off + c->blob_len <= n);
	if (c->codec == CHUNK_RAW) {
		assert_int_equal(c->blob_len, c->len);
		memcpy(out, blob + c->blob_off, c->len);
	} else {
		AUTO_DECODER struct decoder *d = c->codec == CHUNK_ZSTD
						     ? zstd_decoder_new(&e)
						     : gzip_decoder_new(&e);

		assert_int_equal(decoder_read_part(d, &part, &e), 0);
	}
}

void
check_chunks(const struct contents *c, const struct format *f,
    const uint8_t *blob, size_t n)
{
	uint32_t n_chunks;
	const struct chunk *all = map_builder_chunks(c->map, &n_chunks);

	for (uint32_t i = 0; i < n_chunks; i++) {
		AUTO_FREE uint8_t *out = calloc(1, all[i].len);
		struct digest got;

		if (all[i].codec == CHUNK_ZEROS)
			continue;
		assert_true(all[i].has_digest);
		decode_chunk(&all[i], f, blob, n, out);
		digest_of(&got, out, all[i].len);
		assert_memory_equal(&got, &all[i].digest, sizeof got);
	}
}

uint64_t
prefetch_of(struct contents *c)
{
	AUTO_CLOSE int fd = memfd_create("map", MFD_CLOEXEC);
	uint32_t n;
	struct object *o = map_builder_objects(c->map, &n);
	struct digest blob = { { 1 } };
	struct err e = ERR_INIT;
	uint64_t at = 0, end;
	struct map *m;

	for (; n > 0; n--, o++) {
		o->data_off = at;
		at += align_up(o->size, 4096);
	}
	assert_int_equal(map_write(c->map, &blob, MIB(1), fd, &e), 0);
	m = map_open(fd, &e);
	assert_non_null(m);
	end = map_prefetch_end(m);
	map_close(m);
	return end;
}

/* ---- samples ---- */

static void
load(const char *name, const char *suffix, struct buf *out)
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
	load(name, ".blob", &s->blob);
	load(name, ".json", &json);
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
