/* Maps: built, written, read; and damaged ones. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/map_seal.h"
#include "store/testing.h"
#include "base/limits.h"

enum { B = MAP_BLOCK };

static struct map_builder *
new_builder(void)
{
	struct err e = ERR_INIT;
	struct map_builder *b = map_builder_new(&e);

	assert_non_null(b);
	return b;
}

/* Three objects; the second lies before the others in `data`. */
static struct map_builder *
small_builder(uint64_t *blob_size)
{
	static const uint64_t places[] = { 10 * B, 2 * B, 12 * B };
	struct map_builder *b = new_builder();
	struct object *objects;
	uint32_t n;
	struct err e;

	*blob_size = 1000;
	OK(build_object(b, 1, 5000, 2000, blob_size, &e));
	OK(build_object(b, 2, 4096, 4096, blob_size, &e));
	OK(build_object(b, 0, 7, 7, blob_size, &e));
	objects = map_builder_objects(b, &n);
	assert_int_equal(n, 3);
	for (uint32_t i = 0; i < n; i++)
		objects[i].data_off = places[i];
	map_builder_set_prefetch(b, 3000);
	return b;
}

static struct chunk
chunk_at(uint64_t object_off, uint32_t len)
{
	return (struct chunk){
		.object_off = object_off,
		.blob_len = len,
		.len = len,
		.codec = CHUNK_ZSTD,
		.has_digest = true,
	};
}

/* ---- building ---- */

static void
equal_objects_are_found_again(void **state)
{
	AUTO_MAP_BUILDER struct map_builder *b = new_builder();
	uint64_t blob_off = 0;
	struct err e;

	(void)state;
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 2000; i++) {
			struct digest d = digest_number(i);
			uint32_t ordinal;
			bool is_new;

			if (round == 0)
				OK(build_object(
				    b, i, 100 + i, 5000, &blob_off, &e));
			if (i == 0)
				continue; /* its digest is not known */
			OK(map_builder_begin_object(
			    b, &d, 100 + i, &ordinal, &is_new, &e));
			assert_false(is_new);
			assert_int_equal(ordinal, i);
		}
}

static void
objects_of_another_size_are_others(void **state)
{
	AUTO_MAP_BUILDER struct map_builder *b = new_builder();
	uint64_t blob_off = 0;
	uint32_t n;
	struct err e;

	(void)state;
	OK(build_object(b, 1, 100, 100, &blob_off, &e));
	OK(build_object(b, 1, 101, 101, &blob_off, &e));
	OK(build_object(b, 0, 100, 100, &blob_off, &e));
	OK(build_object(b, 0, 100, 100, &blob_off, &e));
	map_builder_objects(b, &n);
	assert_int_equal(n, 4);
}

static void
chunks_must_cover_their_object(void **state)
{
	AUTO_MAP_BUILDER struct map_builder *b = new_builder();
	struct chunk gap = chunk_at(60, 40), beyond = chunk_at(50, 51),
		     first = chunk_at(0, 50);
	uint32_t ordinal;
	bool is_new;
	struct err e;

	(void)state;
	OK(map_builder_begin_object(b, NULL, 100, &ordinal, &is_new, &e));
	assert_fails(map_builder_end_object(b, &e), e, EBADMSG);
	OK(map_builder_add_chunk(b, &first, &e));
	assert_fails(map_builder_add_chunk(b, &first, &e), e, EBADMSG);
	assert_fails(map_builder_add_chunk(b, &gap, &e), e, EBADMSG);
	assert_fails(map_builder_add_chunk(b, &beyond, &e), e, EBADMSG);
	assert_fails(map_builder_end_object(b, &e), e, EBADMSG);
}

static void
empty_and_endless_objects_are_refused(void **state)
{
	AUTO_MAP_BUILDER struct map_builder *b = new_builder();
	uint64_t blob_off = 0;
	struct err e;

	(void)state;
	assert_fails(build_object(b, 1, 0, 1, &blob_off, &e), e, EBADMSG);
	assert_fails(build_object(b, 1, LIMIT_FILE_BYTES + 1, 1, &blob_off, &e),
	    e, EBADMSG);
}

static void
a_chunk_that_lies_about_itself_is_refused(void **state)
{
	static const struct chunk bad[] = {
		{ .codec = CHUNK_CODECS, .len = 1, .blob_len = 1 },
		{ .codec = CHUNK_RAW, .len = 0, .blob_len = 0 },
		{ .codec = CHUNK_RAW, .len = 5, .blob_len = 4 },
		{ .codec = CHUNK_RAW, .len = 5, .blob_len = 5, .inner_off = 1 },
		{ .codec = CHUNK_ZSTD, .len = 5 },
		{ .codec = CHUNK_ZSTD,
		    .len = LIMIT_CHUNK_BYTES + 1,
		    .blob_len = 1 },
		{ .codec = CHUNK_ZSTD,
		    .len = 5,
		    .blob_len = LIMIT_CHUNK_BLOB_BYTES + 1 },
		{ .codec = CHUNK_GZIP,
		    .len = 5,
		    .blob_len = 5,
		    .inner_off = LIMIT_CHUNK_BYTES },
		{ .codec = CHUNK_ZEROS, .len = 5, .blob_len = 5 },
		{ .codec = CHUNK_STREAM, .len = 5, .blob_off = UINT64_MAX },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct chunk c = bad[i];

		c.has_digest = true;
		assert_fails(chunk_check(&c, GIB(1), &e), e, EBADMSG);
	}
}

static void
only_zeros_need_no_digest(void **state)
{
	struct chunk c = { .codec = CHUNK_ZEROS, .len = 5 };
	struct err e;

	(void)state;
	OK(chunk_check(&c, 0, &e));
	c.codec = CHUNK_STREAM;
	assert_fails(chunk_check(&c, 0, &e), e, EBADMSG);
}

/* ---- written and read ---- */

static void
a_map_says_what_was_built(void **state)
{
	uint64_t blob_size, size;
	AUTO_MAP_BUILDER struct map_builder *b = small_builder(&blob_size);
	struct digest blob = digest_number(blob_size), one = digest_number(1);
	struct err e = ERR_INIT;
	AUTO_MAP struct map *m =
	    write_and_open(b, *(int *)*state, "map", blob_size, &e);
	struct object o;
	struct chunk c;

	assert_non_null(m);
	assert_true(digest_equal(map_blob(m, &size), &blob));
	assert_int_equal(size, blob_size);
	assert_int_equal(map_prefetch_end(m), 3000);
	assert_int_equal(map_n_objects(m), 3);
	assert_int_equal(map_n_chunks(m), 5);
	map_object(m, 0, &o);
	assert_int_equal(o.data_off, 2 * B);
	map_object(m, 1, &o);
	assert_int_equal(o.data_off, 10 * B);
	assert_int_equal(o.size, 5000);
	assert_true(digest_equal(&o.digest, &one));
	assert_int_equal(o.first_chunk, 1);
	assert_int_equal(o.n_chunks, 3);
	map_chunk(m, 3, &c);
	assert_int_equal(c.object_off, 4000);
	assert_int_equal(c.len, 1000);
	assert_int_equal(c.blob_off, 5000);
	assert_int_equal(c.codec, CHUNK_RAW);
	map_object(m, 2, &o);
	assert_true(digest_is_zero(&o.digest));
}

static void
positions_find_their_object_and_chunks(void **state)
{
	uint64_t blob_size;
	AUTO_MAP_BUILDER struct map_builder *b = small_builder(&blob_size);
	struct err e = ERR_INIT;
	AUTO_MAP struct map *m =
	    write_and_open(b, *(int *)*state, "map", blob_size, &e);
	uint32_t i = 99, first, last;
	struct object o;

	assert_non_null(m);
	assert_false(map_find_object(m, 2 * B - 1, &i));
	assert_true(map_find_object(m, 2 * B, &i) && i == 0);
	assert_true(map_find_object(m, 3 * B - 1, &i) && i == 0);
	assert_false(map_find_object(m, 3 * B, &i));
	assert_true(map_find_object(m, 12 * B - 1, &i) && i == 1);
	assert_true(map_find_object(m, 13 * B - 1, &i) && i == 2);
	assert_false(map_find_object(m, 13 * B, &i));
	assert_false(map_find_object(m, UINT64_MAX, &i));
	map_object(m, 1, &o);
	map_object_chunks(m, &o, 0, 5000, &first, &last);
	assert_true(first == 1 && last == 3);
	map_object_chunks(m, &o, 1999, 2000, &first, &last);
	assert_true(first == 1 && last == 1);
	map_object_chunks(m, &o, 1999, 2001, &first, &last);
	assert_true(first == 1 && last == 2);
	map_object_chunks(m, &o, 4000, 4001, &first, &last);
	assert_true(first == 3 && last == 3);
	assert_int_equal(map_object_blob_bytes(m, &o, UINT64_MAX), 5000);
	assert_int_equal(map_object_blob_bytes(m, &o, 3999), 4000);
	assert_int_equal(map_object_blob_bytes(m, &o, 0), 2000);
}

static void
add_one_chunk_object(struct map_builder *b, const struct chunk *c)
{
	uint32_t ordinal;
	bool is_new;
	struct err e;

	OK(map_builder_begin_object(b, NULL, c->len, &ordinal, &is_new, &e));
	OK(map_builder_add_chunk(b, c, &e));
	OK(map_builder_end_object(b, &e));
	map_builder_objects(b, &ordinal)[ordinal - 1].data_off =
	    (uint64_t)ordinal * B;
}

static void
chunks_are_known_by_their_order_in_the_blob(void **state)
{
	static const uint32_t wanted[] = { 2, 4, 1, 3, 0 };
	const struct chunk chunks[] = {
		{ .codec = CHUNK_ZSTD, .blob_off = 900, .blob_len = 50 },
		{ .codec = CHUNK_ZSTD, .blob_off = 200, .blob_len = 50 },
		{ .codec = CHUNK_ZEROS },
		{ .codec = CHUNK_ZSTD,
		    .blob_off = 200,
		    .blob_len = 50,
		    .inner_off = 9 },
		{ .codec = CHUNK_GZIP, .blob_off = 100, .blob_len = 50 },
	};
	AUTO_MAP_BUILDER struct map_builder *b = new_builder();
	struct err e = ERR_INIT;

	for (size_t i = 0; i < 5; i++) {
		struct chunk c = chunks[i];

		c.len = 9;
		c.has_digest = c.codec != CHUNK_ZEROS;
		add_one_chunk_object(b, &c);
	}
	AUTO_MAP struct map *m =
	    write_and_open(b, *(int *)*state, "map", 1000, &e);

	assert_non_null(m);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(map_chunk_in_blob_order(m, i), wanted[i]);
		assert_int_equal(map_blob_rank(m, wanted[i]), i);
	}
}

static void
an_empty_map_is_a_map(void **state)
{
	AUTO_MAP_BUILDER struct map_builder *b = new_builder();
	struct err e = ERR_INIT;
	AUTO_MAP struct map *m =
	    write_and_open(b, *(int *)*state, "map", 0, &e);
	uint32_t i;

	assert_non_null(m);
	assert_int_equal(map_n_objects(m), 0);
	assert_false(map_find_object(m, 0, &i));
}

static void
what_does_not_fit_the_blob_or_data_is_not_written(void **state)
{
	uint64_t blob_size;
	AUTO_MAP_BUILDER struct map_builder *b = small_builder(&blob_size);
	struct object *objects;
	uint32_t n;
	struct err e = ERR_INIT;

	assert_null_with(
	    write_and_open(b, *(int *)*state, "map", blob_size - 1, &e), e,
	    EBADMSG);
	objects = map_builder_objects(b, &n);
	objects[0].data_off = 11 * B; /* its end meets the third */
	assert_null_with(
	    write_and_open(b, *(int *)*state, "map", blob_size, &e), e,
	    EBADMSG);
	objects[0].data_off = LIMIT_DATA_BYTES - B;
	assert_null_with(
	    write_and_open(b, *(int *)*state, "map", blob_size, &e), e,
	    EBADMSG);
	objects[0].data_off = 100 * B + 1;
	assert_null_with(
	    write_and_open(b, *(int *)*state, "map", blob_size, &e), e,
	    EBADMSG);
}

/* ---- damage ---- */

struct file {
	int fd;
	uint8_t bytes[2048];
	size_t n;
};

static void
load_small_map(struct file *f, int root)
{
	uint64_t blob_size;
	AUTO_MAP_BUILDER struct map_builder *b = small_builder(&blob_size);
	struct err e = ERR_INIT;
	struct stat st;

	map_close(write_and_open(b, root, "map", blob_size, &e));
	f->fd = openat(root, "map", O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(f->fd, &st), 0);
	f->n = st.st_size;
	assert_in_range(f->n, 1, sizeof f->bytes);
	OK(fs_pread(f->fd, f->bytes, f->n, 0, &e));
}

/* Calls everything that takes a number from the map. */
static void
walk(const struct map *m)
{
	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		uint32_t first, last;
		struct object o;
		struct chunk c;

		map_object(m, i, &o);
		map_object_chunks(m, &o, 0, o.size, &first, &last);
		assert_true(first == o.first_chunk);
		assert_true(last == first + o.n_chunks - 1);
		assert_true(map_find_object(m, o.data_off, &first));
		assert_int_equal(first, i);
		map_chunk(m, last, &c);
	}
	for (uint32_t i = 0; i < map_n_chunks(m); i++)
		assert_int_equal(
		    map_blob_rank(m, map_chunk_in_blob_order(m, i)), i);
}

static void
every_flipped_bit_is_found(void **state)
{
	struct file f;
	struct err e;

	load_small_map(&f, *(int *)*state);
	for (size_t i = 0; i < f.n * 8; i++) {
		uint8_t bad = f.bytes[i / 8] ^ 1 << i % 8;

		OK(fs_pwrite(f.fd, &bad, 1, i / 8, &e));
		assert_null_with(map_open(f.fd, &e), e, EBADMSG);
		OK(fs_pwrite(f.fd, &f.bytes[i / 8], 1, i / 8, &e));
	}
	close(f.fd);
}

static void
a_damaged_map_with_a_right_checksum_stays_in_bounds(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	uint32_t n_opened = 0;
	struct file f;
	struct err e;

	load_small_map(&f, *(int *)*state);
	for (size_t i = 0; i < f.n * sizeof flips; i++) {
		uint8_t copy[sizeof f.bytes];
		struct map *m;

		memcpy(copy, f.bytes, f.n);
		copy[i / sizeof flips] ^= flips[i % sizeof flips];
		map_seal(copy, f.n);
		OK(fs_pwrite(f.fd, copy, f.n, 0, &e));
		m = map_open(f.fd, &e);
		if (m == NULL) {
			assert_int_equal(e.code, EBADMSG);
			continue;
		}
		walk(m);
		map_close(m);
		n_opened++;
	}
	/* Digests and places may be anything; the rest may not. */
	assert_in_range(n_opened, 1, f.n * sizeof flips * 3 / 4);
	close(f.fd);
}

static void
every_shorter_and_longer_file_is_refused(void **state)
{
	struct file f;
	struct err e;

	load_small_map(&f, *(int *)*state);
	assert_int_equal(ftruncate(f.fd, f.n + 4), 0);
	assert_null_with(map_open(f.fd, &e), e, EBADMSG);
	for (size_t n = f.n; n-- > 0;) {
		assert_int_equal(ftruncate(f.fd, n), 0);
		assert_null_with(map_open(f.fd, &e), e, EBADMSG);
	}
	close(f.fd);
}

static void
a_folder_is_no_map(void **state)
{
	struct err e;

	assert_null_with(map_open(*(int *)*state, &e), e, EBADMSG);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_objects_are_found_again),
		cmocka_unit_test(objects_of_another_size_are_others),
		cmocka_unit_test(chunks_must_cover_their_object),
		cmocka_unit_test(empty_and_endless_objects_are_refused),
		cmocka_unit_test(a_chunk_that_lies_about_itself_is_refused),
		cmocka_unit_test(only_zeros_need_no_digest),
		IN_FOLDER(a_map_says_what_was_built),
		IN_FOLDER(positions_find_their_object_and_chunks),
		IN_FOLDER(chunks_are_known_by_their_order_in_the_blob),
		IN_FOLDER(an_empty_map_is_a_map),
		IN_FOLDER(what_does_not_fit_the_blob_or_data_is_not_written),
		IN_FOLDER(every_flipped_bit_is_found),
		IN_FOLDER(a_damaged_map_with_a_right_checksum_stays_in_bounds),
		IN_FOLDER(every_shorter_and_longer_file_is_refused),
		IN_FOLDER(a_folder_is_no_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
