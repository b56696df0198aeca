/* What a profile keeps over runs, and what it refuses to be read from. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/profile.h"
#include "layer/profile_seal.h"
#include "registry/manifest.h"
#include "base/limits.h"
#include "base/test.h"

static struct digest
digest_number(uint32_t n)
{
	struct digest d;

	digest_of(&d, &n, sizeof n);
	return d;
}

static struct profile *
make(void)
{
	struct digest image = digest_number(1);
	struct digest layers[2] = { digest_number(2), digest_number(3) };
	struct err e = ERR_INIT;
	struct profile *p = profile_new(&image, layers, 2, &e);

	assert_non_null(p);
	return p;
}

static void
add(struct profile *p, unsigned layer, const char *path, uint32_t first,
    uint32_t n)
{
	struct profile_entry x = { 0, first, n, 1, 0 };
	struct err e = ERR_INIT;

	assert_int_equal(profile_add_file(p, layer, path, &x.file, &e), 0);
	assert_int_equal(profile_add(p, &x, &e), 0);
}

/* The entries as text: "0:bin/sh+0,4 ...", with runs/missed where they are not
 * 1/0. */
static const char *
text_of(const struct profile *p)
{
	static char text[4096];
	char *at = text;

	*at = 0;
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct profile_entry *x = &p->entries[i];
		const struct profile_file *f = p->files[x->file];

		at += sprintf(at, "%s%u:%s+%u,%u", i == 0 ? "" : " ", f->layer,
		    f->path, x->first_block, x->n_blocks);
		if (x->runs != 1 || x->missed != 0)
			at += sprintf(at, "(%u/%u)", x->runs, x->missed);
	}
	return text;
}

/* One more run over what was known; takes both. */
static struct profile *
run(struct profile *latest, struct profile *earlier, bool is_whole)
{
	struct err e = ERR_INIT;

	assert_int_equal(profile_merge(latest, earlier, is_whole, &e), 0);
	profile_free(earlier);
	return latest;
}

/* ---- merging ---- */

static void
the_first_run_is_the_profile(void **state)
{
	struct profile *p = make();

	(void)state;
	add(p, 1, "bin/sh", 0, 4);
	add(p, 0, "lib/libc.so", 7, 1);
	p = run(p, NULL, true);
	assert_int_equal(p->runs, 1);
	assert_string_equal(text_of(p), "1:bin/sh+0,4 0:lib/libc.so+7,1");
	profile_free(p);
}

static void
the_latest_runs_order_counts_and_the_rest_follows(void **state)
{
	struct profile *p = make(), *q = make();

	(void)state;
	add(p, 0, "a", 0, 1);
	add(p, 0, "b", 0, 1);
	add(p, 0, "c", 0, 1);
	p = run(p, NULL, true);
	add(q, 0, "c", 0, 1);
	add(q, 0, "d", 0, 1);
	add(q, 0, "a", 0, 1);
	q = run(q, p, true);
	assert_int_equal(q->runs, 2);
	assert_string_equal(
	    text_of(q), "0:c+0,1(2/0) 0:d+0,1 0:a+0,1(2/0) 0:b+0,1(1/1)");
	profile_free(q);
}

static void
of_a_range_read_in_part_the_rest_stays(void **state)
{
	struct profile *p = make(), *q = make();

	(void)state;
	add(p, 0, "a", 10, 10);
	p = run(p, NULL, true);
	add(q, 0, "a", 12, 2);
	add(q, 0, "a", 16, 2);
	q = run(q, p, true);
	assert_string_equal(text_of(q),
	    "0:a+12,2(2/0) 0:a+16,2(2/0) 0:a+10,2(1/1) 0:a+14,2(1/1) "
	    "0:a+18,2(1/1)");
	profile_free(q);
}

static void
what_three_runs_do_not_read_goes(void **state)
{
	struct profile *p = make();

	(void)state;
	add(p, 0, "once", 0, 1);
	add(p, 0, "always", 0, 1);
	p = run(p, NULL, true);
	for (int i = 0; i < PROFILE_FORGET_RUNS; i++) {
		struct profile *q = make();

		assert_int_equal(p->n_entries, 2);
		add(q, 0, "always", 0, 1);
		p = run(q, p, true);
	}
	assert_string_equal(text_of(p), "0:always+0,1(4/0)");
	profile_free(p);
}

static void
a_run_cut_short_says_nothing_of_what_it_did_not_read(void **state)
{
	struct profile *p = make(), *q = make();

	(void)state;
	add(p, 0, "a", 0, 1);
	add(p, 0, "b", 0, 1);
	p = run(p, NULL, true);
	add(q, 0, "b", 0, 1);
	q = run(q, p, false);
	assert_int_equal(q->runs, 1);
	assert_string_equal(text_of(q), "0:b+0,1(2/0) 0:a+0,1");
	profile_free(q);
}

static void
what_is_read_again_counts_as_new(void **state)
{
	struct profile *p = make(), *q = make(), *r = make();

	(void)state;
	add(p, 0, "a", 0, 1);
	add(p, 0, "b", 0, 1);
	p = run(p, NULL, true);
	add(q, 0, "b", 0, 1);
	q = run(q, p, true);
	add(r, 0, "a", 0, 1);
	r = run(r, q, true);
	assert_string_equal(text_of(r), "0:a+0,1(2/0) 0:b+0,1(2/1)");
	profile_free(r);
}

static void
a_full_profile_takes_no_more(void **state)
{
	struct profile *p = make();
	struct profile_entry x = { 0, 0, 1, 1, 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(profile_add_file(p, 0, "a", &x.file, &e), 0);
	for (int i = 0; i < LIMIT_PROFILE_ENTRIES; i++, x.first_block++)
		assert_int_equal(profile_add(p, &x, &e), 0);
	assert_fails(profile_add(p, &x, &e), e, E2BIG);
	assert_int_equal(p->n_entries, LIMIT_PROFILE_ENTRIES);
	profile_free(p);
}

static void
a_profile_of_another_image_is_told(void **state)
{
	struct profile *p = make();
	struct descriptor layers[2] = { { .digest = digest_number(2) },
		{ .digest = digest_number(3) } };
	struct manifest m = {
		.digest = digest_number(1), .layers = layers, .n_layers = 2
	};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(profile_check_image(p, &m, &e), 0);
	layers[1].digest = digest_number(4);
	assert_fails(profile_check_image(p, &m, &e), e, EBADMSG);
	layers[1].digest = digest_number(3);
	m.n_layers = 1;
	assert_fails(profile_check_image(p, &m, &e), e, EBADMSG);
	m.n_layers = 2;
	m.digest = digest_number(5);
	assert_fails(profile_check_image(p, &m, &e), e, EBADMSG);
	profile_free(p);
}

/* ---- the file ---- */

static void
write_sample(struct buf *out)
{
	static const struct profile_range ranges[] = { { 1 << 20, 100, 1 },
		{ 5, 10, 0 } };
	AUTO_PROFILE struct profile *p = make();
	struct err e = ERR_INIT;

	add(p, 1, "usr/lib/python3/os.py", 0, 3);
	add(p, 0, "usr/bin/python3", 0, 100);
	add(p, 1, "usr/lib/python3", 5, 1);
	add(p, 0, "usr/bin/python3", 200, 1);
	assert_int_equal(profile_set_ranges(p, ranges, 2, &e), 0);
	p->runs = 7;
	p->recorded_s = 1234567890123;
	buf_init(out, LIMIT_PROFILE_BYTES);
	assert_int_equal(profile_write(p, out, &e), 0);
}

static void
what_was_written_is_read(void **state)
{
	struct buf b;
	struct err e = ERR_INIT;
	struct profile *p;

	(void)state;
	write_sample(&b);
	/* usr/lib/python3 is the start of the path that follows it. */
	assert_int_equal(b.len,
	    128 + 2 * 32 + 3 * 8 + 4 * 16 + 2 * 16 + strlen("usr/bin/python3") +
		strlen("usr/lib/python3") + strlen("/os.py"));
	p = profile_parse(b.data, b.len, &e);
	assert_non_null(p);
	assert_int_equal(p->runs, 7);
	assert_true(p->recorded_s == 1234567890123);
	assert_string_equal(text_of(p),
	    "1:usr/lib/python3/os.py+0,3 0:usr/bin/python3+0,100 "
	    "1:usr/lib/python3+5,1 0:usr/bin/python3+200,1");
	assert_int_equal(p->n_ranges, 2);
	assert_int_equal(p->ranges[0].blob_off, 1 << 20);
	assert_int_equal(p->ranges[1].len, 10);
	profile_free(p);
	buf_release(&b);
}

static void
assert_refused(struct buf *b, size_t n, int code)
{
	struct err e = ERR_INIT;

	profile_seal(b->data, n);
	assert_null_with(profile_parse(b->data, n, &e), e, code);
}

static void
a_cut_or_flipped_profile_is_refused(void **state)
{
	struct buf b;
	struct err e = ERR_INIT;

	(void)state;
	write_sample(&b);
	for (size_t i = 0; i < b.len; i++) {
		assert_null_with(profile_parse(b.data, i, &e), e, EBADMSG);
		b.data[i] ^= 0x40;
		assert_null(profile_parse(b.data, b.len, &e));
		b.data[i] ^= 0x40;
	}
	buf_release(&b);
}

/* Offsets in the sample, whose checksum is made right again. */
enum {
	FILES = 128 + 64,
	ENTRIES = FILES + 24,
	RANGES = ENTRIES + 64,
	NAMES = RANGES + 32
};

static void
lies_behind_a_right_checksum_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		int code;
	} lies[] = {
		{ 8, 2, EBADMSG },                        /* version */
		{ 12, LIMIT_LAYERS + 1, E2BIG },          /* counts */
		{ 16, LIMIT_PROFILE_FILES + 1, E2BIG },   /* ... */
		{ 20, LIMIT_PROFILE_ENTRIES + 1, E2BIG }, /* ... */
		{ 24, LIMIT_PROFILE_NAMES_BYTES + 1, E2BIG },
		{ 16, 2, EBADMSG },                    /* another length */
		{ FILES, 2, EBADMSG },                 /* no such layer */
		{ FILES, 1 << 16, EBADMSG },           /* shares with nothing */
		{ FILES + 8, 0, EBADMSG },             /* not sorted by layer */
		{ FILES + 4, 4000, EBADMSG },          /* past the names */
		{ FILES + 4, 0, EBADMSG },             /* no name */
		{ FILES + 16, 1 | 16 << 16, EBADMSG }, /* shares too much */
		{ NAMES, 0, EBADMSG },                 /* a NUL in a name */
		{ NAMES + 30, 0, EBADMSG },            /* the same */
		{ ENTRIES, 3, EBADMSG },               /* no such file */
		{ ENTRIES + 4, UINT32_MAX, EBADMSG },  /* past every file */
		{ ENTRIES + 8, 0, EBADMSG },           /* no blocks */
		{ ENTRIES + 12, 0, EBADMSG },          /* in no run */
		{ ENTRIES + 12, 1 | 3 << 16, EBADMSG },  /* gone by then */
		{ ENTRIES + 52, 99, EBADMSG },           /* overlaps */
		{ RANGES + 8, 0, EBADMSG },              /* nothing */
		{ RANGES + 8, UINT32_MAX, EBADMSG },     /* too much */
		{ RANGES + 4, UINT32_MAX, EBADMSG },     /* past every blob */
		{ RANGES + 12, 2, EBADMSG },             /* no such layer */
		{ 80, LIMIT_PROFILE_RANGES + 1, E2BIG }, /* counts */
	};

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct buf b;

		write_sample(&b);
		put_le32(b.data + lies[i].at, lies[i].value);
		assert_refused(&b, b.len, lies[i].code);
		buf_release(&b);
	}
}

/* However large it is. */
static void
a_span_that_holds_several_files_is_one_range(void **state)
{
	static const struct profile_range used[] = {
		{ MIB(3), MIB(2), 0 },
		{ 0, MIB(3) + 1, 0 },
		{ MIB(3), MIB(2), 0 },
		{ MIB(3), MIB(2), 1 },
		{ MIB(3), KIB(1), 0 },
		{ 0, MIB(3) + 1, 0 },
	};
	static const struct profile_range left[] = {
		{ MIB(3), MIB(2), 0 },
		{ 0, MIB(3) + 1, 0 },
		{ MIB(3), MIB(2), 1 },
	};
	AUTO_PROFILE struct profile *p = make();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(profile_set_ranges(p, used, 6, &e), 0);
	assert_int_equal(p->n_ranges, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(p->ranges[i].blob_off, left[i].blob_off);
		assert_int_equal(p->ranges[i].len, left[i].len);
		assert_int_equal(p->ranges[i].layer, left[i].layer);
	}
}

static void
ranges_that_are_near_are_joined_in_order_of_use(void **state)
{
	static const struct profile_range used[] = {
		{ MIB(3), KIB(10), 0 },
		{ 0, KIB(10), 1 },
		{ KIB(40), KIB(10), 0 },
		{ MIB(3) + KIB(50), KIB(10), 0 },
		{ 0, KIB(10), 0 },
		{ KIB(10), MIB(1), 0 }, /* would make one too long */
		{ MIB(3) + KIB(1018), KIB(10), 0 },
	};
	static const struct profile_range joined[] = {
		{ MIB(3), KIB(60), 0 },
		{ 0, KIB(10), 1 },
		{ KIB(10), MIB(1), 0 },
		{ 0, KIB(10), 0 },
		{ MIB(3) + KIB(1018), KIB(10), 0 },
	};
	struct profile *p = make();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(profile_set_ranges(p, used, 7, &e), 0);
	assert_int_equal(p->n_ranges, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(p->ranges[i].blob_off, joined[i].blob_off);
		assert_int_equal(p->ranges[i].len, joined[i].len);
		assert_int_equal(p->ranges[i].layer, joined[i].layer);
	}
	profile_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_run_is_the_profile),
		cmocka_unit_test(
		    the_latest_runs_order_counts_and_the_rest_follows),
		cmocka_unit_test(of_a_range_read_in_part_the_rest_stays),
		cmocka_unit_test(what_three_runs_do_not_read_goes),
		cmocka_unit_test(
		    a_run_cut_short_says_nothing_of_what_it_did_not_read),
		cmocka_unit_test(what_is_read_again_counts_as_new),
		cmocka_unit_test(a_full_profile_takes_no_more),
		cmocka_unit_test(a_profile_of_another_image_is_told),
		cmocka_unit_test(
		    ranges_that_are_near_are_joined_in_order_of_use),
		cmocka_unit_test(a_span_that_holds_several_files_is_one_range),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_cut_or_flipped_profile_is_refused),
		cmocka_unit_test(lies_behind_a_right_checksum_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
