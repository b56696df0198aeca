#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "codec/crc64.h"
#include "codec/zstd.h"
#include "codec/zstd_encoder.h"
#include "base/limits.h"
#include "base/test.h"

/* The frames give exactly these bytes. */
static void
assert_gives(const struct buf *frames, const void *p, size_t n)
{
	AUTO_BUF struct buf out = BUF_INIT(MIB(8));
	struct err e;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	struct decode_part part = {
		.in = frames->data,
		.in_len = frames->len,
		.out_len = n,
		.is_all = true,
	};

	assert_non_null(d);
	assert_int_equal(buf_reserve(&out, n + 1, &e), 0);
	part.out = out.data;
	assert_int_equal(decoder_read_part(d, &part, &e), 0);
	assert_memory_equal(out.data, p, n);
}

static void
frames_follow_one_another(void **state)
{
	AUTO_BUF struct buf out = BUF_INIT(MIB(1));
	char text[3000];
	struct err e;
	struct zstd_encoder *z = zstd_encoder_new(3, &e);
	size_t first;

	(void)state;
	memset(text, 'x', sizeof text);
	assert_non_null(z);
	assert_int_equal(zstd_encoder_frame(z, text, 1000, &out, &e), 0);
	first = out.len;
	assert_int_equal(zstd_encoder_frame(z, text, 2000, &out, &e), 0);
	assert_true(first > 0 && first < 100);
	assert_gives(&out, text, 3000);
	zstd_encoder_free(z);
}

/* Small frames and large ones are made in other ways. */
static void
check_alone(int level)
{
	AUTO_BUF struct buf a = BUF_INIT(MIB(1)), b = BUF_INIT(MIB(1));
	char text[50900]; /* its end is what comes in the second frame */
	struct err e;
	struct zstd_encoder *z = zstd_encoder_new(level, &e);

	for (size_t i = 0; i < 50000; i++)
		text[i] = i * i / 7;
	memcpy(text + 50000, text + 100, 900);
	for (int i = 0; i < 2; i++) {
		struct buf *out = i == 0 ? &a : &b;

		assert_int_equal(
		    zstd_encoder_frame(z, text, 50000, out, &e), 0);
		assert_int_equal(
		    zstd_encoder_frame(z, text + 100, 900, out, &e), 0);
	}
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_gives(&a, text, sizeof text);
	zstd_encoder_free(z);
}

static void
a_frame_depends_on_its_bytes_alone(void **state)
{
	(void)state;
	check_alone(9);
	check_alone(ZSTD_LEVEL_DEFAULT);
}

static void
a_packer_makes_one_frame_of_pieces(void **state)
{
	AUTO_BUF struct buf frame = BUF_INIT(MIB(1)), all = BUF_INIT(MIB(1));
	struct err e;
	AUTO_ZSTD_PACKER struct zstd_packer *z = zstd_packer_new(3, MIB(1), &e);
	uint64_t len;

	(void)state;
	assert_non_null(z);
	for (int i = 0; i < 20000; i++) {
		char line[32];
		int n = snprintf(line, sizeof line, "line %d\n", i * i);

		assert_int_equal(zstd_packer_add(z, line, n, &e), 0);
		assert_int_equal(buf_append(&all, line, n, &e), 0);
	}
	assert_int_equal(zstd_packer_end(z, &frame, &len, &e), 0);
	assert_int_equal(len, all.len);
	assert_true(frame.len < all.len / 2);
	assert_gives(&frame, all.data, all.len);
}

static void
a_packer_takes_so_much_and_no_more(void **state)
{
	struct err e;
	AUTO_ZSTD_PACKER struct zstd_packer *z = zstd_packer_new(3, 10, &e);

	(void)state;
	assert_int_equal(zstd_packer_add(z, "12345678", 8, &e), 0);
	assert_fails(zstd_packer_add(z, "9ab", 3, &e), e, E2BIG);
	assert_int_equal(zstd_packer_add(z, "9a", 2, &e), 0);
}

static void
a_crc_is_gos_and_goes_on(void **state)
{
	uint64_t crc = crc64(0, "12345", 5);

	(void)state;
	/* CRC-64/GO-ISO in the catalogue of parametrised CRCs. */
	assert_true(crc64(crc, "6789", 4) == 0xb90956c775a41001u);
	assert_true(crc64(0, "", 0) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_follow_one_another),
		cmocka_unit_test(a_frame_depends_on_its_bytes_alone),
		cmocka_unit_test(a_packer_makes_one_frame_of_pieces),
		cmocka_unit_test(a_packer_takes_so_much_and_no_more),
		cmocka_unit_test(a_crc_is_gos_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
