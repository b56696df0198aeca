/* The first pull of a blob without a table of contents. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fetch/fixture.h"
#include "format/format.h"
#include "codec/gzip_member.h"
#include "store/map.h"
#include "store/store.h"
#include "base/descriptor.h"
#include "base/digest.h"
#include "base/hmap.h"
#include "base/limits.h"
#include "base/test.h"
#include "base/test_standstill.h"

typedef void wrap(struct buf *out, const uint8_t *p, size_t n);

static void
wrap_plain(struct buf *out, const uint8_t *p, size_t n)
{
	assert_int_equal(buf_append(out, p, n, &(struct err){ 0 }), 0);
}

/* ---- a tar ---- */

static void
add_zeros(struct buf *b, size_t n)
{
	assert_int_equal(buf_reserve(b, n, &(struct err){ 0 }), 0);
	memset(b->data + b->len, 0, n);
	b->len += n;
}

static void
tar_file(struct buf *b, const char *name, uint64_t size, uint64_t seed)
{
	char h[512] = { 0 };
	unsigned sum = 0;
	uint64_t start;

	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 24, "%07o%c%07o%c%07o", 0644, 0, 0, 0, 0);
	snprintf(h + 124, 12, "%011llo", (unsigned long long)size);
	snprintf(h + 136, 12, "%011o", 1);
	memcpy(h + 257, "ustar\00000", 8);
	h[156] = '0';
	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (uint8_t)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	wrap_plain(b, (uint8_t *)h, sizeof h);
	start = b->len;
	add_zeros(b, align_up(size, 512));
	for (uint64_t i = 0; i < size; i++) {
		if (i % 8 == 0)
			seed = hash_u64(seed + 1);
		b->data[start + i] = (uint8_t)(seed >> i % 8 * 8);
	}
}

/* ---- a pull ---- */

struct pulling {
	struct fixture *f; /* for its store */
	struct fetcher *fetcher;
	struct buf tar, blob;
	struct fake *fakes[2];
	struct source *sources[2];
	struct descriptor layer;
	struct digest diff_id;
	struct stream_pull order;
	struct contents contents;
	const char *format;
	struct err e;
	uint64_t progress;
};

/* It comes when all has come. */
static int
give_diff_id(void *ctx, struct digest *out, struct err *e)
{
	struct pulling *p = ctx;

	if (p->progress != p->layer.size)
		return err_set(e, EPROTO, "it is asked for too early");
	*out = p->diff_id;
	return 0;
}

static int
fail_diff_id(void *ctx, struct digest *out, struct err *e)
{
	(void)ctx, (void)out;
	return err_set(e, EBADMSG, "there is no config");
}

static void
on_progress(void *ctx, uint64_t blob_bytes)
{
	((struct pulling *)ctx)->progress = blob_bytes;
}

static void
begin_tar(struct pulling *p)
{
	const struct fetcher_options o = { 0 };

	*p = (struct pulling){ .f = fixture_new() };
	p->fetcher = fetcher_new(p->f->store, &o, &p->e);
	assert_non_null(p->fetcher);
	buf_init(&p->tar, GIB(1));
	buf_init(&p->blob, GIB(1));
}

static void
end_tar(struct pulling *p, wrap *as)
{
	add_zeros(&p->tar, 1024);
	as(&p->blob, p->tar.data, p->tar.len);
	digest_of(&p->diff_id, p->tar.data, p->tar.len);
	digest_of(&p->layer.digest, p->blob.data, p->blob.len);
	p->layer.size = p->blob.len;
	for (int i = 0; i < 2; i++) {
		p->fakes[i] = fake_new("fake", p->blob.data, p->blob.len);
		p->sources[i] = fake_source(p->fakes[i]);
	}
	p->order = (struct stream_pull){
		.fetcher = p->fetcher,
		.sources = p->sources,
		.n_sources = 1,
		.layer = &p->layer,
		.diff_id = give_diff_id,
		.on_progress = on_progress,
		.ctx = p,
	};
}

/* Small and large files, two of them equal. */
static void
begin(struct pulling *p, wrap *as)
{
	begin_tar(p);
	tar_file(&p->tar, "small", 5000, 1);
	tar_file(&p->tar, "large", MIB(3) + 77, 2);
	tar_file(&p->tar, "empty", 0, 3);
	tar_file(&p->tar, "small-again", 5000, 1);
	tar_file(&p->tar, "large-again", MIB(3) + 77, 2);
	tar_file(&p->tar, "last", MIB(5), 4);
	end_tar(p, as);
}

static int
pull(struct pulling *p)
{
	p->e = ERR_INIT;
	return fetch_stream(&p->order, &p->contents, &p->format, &p->e);
}

static void
end(struct pulling *p)
{
	contents_release(&p->contents);
	source_unref(p->sources[0]);
	source_unref(p->sources[1]);
	fetcher_free(p->fetcher);
	buf_release(&p->tar);
	buf_release(&p->blob);
	fixture_close(p->f);
}

static uint64_t
present_bytes(struct pulling *p)
{
	struct store_usage u;

	store_usage(p->f->store, &u);
	return u.present_bytes;
}

/* Every object is in the store, whole, with the bytes of its digest. */
static void
assert_all_there(struct pulling *p, uint32_t expected)
{
	uint32_t n;
	const struct object *o = map_builder_objects(p->contents.map, &n);
	struct buf bytes = BUF_INIT(MIB(16));

	assert_int_equal(n, expected);
	for (uint32_t i = 0; i < n; i++) {
		struct digest d;

		assert_int_equal(buf_reserve(&bytes, o[i].size, &p->e), 0);
		assert_int_equal(store_read(p->f->store, bytes.data, o[i].size,
				     o[i].data_off, &p->e),
		    0);
		digest_of(&d, bytes.data, o[i].size);
		assert_true(digest_equal(&d, &o[i].digest));
	}
	buf_release(&bytes);
}

static void
pulls(wrap *as)
{
	struct pulling p;

	begin(&p, as);
	assert_int_equal(pull(&p), 0);
	assert_all_there(&p, 3);
	assert_int_equal(p.progress, p.blob.len);
	assert_int_equal(fake_count(p.fakes[0]), 1);
	assert_non_null(p.format);
	/* The equal files took no second place. */
	assert_int_equal(present_bytes(&p),
	    align_up(5000, 4096) + align_up(MIB(3) + 77, 4096) + MIB(5));
	end(&p);
}

/* Enough for several batches; every third is an earlier one again, now and then
 * one fills a batch alone or is written by itself. */
static void
many_small_files_lie_in_their_order(void **s)
{
	enum { FILES = 900 };
	uint64_t blocks = 0, end_off = 0;
	struct pulling p;
	uint32_t n;
	const struct object *o;

	(void)s;
	begin_tar(&p);
	for (unsigned i = 0; i < FILES; i++) {
		unsigned seed = i % 3 == 2 ? i / 2 : i;
		uint64_t size = seed % 300 == 299   ? MIB(1)
				: seed % 300 == 150 ? MIB(1) + 1
						    : 1 + hash_u64(seed) % 9000;
		char name[16];

		snprintf(name, sizeof name, "f%u", i);
		tar_file(&p.tar, name, size, seed);
	}
	end_tar(&p, gzip_store);
	assert_int_equal(pull(&p), 0);
	o = map_builder_objects(p.contents.map, &n);
	assert_all_there(&p, n);
	for (uint32_t i = 0; i < n; i++) {
		assert_true(o[i].data_off >= end_off);
		end_off = o[i].data_off + o[i].size;
		blocks += align_up(o[i].size, 4096);
	}
	assert_int_equal(present_bytes(&p), blocks);
	end(&p);
}

/* The second pull of the same files, as another layer, writes nothing. */
static void
files_that_the_store_has_are_shared(void **s)
{
	struct pulling p;
	struct map *m;
	int fd;
	uint64_t before, freed;
	uint32_t n, k;
	struct contents first;

	(void)s;
	begin(&p, gzip_store);
	assert_int_equal(pull(&p), 0);
	first = p.contents;
	p.contents = (struct contents){ 0 };
	fd = memfd_create("map", MFD_CLOEXEC);
	assert_int_equal(
	    map_write(first.map, &p.layer.digest, p.layer.size, fd, &p.e), 0);
	m = map_open(fd, &p.e);
	assert_int_equal(store_add_map(p.f->store, m, &p.e), 0);
	before = present_bytes(&p);
	assert_int_equal(pull(&p), 0);
	assert_all_there(&p, 3);
	assert_int_equal(map_builder_objects(first.map, &n)[0].data_off,
	    map_builder_objects(p.contents.map, &k)[0].data_off);
	assert_int_equal(present_bytes(&p), before);
	store_remove_map(p.f->store, m, &freed, &p.e);
	map_close(m);
	close(fd);
	contents_release(&first);
	end(&p);
}

static void
a_gzip_layer_is_pulled(void **s)
{
	(void)s;
	pulls(gzip_store);
}

static void
a_zstd_layer_is_pulled(void **s)
{
	(void)s;
	pulls(wrap_zstd);
}

static void
a_plain_layer_is_pulled(void **s)
{
	(void)s;
	pulls(wrap_plain);
}

static void
a_synchronous_source_waits_for_the_decompressor(void **s)
{
	struct pulling p;

	(void)s;
	begin(&p, gzip_store);
	fake_set_synchronous(p.fakes[0]);
	assert_int_equal(pull(&p), 0);
	assert_all_there(&p, 3);
	assert_true(fake_pauses(p.fakes[0]) > 0);
	end(&p);
}

static void
a_read_that_breaks_goes_on_where_it_broke(void **s)
{
	struct pulling p;

	(void)s;
	begin(&p, gzip_store);
	p.order.n_sources = 2;
	fake_answer(p.fakes[0],
	    (struct fake_answer){ .code = ETIMEDOUT, .bytes = MIB(1) });
	assert_int_equal(pull(&p), 0);
	assert_all_there(&p, 3);
	assert_int_equal(fake_request(p.fakes[1], 0).off, MIB(1));
	end(&p);
}

static void
without_patience_a_failure_ends_the_pull(void **s)
{
	struct pulling p;

	(void)s;
	begin(&p, gzip_store);
	fake_answer(p.fakes[0],
	    (struct fake_answer){ .code = EACCES, .bytes = MIB(5) });
	assert_fails(pull(&p), p.e, EACCES);
	assert_int_equal(present_bytes(&p), 0);
	end(&p);
}

static void
patience_outlasts_a_failure(void **s)
{
	struct pulling p;

	(void)s;
	begin(&p, gzip_store);
	p.order.patience_ms = WANT_FOREVER;
	fake_answer_next(p.fakes[0], (struct fake_answer){ .code = EAGAIN });
	fake_answer_next(p.fakes[0], (struct fake_answer){ .is_short = true });
	assert_int_equal(pull(&p), 0);
	assert_all_there(&p, 3);
	assert_int_equal(fake_count(p.fakes[0]), 3);
	end(&p);
}

static void
a_standstill_uses_no_patience_up(void **s)
{
	struct pulling p;
	pid_t pid;

	(void)s;
	begin(&p, gzip_store);
	p.order.patience_ms = 1500;
	fake_answer_next(p.fakes[0], (struct fake_answer){ .code = EAGAIN });
	fake_answer_next(p.fakes[0], (struct fake_answer){ .code = EAGAIN });
	pid = stand_still();
	assert_int_equal(pull(&p), 0);
	assert_all_there(&p, 3);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	end(&p);
}

/* The last byte of the last file: everything was written by then. */
static void
a_wrong_digest_leaves_nothing(void **s)
{
	struct pulling p;

	(void)s;
	begin(&p, wrap_zstd);
	p.blob.data[p.blob.len - 2000] ^= 1;
	assert_fails(pull(&p), p.e, EBADMSG);
	assert_non_null(strstr(p.e.msg, "its digest is sha256:"));
	assert_int_equal(present_bytes(&p), 0);
	end(&p);
}

static void
a_wrong_diff_id_leaves_nothing(void **s)
{
	struct pulling p;

	(void)s;
	begin(&p, gzip_store);
	p.diff_id.bytes[0] ^= 1;
	assert_fails(pull(&p), p.e, EBADMSG);
	assert_int_equal(present_bytes(&p), 0);
	end(&p);
}

static void
without_a_diff_id_nothing_stays_and_nobody_else_is_asked(void **s)
{
	struct pulling p;

	(void)s;
	begin(&p, gzip_store);
	p.order.n_sources = 2;
	p.order.diff_id = fail_diff_id;
	assert_fails(pull(&p), p.e, EBADMSG);
	assert_non_null(strstr(p.e.msg, "there is no config"));
	assert_int_equal(present_bytes(&p), 0);
	assert_int_equal(fake_count(p.fakes[1]), 0);
	end(&p);
}

static void
a_source_of_wrong_bytes_is_followed_by_the_next(void **s)
{
	struct pulling p;

	(void)s;
	begin(&p, wrap_plain);
	p.order.n_sources = 2;
	fake_answer(p.fakes[0], (struct fake_answer){ .is_wrong = true });
	assert_int_equal(pull(&p), 0);
	assert_all_there(&p, 3);
	assert_int_equal(fake_request(p.fakes[1], 0).off, 0);
	end(&p);
}

static void
what_is_no_layer_is_refused(void **s)
{
	struct pulling p;

	(void)s;
	begin(&p, wrap_plain);
	memset(p.blob.data, 'x', 512);
	assert_fails(pull(&p), p.e, ENOTSUP);
	p.layer.size = 100;
	assert_fails(pull(&p), p.e, ENOTSUP);
	end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_small_files_lie_in_their_order),
		cmocka_unit_test(files_that_the_store_has_are_shared),
		cmocka_unit_test(a_gzip_layer_is_pulled),
		cmocka_unit_test(a_zstd_layer_is_pulled),
		cmocka_unit_test(a_plain_layer_is_pulled),
		cmocka_unit_test(
		    a_synchronous_source_waits_for_the_decompressor),
		cmocka_unit_test(a_read_that_breaks_goes_on_where_it_broke),
		cmocka_unit_test(without_patience_a_failure_ends_the_pull),
		cmocka_unit_test(patience_outlasts_a_failure),
		cmocka_unit_test(a_standstill_uses_no_patience_up),
		cmocka_unit_test(a_wrong_digest_leaves_nothing),
		cmocka_unit_test(a_wrong_diff_id_leaves_nothing),
		cmocka_unit_test(
		    without_a_diff_id_nothing_stays_and_nobody_else_is_asked),
		cmocka_unit_test(
		    a_source_of_wrong_bytes_is_followed_by_the_next),
		cmocka_unit_test(what_is_no_layer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
