/* Chunks are those that containers/storage makes: compared with its rules written
 * down a byte at a time. */
#include <stdlib.h>
#include <string.h>

#include "codec/chunker.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/test.h"

struct cut {
	size_t len;
	bool is_zeros;
};

struct cuts {
	struct cut *list;
	size_t n;
};

static void
add(struct cuts *c, size_t len, bool is_zeros)
{
	c->list = realloc(c->list, (c->n + 1) * sizeof *c->list);
	assert_non_null(c->list);
	c->list[c->n++] = (struct cut){ len, is_zeros };
}

/* ---- the rules, a byte at a time ---- */

struct rule {
	uint32_t s1, s2;
	uint8_t window[64];
	unsigned at;
};

static bool
rule_roll(struct rule *r, uint8_t byte)
{
	uint8_t drop = r->window[r->at];

	r->window[r->at] = byte;
	r->at = (r->at + 1) % 64;
	r->s1 += byte - drop;
	r->s2 += r->s1 - 64 * (drop + 31);
	return (r->s2 & 0xffff) == 0xffff;
}

static size_t
run_of_zeros(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] == 0)
		i++;
	return i;
}

static struct cuts
cut_by_rule(const uint8_t *p, size_t n)
{
	struct rule r = { .s1 = 64 * 31, .s2 = 64 * 63 * 31 };
	struct cuts c = { 0 };
	size_t open = 0, i = 0;

	while (i < n) {
		size_t zeros = run_of_zeros(p + i, n - i);

		if (zeros >= CHUNKER_HOLE) {
			if (i > open)
				add(&c, i - open, false);
			for (size_t k = 0; k < zeros; k++)
				rule_roll(&r, 0);
			i += zeros;
			open = i;
			for (; zeros > CHUNKER_MAX; zeros -= CHUNKER_MAX)
				add(&c, CHUNKER_MAX, true);
			add(&c, zeros, true);
			continue;
		}
		for (size_t k = 0; k < max_u64(zeros, 1); k++) {
			bool is_cut = rule_roll(&r, p[i++]);

			if ((is_cut && i - open >= CHUNKER_MIN) ||
			    i - open == CHUNKER_MAX) {
				add(&c, i - open, false);
				open = i;
			}
		}
	}
	if (n > open)
		add(&c, n - open, false);
	return c;
}

/* ---- the chunker, given pieces of at most so many bytes ---- */

static struct cuts
cut_in_pieces(const uint8_t *p, size_t n, size_t piece)
{
	struct chunker chunker;
	struct cuts c = { 0 };
	size_t open = 0, end = 0, len;
	bool is_zeros;

	chunker_begin(&chunker);
	while (end < n) {
		end = min_u64(n, end + piece);
		while ((len = chunker_next(&chunker, p + open, end - open,
			    end == n, &is_zeros)) > 0) {
			add(&c, len, is_zeros);
			open += len;
		}
	}
	assert_int_equal(open, n);
	return c;
}

static void
assert_same(const struct cuts *a, const struct cuts *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_int_equal(a->list[i].len, b->list[i].len);
		assert_int_equal(a->list[i].is_zeros, b->list[i].is_zeros);
	}
}

static void
check(const uint8_t *p, size_t n)
{
	static const size_t pieces[] = { 1, 700, 4096, 100001, SIZE_MAX / 2 };
	struct cuts want = cut_by_rule(p, n);

	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct cuts is = cut_in_pieces(p, n, pieces[i]);

		assert_same(&want, &is);
		free(is.list);
	}
	free(want.list);
}

/* Bytes of the file, with something before them that is none of them. */
static uint8_t *
new_file(size_t n)
{
	uint8_t *p = calloc(1, CHUNKER_WINDOW + n);

	assert_non_null(p);
	memset(p, 0xa5, CHUNKER_WINDOW);
	return p + CHUNKER_WINDOW;
}

static void
free_file(uint8_t *p)
{
	free(p - CHUNKER_WINDOW);
}

static void
fill(uint8_t *p, size_t n, unsigned seed)
{
	uint64_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = x;
	}
}

/* ---- tests ---- */

static void
noise_is_cut_where_the_sum_says(void **state)
{
	size_t n = MIB(2);
	uint8_t *p = new_file(n);
	struct cuts c;

	(void)state;
	fill(p, n, 1);
	check(p, n);
	c = cut_in_pieces(p, n, n);
	/* 64 KiB or so each. */
	assert_in_range(c.n, 16, 80);
	free(c.list);
	free_file(p);
}

static void
runs_of_zeros_are_chunks_of_their_own(void **state)
{
	static const size_t runs[] = { 1, 63, 64, 1022, 1023, 1024, 1025, 2047,
		4096, 70000 };
	size_t n = KIB(400), at = 5000;
	uint8_t *p = new_file(n);

	(void)state;
	fill(p, n, 2);
	for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
		memset(p + at, 0, runs[i]);
		p[at - 1] = p[at + runs[i]] = 7;
		at += runs[i] + 9000;
	}
	assert_true(at < n);
	check(p, n);
	/* ... and at both ends of a file */
	memset(p, 0, 3000);
	memset(p + n - 3000, 0, 3000);
	check(p, n);
	memset(p + n - 3000, 1, 2500);
	check(p, n);
	free_file(p);
}

static void
a_file_of_zeros_is_one_chunk_or_several_long_ones(void **state)
{
	uint8_t *p = new_file(MIB(2) + 77);

	(void)state;
	check(p, 1);
	check(p, 1023);
	check(p, 1024);
	check(p, MIB(1));
	check(p, MIB(2) + 77);
	p[MIB(1)] = 1; /* behind a chunk that is as long as one may be */
	check(p, MIB(2));
	p[MIB(1)] = 0;
	p[MIB(1) + 5] = 1; /* the run has gone on, too short for itself */
	check(p, MIB(1) + 900);
	free_file(p);
}

static void
no_chunk_is_longer_than_the_longest(void **state)
{
	size_t n = MIB(3) + 1;
	uint8_t *p = new_file(n);
	struct cuts c;

	(void)state;
	memset(p, 0x42, n);
	check(p, n);
	c = cut_in_pieces(p, n, n);
	assert_int_equal(c.n, 4);
	free(c.list);
	free_file(p);
}

static void
small_files_are_one_chunk(void **state)
{
	uint8_t *p = new_file(300);
	struct cuts c;

	(void)state;
	fill(p, 300, 3);
	for (size_t n = 1; n < 256; n++) {
		c = cut_in_pieces(p, n, n);
		assert_int_equal(c.n, 1);
		free(c.list);
	}
	free_file(p);
}

/* Bytes of few kinds, runs of zeros of every length, from one seed each. */
static void
mixtures_are_cut_by_the_rules(void **state)
{
	size_t n = KIB(300);
	uint8_t *p = new_file(n);

	(void)state;
	for (unsigned seed = 0; seed < 12; seed++) {
		fill(p, n, seed + 10);
		for (size_t i = 0; i < n; i += 64 + p[i] * 16u)
			memset(p + i, 0, min_u64(n - i, p[i + 1] * 9u));
		check(p, n - seed);
	}
	free_file(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_is_cut_where_the_sum_says),
		cmocka_unit_test(runs_of_zeros_are_chunks_of_their_own),
		cmocka_unit_test(
		    a_file_of_zeros_is_one_chunk_or_several_long_ones),
		cmocka_unit_test(no_chunk_is_longer_than_the_longest),
		cmocka_unit_test(small_files_are_one_chunk),
		cmocka_unit_test(mixtures_are_cut_by_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
