#include <errno.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/test.h"

static void
little_endian_is_read_and_written_at_any_address(void **s)
{
	uint8_t b[16] = { 0 };

	(void)s;
	put_le16(b + 1, 0x0102);
	assert_memory_equal(b + 1, "\x02\x01", 2);
	put_le32(b + 3, 0x01020304);
	assert_memory_equal(b + 3, "\x04\x03\x02\x01", 4);
	put_le64(b + 7, UINT64_C(0x0102030405060708));
	assert_int_equal(b[7], 8);
	assert_int_equal(get_le16(b + 1), 0x0102);
	assert_int_equal(get_le32(b + 3), 0x01020304);
	assert_true(get_le64(b + 7) == UINT64_C(0x0102030405060708));
}

static void
alignment_goes_to_the_multiple(void **s)
{
	(void)s;
	assert_int_equal(align_up(0, 4096), 0);
	assert_int_equal(align_up(1, 4096), 4096);
	assert_int_equal(align_up(4096, 4096), 4096);
	assert_int_equal(align_down(4095, 4096), 0);
	assert_int_equal(align_down(8191, 4096), 4096);
}

static void
a_buffer_never_passes_its_ceiling(void **s)
{
	AUTO_BUF struct buf b = BUF_INIT(10);
	struct err e = ERR_INIT;

	(void)s;
	assert_int_equal(buf_append(&b, "12345678", 8, &e), 0);
	assert_fails(buf_append(&b, "abc", 3, &e), e, E2BIG);
	assert_int_equal(b.len, 8);
	assert_int_equal(buf_append(&b, "90", 2, &e), 0);
	assert_fails(buf_reserve(&b, 1, &e), e, E2BIG);
	assert_fails(buf_reserve(&b, SIZE_MAX, &e), e, E2BIG);
	assert_memory_equal(b.data, "1234567890", 10);
}

/* Where something of no length is read to, and from. */
static void
room_for_nothing_has_a_place(void **s)
{
	AUTO_BUF struct buf b = BUF_INIT(10);
	struct err e = ERR_INIT;

	(void)s;
	assert_int_equal(buf_reserve(&b, 0, &e), 0);
	assert_non_null(b.data);
}

static void
a_full_buffer_still_ends_as_text(void **s)
{
	AUTO_BUF struct buf b = BUF_INIT(4);
	struct err e = ERR_INIT;

	(void)s;
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_append_str(&b, "abcd", &e), 0);
	assert_string_equal(buf_str(&b), "abcd");
	assert_int_equal(b.len, 4);
}

static void
a_released_buffer_can_be_used_again(void **s)
{
	AUTO_BUF struct buf b = BUF_INIT(100);
	struct err e = ERR_INIT;

	(void)s;
	assert_int_equal(buf_printf(&b, &e, "%d-%s", 7, "x"), 0);
	buf_release(&b);
	assert_null(b.data);
	assert_int_equal(buf_printf(&b, &e, "%d", 8), 0);
	assert_string_equal(buf_str(&b), "8");
}

static void
formatting_past_the_ceiling_fails(void **s)
{
	AUTO_BUF struct buf b = BUF_INIT(5);
	struct err e = ERR_INIT;

	(void)s;
	assert_fails(buf_printf(&b, &e, "%s", "123456"), e, E2BIG);
	assert_int_equal(b.len, 0);
}

static void
a_big_buffer_keeps_its_bytes_as_it_grows(void **s)
{
	AUTO_BUF struct buf b = BUF_INIT(1 << 20);
	struct err e = ERR_INIT;

	(void)s;
	for (int i = 0; i < 1 << 18; i++) {
		uint8_t word[4];

		put_le32(word, i);
		assert_int_equal(buf_append(&b, word, 4, &e), 0);
	}
	for (int i = 0; i < 1 << 18; i += 997)
		assert_int_equal(get_le32(b.data + 4 * i), i);
	assert_true(b.cap <= b.max);
}

static void
sizes_have_one_digit_after_the_point(void **state)
{
	(void)state;
	assert_string_equal(SIZE_TEXT(0), "0 B");
	assert_string_equal(SIZE_TEXT(-5), "0 B");
	assert_string_equal(SIZE_TEXT(1023), "1023 B");
	assert_string_equal(SIZE_TEXT(1024), "1.0 KiB");
	assert_string_equal(SIZE_TEXT(12902728), "12.3 MiB");
	assert_string_equal(SIZE_TEXT((1 << 20) - 1), "1.0 MiB");
	assert_string_equal(SIZE_TEXT(INT64_MAX), "8.0 EiB");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_one_digit_after_the_point),
		cmocka_unit_test(
		    little_endian_is_read_and_written_at_any_address),
		cmocka_unit_test(alignment_goes_to_the_multiple),
		cmocka_unit_test(a_buffer_never_passes_its_ceiling),
		cmocka_unit_test(room_for_nothing_has_a_place),
		cmocka_unit_test(a_full_buffer_still_ends_as_text),
		cmocka_unit_test(a_released_buffer_can_be_used_again),
		cmocka_unit_test(formatting_past_the_ceiling_fails),
		cmocka_unit_test(a_big_buffer_keeps_its_bytes_as_it_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
