#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "codec/decode.h"
#include "codec/gzip.h"
#include "codec/zstd.h"
#include "base/test.h"

enum { UNITS = 3, UNIT_BYTES = 100000 };

struct codec {
	size_t (*compress)(
	    uint8_t *out, size_t room, const uint8_t *p, size_t n);
	struct decoder *(*decoder_new)(struct err *e);
};

/* Three frames or members of the same 300,000 bytes, by each codec. */
struct sample {
	uint8_t plain[UNITS * UNIT_BYTES];
	uint8_t coded[2 * UNITS * UNIT_BYTES];
	size_t len;
	size_t ends[UNITS];
	struct decoder *decoder;
};

static size_t
gzip_unit(uint8_t *out, size_t room, const uint8_t *p, size_t n)
{
	z_stream z = { 0 };
	size_t made;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8,
			     Z_DEFAULT_STRATEGY),
	    Z_OK);
	z.next_in = (uint8_t *)p;
	z.avail_in = n;
	z.next_out = out;
	z.avail_out = room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	made = room - z.avail_out;
	deflateEnd(&z);
	return made;
}

static size_t
zstd_unit(uint8_t *out, size_t room, const uint8_t *p, size_t n)
{
	return ZSTD_compress(out, room, p, n, 3);
}

static const struct codec codecs[] = {
	{ zstd_unit, zstd_decoder_new },
	{ gzip_unit, gzip_zlib_decoder_new },
	{ gzip_unit, gzip_decoder_new },
};

static struct sample *
sample_new(const struct codec *c)
{
	struct sample *s = calloc(1, sizeof *s);
	struct err e;

	for (size_t i = 0; i < sizeof s->plain; i++)
		s->plain[i] = (i * 2654435761u) >> 27;
	for (int i = 0; i < UNITS; i++) {
		s->len +=
		    c->compress(s->coded + s->len, sizeof s->coded - s->len,
			s->plain + i * UNIT_BYTES, UNIT_BYTES);
		s->ends[i] = s->len;
	}
	s->decoder = c->decoder_new(&e);
	assert_non_null(s->decoder);
	return s;
}

static void
sample_free(struct sample *s)
{
	decoder_free(s->decoder);
	free(s);
}

static void
each_codec(void (*check)(struct sample *s))
{
	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
		struct sample *s = sample_new(&codecs[i]);

		check(s);
		sample_free(s);
	}
}

static void
read_whole(struct sample *s)
{
	static uint8_t out[UNITS * UNIT_BYTES];
	struct decode_part p = { s->coded, s->len, 0, out, sizeof out, true,
		NULL };
	struct err e = ERR_INIT;

	/* Twice: a decoder is used again. */
	for (int i = 0; i < 2; i++) {
		memset(out, 0, sizeof out);
		assert_int_equal(decoder_read_part(s->decoder, &p, &e), 0);
		assert_memory_equal(out, s->plain, sizeof out);
	}
}

static void
a_row_of_units_is_decoded_as_one(void **state)
{
	(void)state;
	each_codec(read_whole);
}

static void
read_middle(struct sample *s)
{
	uint8_t out[5000];
	struct decode_part p = { s->coded, s->len, UNIT_BYTES - 2500, out,
		sizeof out, false, NULL };
	struct err e = ERR_INIT;

	assert_int_equal(decoder_read_part(s->decoder, &p, &e), 0);
	assert_memory_equal(out, s->plain + UNIT_BYTES - 2500, sizeof out);
}

static void
a_part_may_lie_across_units(void **state)
{
	(void)state;
	each_codec(read_middle);
}

static void
read_wrong_sizes(struct sample *s)
{
	static uint8_t out[UNITS * UNIT_BYTES + 1];
	struct decode_part p = { s->coded, s->len, 0, out, 0, true, NULL };
	struct err e;

	p.out_len = sizeof s->plain - 1;
	assert_fails(decoder_read_part(s->decoder, &p, &e), e, EBADMSG);
	p.out_len = sizeof s->plain + 1;
	assert_fails(decoder_read_part(s->decoder, &p, &e), e, EBADMSG);
	p.is_all = false;
	assert_fails(decoder_read_part(s->decoder, &p, &e), e, EBADMSG);
	p.skip = sizeof s->plain;
	p.out_len = 1;
	assert_fails(decoder_read_part(s->decoder, &p, &e), e, EBADMSG);
}

static void
more_or_fewer_bytes_than_expected_are_refused(void **state)
{
	(void)state;
	each_codec(read_wrong_sizes);
}

static void
read_cut(struct sample *s)
{
	static uint8_t out[UNITS * UNIT_BYTES];
	struct decode_part p = { s->coded, s->len - 1, 0, out, sizeof out, true,
		NULL };
	struct err e;

	assert_fails(decoder_read_part(s->decoder, &p, &e), e, EBADMSG);
}

static void
a_truncated_unit_is_refused(void **state)
{
	(void)state;
	each_codec(read_cut);
}

/* Byte by byte, into little room: every boundary where it is. */
static void
step_slowly(struct sample *s)
{
	uint8_t room[700];
	size_t made = 0, at = 0;
	int units = 0;
	struct err e = ERR_INIT;

	while (at < s->len) {
		struct decode_step step = { s->coded + at, 1, NULL, 0 };
		enum decode_result r = DECODE_MORE;

		do {
			size_t n;

			step.out = room;
			step.out_len = sizeof room;
			r = decoder_step(s->decoder, &step, &e);
			assert_int_not_equal(r, DECODE_FAILED);
			n = sizeof room - step.out_len;
			assert_memory_equal(room, s->plain + made, n);
			made += n;
		} while (step.out_len == 0 && r == DECODE_MORE);
		at += 1 - step.in_len;
		assert_int_equal(
		    decoder_is_between(s->decoder), r == DECODE_BOUNDARY);
		if (r == DECODE_BOUNDARY)
			assert_int_equal(at, s->ends[units++]);
	}
	assert_int_equal(units, UNITS);
	assert_int_equal(made, sizeof s->plain);
}

static void
boundaries_are_reported_where_units_end(void **state)
{
	(void)state;
	each_codec(step_slowly);
}

static void
damage_one(struct sample *s)
{
	static uint8_t out[UNITS * UNIT_BYTES];
	struct decode_part p = { s->coded, s->len, 0, out, sizeof out, true,
		NULL };
	struct err e;

	s->coded[s->ends[0]] ^= 0xff;
	assert_fails(decoder_read_part(s->decoder, &p, &e), e, EBADMSG);
	s->coded[s->ends[0]] ^= 0xff;
}

static void
bytes_that_are_no_unit_are_refused(void **state)
{
	(void)state;
	each_codec(damage_one);
}

/* ---- gzip ---- */

enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16 };

/* A member of "hello" with these header fields. */
static size_t
member_of_hello(uint8_t out[256], uint8_t flags)
{
	static const uint8_t base[] = { 0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 0, 3 };
	static const uint8_t extra[] = { 5, 0, 'e', 'x', 0, 'r', 'a' };
	uint8_t plain[] = "hello";
	uint8_t coded[128];
	size_t n = gzip_unit(coded, sizeof coded, plain, 5);
	size_t len = sizeof base;
	uint32_t crc;

	memcpy(out, base, sizeof base);
	out[3] = flags;
	if (flags & FEXTRA) {
		memcpy(out + len, extra, sizeof extra);
		len += sizeof extra;
	}
	if (flags & FNAME)
		len += sprintf((char *)out + len, "a name") + 1;
	if (flags & FCOMMENT)
		len += sprintf((char *)out + len, "a comment") + 1;
	crc = crc32(0, out, len);
	if (flags & FHCRC) {
		out[len++] = crc & 255;
		out[len++] = crc >> 8 & 255;
	}
	memcpy(out + len, coded + sizeof base, n - sizeof base);
	return len + n - sizeof base;
}

/* In two pieces, cut at `cut`: the result at the end. */
static enum decode_result
decode_cut(struct decoder *d, const uint8_t *p, size_t n, size_t cut,
    char out[16], struct err *e)
{
	struct decode_step s = { p, cut, (uint8_t *)out, 16 };
	enum decode_result r;

	memset(out, 0, 16);
	decoder_reset(d);
	r = decoder_step(d, &s, e);
	if (r == DECODE_FAILED)
		return r;
	s.in_len += n - cut;
	return decoder_step(d, &s, e);
}

static void
each_gzip_decoder(void (*check)(struct decoder *d))
{
	struct err e;

	for (size_t i = 1; i < sizeof codecs / sizeof *codecs; i++) {
		AUTO_DECODER struct decoder *d = codecs[i].decoder_new(&e);

		assert_non_null(d);
		check(d);
	}
}

static void
skip_fields(struct decoder *d)
{
	struct err e = ERR_INIT;
	uint8_t p[256];
	char out[16];

	for (unsigned flags = 0; flags < 32; flags++) {
		size_t n = member_of_hello(p, flags);

		for (size_t cut = 0; cut < n; cut++) {
			assert_int_equal(
			    decode_cut(d, p, n, cut, out, &e), DECODE_BOUNDARY);
			assert_string_equal(out, "hello");
		}
	}
}

static void
header_fields_are_skipped_wherever_they_are_cut(void **state)
{
	(void)state;
	each_gzip_decoder(skip_fields);
}

/* One bit of the member's byte `at`, which counts from the end when
 * negative. */
static void
expect_refusal(struct decoder *d, uint8_t flags, int at, uint8_t bit)
{
	struct err e;
	uint8_t p[256];
	char out[16];
	size_t n = member_of_hello(p, flags);

	p[at < 0 ? (int)n + at : at] ^= bit;
	assert_fails(decode_cut(d, p, n, n / 2, out, &e), e, EBADMSG);
}

static void
refuse_damage(struct decoder *d)
{
	expect_refusal(d, 0, 0, 1);
	expect_refusal(d, 0, 2, 1);
	expect_refusal(d, FHCRC, 10, 1);
	expect_refusal(d, FNAME | FHCRC, 11, 1);
	expect_refusal(d, 0, -8, 1);
	expect_refusal(d, 0, -1, 1);
	for (unsigned reserved = 0x20; reserved < 0x100; reserved *= 2)
		expect_refusal(d, 0, 3, reserved);
}

static void
wrong_checksums_and_reserved_flags_are_refused(void **state)
{
	(void)state;
	each_gzip_decoder(refuse_damage);
}

/* ---- zstd ---- */

static void
a_skippable_frame_is_a_unit_that_decodes_to_nothing(void **state)
{
	static const uint8_t frame[] = { 0x5e, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1,
		2 };
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	uint8_t room[16];
	struct decode_step s = { frame, sizeof frame, room, sizeof room };

	(void)state;
	assert_int_equal(decoder_step(d, &s, &e), DECODE_BOUNDARY);
	assert_int_equal(s.in_len, 0);
	assert_int_equal(s.out_len, sizeof room);
}

static void
a_window_over_128_mib_is_not_supported(void **state)
{
	/* Magic, no content size, window descriptor 2^28, then a block. */
	static const uint8_t frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00,
		(28 - 10) << 3, 0x01, 0x00, 0x00 };
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	uint8_t room[16];
	struct decode_step s = { frame, sizeof frame, room, sizeof room };

	(void)state;
	assert_int_equal(decoder_step(d, &s, &e), DECODE_FAILED);
	assert_int_equal(e.code, ENOTSUP);
}

/* As zstd 0.6 wrote an empty one, before RFC 8878; and that behind one of today. */
static void
a_frame_of_before_the_standard_is_refused(void **state)
{
	static const uint8_t frames[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0,
		0, 0x26, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0 };
	const uint8_t *old = frames + 9;
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	uint8_t out[8];
	struct decode_step s = { old, 8, out, sizeof out };
	struct decode_part p = { frames, 9, 0, out, 0, true, NULL };

	(void)state;
	assert_fails(decoder_step(d, &s, &e), e, EBADMSG);
	decoder_reset(d);
	assert_int_equal(decoder_read_part(d, &p, &e), 0);
	p.in_len = sizeof frames;
	assert_fails(decoder_read_part(d, &p, &e), e, EBADMSG);
	p.in = old;
	p.in_len = 8;
	assert_fails(decoder_read_part(d, &p, &e), e, EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_of_units_is_decoded_as_one),
		cmocka_unit_test(a_part_may_lie_across_units),
		cmocka_unit_test(more_or_fewer_bytes_than_expected_are_refused),
		cmocka_unit_test(a_truncated_unit_is_refused),
		cmocka_unit_test(boundaries_are_reported_where_units_end),
		cmocka_unit_test(bytes_that_are_no_unit_are_refused),
		cmocka_unit_test(
		    header_fields_are_skipped_wherever_they_are_cut),
		cmocka_unit_test(
		    wrong_checksums_and_reserved_flags_are_refused),
		cmocka_unit_test(
		    a_skippable_frame_is_a_unit_that_decodes_to_nothing),
		cmocka_unit_test(a_window_over_128_mib_is_not_supported),
		cmocka_unit_test(a_frame_of_before_the_standard_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
