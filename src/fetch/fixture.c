#include "fetch/fixture.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fetch/fetcher.h"
#include "codec/gzip_member.h"
#include "store/store.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/hmap.h"
#include "base/limits.h"
#include "base/lock.h"

/* ---- codings ---- */

static void
put(struct buf *out, const void *p, size_t n)
{
	struct err e = ERR_INIT;

	assert(buf_append(out, p, n, &e) == 0);
}

/* One frame of raw blocks (RFC 8878, 3.1.1). */
void
wrap_zstd(struct buf *out, const uint8_t *p, size_t n)
{
	uint8_t head[13] = { 0x28, 0xb5, 0x2f, 0xfd, 0xe0 }, block[4];

	put_le64(head + 5, n);
	put(out, head, sizeof head);
	do {
		uint32_t some = (uint32_t)min_u64(n, 128 << 10);

		put_le32(block, some << 3 | (some == n));
		put(out, block, 3);
		put(out, p, some);
		p += some;
		n -= some;
	} while (n > 0);
}

/* ---- the layer ---- */

struct fixture *
fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e = ERR_INIT;

	assert(f != NULL);
	strcpy(f->path, "/tmp/layerfs-fetch-XXXXXX");
	assert(mkdtemp(f->path) != NULL);
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(f->dir >= 0);
	f->store = store_open(f->dir, &e);
	assert(f->store != NULL && store_maps_loaded(f->store, &e) == 0);
	f->builder = map_builder_new(&e);
	assert(f->builder != NULL);
	buf_init(&f->bytes, GIB(1));
	buf_init(&f->contents, GIB(1));
	return f;
}

static struct fixture_file *
new_file(struct fixture *f, uint64_t size, bool is_zeros)
{
	struct fixture_file *file = &f->files[f->n_files++];
	struct err e = ERR_INIT;
	uint64_t v = hash_u64(f->n_files);

	assert(f->n_files <= FIXTURE_FILES);
	*file = (struct fixture_file){ f->contents.len, size, 0 };
	assert(buf_reserve(&f->contents, size, &e) == 0);
	for (uint64_t i = 0; i < size; i++) {
		v = v * 6364136223846793005u + 1442695040888963407u;
		f->contents.data[f->contents.len++] = is_zeros ? 0 : v >> 56;
	}
	return file;
}

static void
encode(struct fixture *f, struct chunk *c, const uint8_t *p)
{
	if (c->codec == CHUNK_STREAM) {
		c->blob_off = (uint64_t)(p - f->contents.data);
		return;
	}
	c->blob_off = f->bytes.len;
	if (c->codec == CHUNK_RAW)
		put(&f->bytes, p, c->len);
	else if (c->codec == CHUNK_GZIP)
		gzip_store(&f->bytes, p, c->len);
	else if (c->codec == CHUNK_ZSTD)
		wrap_zstd(&f->bytes, p, c->len);
	c->blob_len = (uint32_t)(f->bytes.len - c->blob_off);
}

static void
begin_object(struct fixture *f, const struct fixture_file *file)
{
	struct err e = ERR_INIT;
	struct digest d;
	uint32_t ordinal;
	bool is_new;

	digest_of(&d, f->contents.data + file->content, file->size);
	assert(map_builder_begin_object(
		   f->builder, &d, file->size, &ordinal, &is_new, &e) == 0);
	assert(is_new && ordinal == f->n_files - 1);
}

static void
add_chunk(struct fixture *f, struct chunk *c, const uint8_t *p)
{
	struct err e = ERR_INIT;

	c->has_digest = c->codec != CHUNK_ZEROS;
	if (c->has_digest)
		digest_of(&c->digest, p, c->len);
	assert(map_builder_add_chunk(f->builder, c, &e) == 0);
}

/* Chunks that take turns in their codec. */
static unsigned
add_object(struct fixture *f, const struct fixture_file *file,
    uint32_t chunk_len, const enum chunk_codec codecs[2])
{
	struct err e = ERR_INIT;

	begin_object(f, file);
	for (uint64_t at = 0; at < file->size; at += chunk_len) {
		struct chunk c = {
			.object_off = at,
			.len = (uint32_t)min_u64(chunk_len, file->size - at),
			.codec = codecs[at / chunk_len % 2],
		};
		const uint8_t *p = f->contents.data + file->content + at;

		encode(f, &c, p);
		add_chunk(f, &c, p);
	}
	assert(map_builder_end_object(f->builder, &e) == 0);
	return f->n_files - 1;
}

unsigned
fixture_add(struct fixture *f, uint64_t size, uint32_t chunk_len,
    enum chunk_codec codec)
{
	return add_object(f, new_file(f, size, codec == CHUNK_ZEROS), chunk_len,
	    (enum chunk_codec[]){ codec, codec });
}

unsigned
fixture_add_holed(struct fixture *f, uint64_t size, uint32_t chunk_len)
{
	struct fixture_file *file = new_file(f, size, false);

	for (uint64_t at = chunk_len; at < size; at += 2 * (uint64_t)chunk_len)
		memset(f->contents.data + file->content + at, 0,
		    min_u64(chunk_len, size - at));
	return add_object(
	    f, file, chunk_len, (enum chunk_codec[]){ CHUNK_RAW, CHUNK_ZEROS });
}

void
fixture_add_shared(struct fixture *f, unsigned n, uint32_t size)
{
	uint64_t start = f->contents.len, blob_off = f->bytes.len;
	unsigned first = f->n_files;
	struct err e = ERR_INIT;

	for (unsigned i = 0; i < n; i++)
		new_file(f, size, false);
	wrap_zstd(&f->bytes, f->contents.data + start, n * size);
	f->n_files = first;
	for (unsigned i = 0; i < n; i++) {
		struct chunk c = {
			.blob_off = blob_off,
			.blob_len = (uint32_t)(f->bytes.len - blob_off),
			.len = size,
			.inner_off = i * size,
			.codec = CHUNK_ZSTD,
		};

		begin_object(f, &f->files[f->n_files++]);
		add_chunk(f, &c, f->contents.data + start + i * size);
		assert(map_builder_end_object(f->builder, &e) == 0);
	}
}

static void
write_map(struct fixture *f)
{
	int fd = memfd_create("map", MFD_CLOEXEC);
	struct err e = ERR_INIT;
	struct digest blob;
	struct object *o;
	uint32_t n;

	assert(fd >= 0 && store_place(f->store, f->builder, &e) == 0);
	o = map_builder_objects(f->builder, &n);
	for (uint32_t i = 0; i < n; i++)
		f->files[i].data_off = o[i].data_off;
	digest_of(&blob, f->bytes.data, f->bytes.len);
	assert(map_write(f->builder, &blob, f->bytes.len, fd, &e) == 0);
	f->map = map_open(fd, &e);
	assert(f->map != NULL && store_add_map(f->store, f->map, &e) == 0);
	close(fd);
}

void
fixture_open(
    struct fixture *f, const struct fetcher_options *o, unsigned n_sources)
{
	struct err e = ERR_INIT;

	if (f->bytes.len == 0)
		gzip_store(&f->bytes, f->contents.data, f->contents.len);
	write_map(f);
	f->fetcher = fetcher_new(f->store, o, &e);
	assert(f->fetcher != NULL);
	f->blob = blob_new(f->fetcher, f->map, NULL, &e);
	assert(f->blob != NULL);
	for (unsigned i = 0; i < n_sources; i++) {
		f->fakes[i] = fake_new(
		    i == 0 ? "first" : "second", f->bytes.data, f->bytes.len);
		assert(blob_add_source(f->blob, fake_source(f->fakes[i]), &e) ==
		       0);
	}
}

struct fixture *
fixture_far_files(
    unsigned n, const struct fetcher_options *o, unsigned n_sources)
{
	struct fixture *f = fixture_new();

	for (unsigned i = 0; i < n; i++)
		fixture_add(f, KIB(200), KIB(200), CHUNK_RAW);
	fixture_open(f, o, n_sources);
	return f;
}

void
fixture_close(struct fixture *f)
{
	struct err e = ERR_INIT;
	uint64_t freed;

	blob_unref(f->blob);
	if (f->map != NULL)
		assert(store_remove_map(f->store, f->map, &freed, &e) == 0);
	map_close(f->map);
	fetcher_free(f->fetcher);
	for (unsigned i = 0; i < FIXTURE_SOURCES; i++)
		if (f->fakes[i] != NULL)
			source_unref(fake_source(f->fakes[i]));
	map_builder_free(f->builder);
	store_close(f->store);
	close(f->dir);
	fs_remove_tree(AT_FDCWD, f->path, &e);
	buf_release(&f->bytes);
	buf_release(&f->contents);
	free(f);
}

bool
fixture_is_right(struct fixture *f, unsigned file, uint64_t from, uint64_t to)
{
	const struct fixture_file *x = &f->files[file];
	uint8_t *p = malloc(to - from);
	struct err e = ERR_INIT;
	bool is_right;

	assert(p != NULL);
	is_right =
	    store_read(f->store, p, to - from, x->data_off + from, &e) == 0 &&
	    memcmp(p, f->contents.data + x->content + from, to - from) == 0;
	free(p);
	return is_right;
}

bool
fixture_has(struct fixture *f, unsigned file)
{
	return store_has(
	    f->store, f->files[file].data_off, f->files[file].size);
}

bool
fixture_await(struct fixture *f, unsigned file, uint64_t off)
{
	for (int i = 0; i < 10000; i++) {
		if (store_has(f->store, f->files[file].data_off + off, 1))
			return true;
		usleep(1000);
	}
	return false;
}

static bool
knows_link(struct fixture *f)
{
	LOCK_SCOPE(&f->fetcher->lock);
	return f->blob->origins[0].link->round_trip_ns != 0;
}

bool
fixture_await_link(struct fixture *f)
{
	for (int i = 0; i < 10000; i++) {
		if (knows_link(f))
			return true;
		usleep(1000);
	}
	return false;
}

/* ---- wants ---- */

/* Test threads poll: a condition would have to live longer than its want. */
static void
note(struct waited *w, const struct err *failure)
{
	if (failure != NULL)
		w->failure = *failure;
	w->is_done = true;
}

static void
on_want_done(struct want *w, const struct err *failure)
{
	note(container_of(w, struct waited, want), failure);
}

static void
on_fill_done(struct fill *w, const struct err *failure)
{
	note(container_of(w, struct waited, fill), failure);
}

void
waited_start(struct waited *w, struct fixture *f, unsigned file, uint64_t from,
    uint64_t to, enum source_priority priority, uint32_t patience_ms)
{
	*w = (struct waited){ .want = {
				  .data_off = f->files[file].data_off + from,
				  .len = to - from,
				  .priority = priority,
				  .patience_ms = patience_ms,
				  .on_done = on_want_done,
			      } };
	blob_want(f->blob, &w->want);
}

void
waited_start_limited(
    struct waited *w, struct fixture *f, const _Atomic uint64_t *limit_ns)
{
	*w = (struct waited){ .want = {
				  .data_off = f->files[0].data_off,
				  .len = f->files[0].size,
				  .priority = SOURCE_NOW,
				  .patience_ms = WANT_FOREVER,
				  .limit_ns = limit_ns,
				  .on_done = on_want_done,
			      } };
	blob_want(f->blob, &w->want);
}

void
waited_fill(struct waited *w, struct fixture *f, uint64_t from, uint64_t to,
    enum source_priority priority)
{
	*w = (struct waited){ .fill = {
				  .blob_off = from,
				  .blob_end = to,
				  .priority = priority,
				  .on_done = on_fill_done,
			      } };
	blob_fill(f->blob, &w->fill);
}

int
waited_end(struct waited *w)
{
	while (!w->is_done)
		usleep(200);
	return w->failure.code;
}

int
fixture_want(struct fixture *f, unsigned file)
{
	struct waited w;

	waited_start(&w, f, file, 0, f->files[file].size, SOURCE_NOW, 0);
	return waited_end(&w);
}
