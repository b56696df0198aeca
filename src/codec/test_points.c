/* The file that restart points lie in. */
#include <errno.h>
#include <sys/mman.h>

#include "codec/test_members.h"
#include "base/limits.h"

static const struct digest blob = { { 7 } };

static int
file_of(const struct found *f)
{
	int fd = memfd_create("points", MFD_CLOEXEC);
	struct err e = ERR_INIT;
	AUTO_POINTS_BUILDER struct points_builder *b = points_builder_new(&e);

	for (unsigned i = 0; i < f->n; i++)
		assert_int_equal(points_add(b, &f->at[i], &e), 0);
	assert_int_equal(points_builder_count(b), f->n);
	assert_int_equal(points_write(b, &blob, fd, &e), 0);
	return fd;
}

static struct found *
some_points(void)
{
	struct sample *s = sample_new();
	struct found *f;

	deflate_member(s, s->plain, PLAIN_BYTES, 6, Z_DEFAULT_STRATEGY, 0);
	f = find_points(gzip_decoder_new, s, s->len, PLAIN_BYTES);
	sample_free(s);
	return f;
}

static void
points_come_back_from_their_file(void **state)
{
	struct found *f = some_points();
	AUTO_CLOSE int fd = file_of(f);
	struct err e = ERR_INIT;
	AUTO_POINTS struct points *p = points_open(fd, &e);
	uint8_t room[RESTART_WINDOW_BYTES];
	struct restart_point got;
	uint32_t at;

	(void)state;
	assert_non_null(p);
	assert_memory_equal(points_blob(p), &blob, sizeof blob);
	assert_int_equal(points_count(p), f->n);
	for (uint32_t i = 0; i < f->n; i++) {
		assert_true(points_find(p, f->at[i].blob_off, &at));
		assert_int_equal(at, i);
		assert_false(points_find(p, f->at[i].blob_off + 1, &at));
		assert_int_equal(points_window(p, i, room, &got, &e), 0);
		assert_int_equal(got.stream_off, f->at[i].stream_off);
		assert_int_equal(got.bits, f->at[i].bits);
		assert_int_equal(got.window_len, f->at[i].window_len);
		assert_memory_equal(
		    got.window, f->at[i].window, got.window_len);
	}
	free(f);
}

static void
a_flipped_bit_anywhere_in_the_file_is_seen(void **state)
{
	struct found *f = some_points();
	AUTO_CLOSE int fd = file_of(f);
	off_t size = lseek(fd, 0, SEEK_END);
	struct err e = ERR_INIT;

	(void)state;
	for (off_t at = 0; at < size; at += at < 1000 ? 1 : 997) {
		uint8_t byte;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 16;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		assert_null_with(points_open(fd, &e), e, EBADMSG);
		byte ^= 16;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	assert_int_equal(ftruncate(fd, size - 1), 0);
	assert_null_with(points_open(fd, &e), e, EBADMSG);
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_null_with(points_open(fd, &e), e, EBADMSG);
	free(f);
}

static void
points_that_cannot_be_are_refused(void **state)
{
	struct err e = ERR_INIT;
	AUTO_POINTS_BUILDER struct points_builder *b = points_builder_new(&e);
	static const uint8_t window[RESTART_WINDOW_BYTES];
	struct restart_point p = { .blob_off = 100,
		.stream_off = 50000,
		.bits = 3,
		.window = window,
		.window_len = sizeof window };
	struct restart_point bad = p;

	(void)state;
	bad.bits = 8;
	assert_fails(points_add(b, &bad, &e), e, EBADMSG);
	bad = p;
	bad.stream_off = 100;
	assert_fails(points_add(b, &bad, &e), e, EBADMSG);
	bad = p;
	bad.is_stored = true;
	assert_fails(points_add(b, &bad, &e), e, EBADMSG);
	bad = p;
	bad.blob_off = LIMIT_BLOB_BYTES + 1;
	assert_fails(points_add(b, &bad, &e), e, EBADMSG);
	assert_int_equal(points_add(b, &p, &e), 0);
	assert_fails(points_add(b, &p, &e), e, EBADMSG);
	p.blob_off = 200;
	assert_fails(points_add_packed(b, &p, "nonsense", 8, &e), e, EBADMSG);
	assert_fails(points_add_packed(b, &p, "", 0, &e), e, EBADMSG);
	assert_int_equal(points_builder_count(b), 1);
	assert_true(points_builder_find(b, 100, &bad));
	assert_int_equal(bad.bits, 3);
	assert_false(points_builder_find(b, 101, &bad));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_come_back_from_their_file),
		cmocka_unit_test(a_flipped_bit_anywhere_in_the_file_is_seen),
		cmocka_unit_test(points_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
