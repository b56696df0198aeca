/* What was understood, as text, and its chunks decoded. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "format/testing.h"
#include "codec/gzip.h"
#include "codec/points.h"
#include "codec/zstd.h"
#include "index/index.h"
#include "index/tree.h"
#include "index/writer.h"
#include "base/limits.h"

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
		"stream", "span" };
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

/* As a layer has them on disk; NULL: none. */
struct points *
contents_points(const struct contents *c)
{
	AUTO_CLOSE int fd = memfd_create("points", MFD_CLOEXEC);
	struct digest blob = { { 1 } };
	struct err e = ERR_INIT;
	struct points *p;

	if (c->points == NULL)
		return NULL;
	assert_int_equal(points_write(c->points, &blob, fd, &e), 0);
	p = points_open(fd, &e);
	assert_non_null(p);
	return p;
}

static void
find_point(const struct points *p, uint64_t blob_off, uint8_t *room,
    struct restart_point *out)
{
	struct err e = ERR_INIT;
	uint32_t i;

	assert_non_null(p);
	assert_true(points_find(p, blob_off, &i));
	assert_int_equal(points_window(p, i, room, out, &e), 0);
}

static void
decode_chunk(const struct chunk *c, const struct format *f,
    const struct points *points, const struct buf *blob, uint8_t *out)
{
	struct decode_part part = { blob->data + c->blob_off, c->blob_len,
		c->inner_off, out, c->len, false, NULL };
	uint8_t room[RESTART_WINDOW_BYTES];
	struct restart_point point;
	struct window w = { c, out, 0 };
	struct err e = ERR_INIT;

	if (c->codec == CHUNK_STREAM) {
		struct replay *r = replay_new(f, &e);

		assert_int_equal(
		    replay_feed(r, blob->data, blob->len, take_stream, &w, &e),
		    0);
		assert_int_equal(w.got, c->len);
		replay_free(r);
		return;
	}
	assert_true(c->blob_off + c->blob_len <= blob->len);
	if (c->codec == CHUNK_SPAN) {
		find_point(points, c->blob_off, room, &point);
		part.restart = &point;
	}
	if (c->codec == CHUNK_RAW) {
		assert_int_equal(c->blob_len, c->len);
		memcpy(out, blob->data + c->blob_off, c->len);
	} else {
		AUTO_DECODER struct decoder *d = c->codec == CHUNK_ZSTD
						     ? zstd_decoder_new(&e)
						     : gzip_decoder_new(&e);

		if (decoder_read_part(d, &part, &e) < 0)
			fail_msg("%u bytes of codec %d at %ju: %s", c->len,
			    c->codec, (uintmax_t)c->blob_off, e.msg);
	}
}

void
check_chunks(const struct contents *c, const struct format *f,
    const uint8_t *blob, size_t n)
{
	AUTO_POINTS struct points *points = contents_points(c);
	struct buf whole = { .data = (uint8_t *)blob, .len = n };
	uint32_t n_chunks;
	const struct chunk *all = map_builder_chunks(c->map, &n_chunks);

	for (uint32_t i = 0; i < n_chunks; i++) {
		AUTO_FREE uint8_t *out = calloc(1, all[i].len);
		struct digest got;

		if (all[i].codec == CHUNK_ZEROS)
			continue;
		assert_true(all[i].has_digest);
		decode_chunk(&all[i], f, points, &whole, out);
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
