/* The windows of a member: its spans decode by what is kept of them. */

#include "codec/test_compress.h"

struct member {
	uint8_t *plain, *coded;
	size_t len; /* of coded */
};

struct starts {
	struct sequel sequel; /* of the last */
	struct restart_point at[MAX_POINTS];
	uint8_t windows[MAX_POINTS][RESTART_WINDOW_BYTES];
	unsigned n;
};

static void
member_init(
    struct member *m, void (*fill)(uint8_t *p, size_t n), const struct way *way)
{
	m->plain = malloc(PLAIN_BYTES);
	m->coded = malloc(CODED_BYTES);
	fill(m->plain, PLAIN_BYTES);
	m->len = compress_after(
	    NULL, 0, m->plain, PLAIN_BYTES, way, MAX_WBITS + 16, m->coded);
}

static void
member_release(struct member *m)
{
	free(m->plain);
	free(m->coded);
}

/* The last point's span has ended: its window is thinned. */
static void
end_span(struct starts *s, struct window *w)
{
	struct restart_point *last;

	if (s->n == 0)
		return;
	last = &s->at[s->n - 1];
	memcpy(s->windows[s->n - 1], window_thin(w, last, &s->sequel),
	    last->window_len);
	last->window = s->windows[s->n - 1];
}

static void
begin_span(struct starts *s, const struct decoder *d, size_t blob_off,
    size_t stream_off)
{
	struct decode_place place;
	uint8_t *whole = s->windows[s->n];

	assert_true(s->n < MAX_POINTS);
	decoder_get_place(d, &place);
	memcpy(whole, place.window, place.window_len);
	sequel_begin(&s->sequel, &place);
	s->at[s->n++] = (struct restart_point){
		.blob_off = blob_off - (place.unread_bits + 7) / 8,
		.stream_off = stream_off,
		.bits = place.unread_bits % 8,
		.window = whole,
		.window_len = place.window_len,
	};
}

static struct starts *
find_starts(decoder_maker *make, const struct member *m, size_t in_step,
    size_t out_step)
{
	struct starts *s = calloc(1, sizeof *s);
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *d = make(&e);
	struct window *w = window_new(make, &e);
	AUTO_FREE uint8_t *out = malloc(out_step);
	size_t taken = 0, decoded = 0;
	bool is_over = false;

	assert_true(decoder_make_points(d, EVERY));
	while (!is_over) {
		struct decode_step step = { m->coded + taken,
			min_u64(in_step, m->len - taken), out, out_step };
		const uint8_t *in = step.in;
		enum decode_result r = decoder_step(d, &step, &e);

		assert_int_not_equal(r, DECODE_FAILED);
		sequel_note(&s->sequel, in, step.in - in, step.out - out);
		taken += step.in - in;
		decoded += step.out - out;
		if (r != DECODE_MORE)
			end_span(s, w);
		if (r == DECODE_POINT)
			begin_span(s, d, taken, decoded);
		is_over = r == DECODE_BOUNDARY;
	}
	assert_int_equal(decoded, PLAIN_BYTES);
	window_free(w);
	return s;
}

static void
assert_same_starts(const struct starts *a, const struct starts *b)
{
	assert_int_equal(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++) {
		assert_int_equal(a->at[i].blob_off, b->at[i].blob_off);
		assert_int_equal(a->at[i].window_len, b->at[i].window_len);
		assert_memory_equal(
		    a->windows[i], b->windows[i], a->at[i].window_len);
	}
}

/* The member from each point on, to its end, by each decoder. */
static void
assert_spans_decode(const struct member *m, const struct starts *s)
{
	AUTO_FREE uint8_t *out = malloc(PLAIN_BYTES);
	struct err e = ERR_INIT;

	for (unsigned i = 0; i < s->n * MAKERS; i++) {
		const struct restart_point *p = &s->at[i / MAKERS];
		AUTO_DECODER struct decoder *d = makers[i % MAKERS](&e);
		size_t len = PLAIN_BYTES - p->stream_off;
		struct decode_part part = { m->coded + p->blob_off,
			m->len - p->blob_off, 0, out, len, true, p };

		assert_int_equal(decoder_read_part(d, &part, &e), 0);
		assert_memory_equal(out, m->plain + p->stream_off, len);
	}
}

/* At most so many bytes of each window are kept. */
static void
check_member(const struct member *m, size_t max_kept)
{
	static const size_t cuts[][2] = { { 7, 1 << 20 }, { 1000, 4096 },
		{ 77777, 262144 } };

	for (unsigned k = 0; k < MAKERS; k++) {
		struct starts *s =
		    find_starts(makers[k], m, CODED_BYTES, PLAIN_BYTES);

		assert_true(s->n >= 2);
		assert_spans_decode(m, s);
		for (unsigned i = 0; i < s->n; i++)
			assert_in_range(
			    count_kept(s->windows[i], s->at[i].window_len), 0,
			    max_kept);
		for (unsigned c = 0; c < sizeof cuts / sizeof *cuts; c++) {
			struct starts *again =
			    find_starts(makers[k], m, cuts[c][0], cuts[c][1]);

			assert_same_starts(s, again);
			free(again);
		}
		free(s);
	}
}

static void
spans_decode_by_thin_windows_however_the_input_is_cut(void **state)
{
	static const struct {
		void (*fill)(uint8_t *p, size_t n);
		struct way way;
		size_t max_kept;
	} samples[] = {
		{ fill_text, { 1, Z_DEFAULT_STRATEGY, 0 }, 16384 },
		{ fill_text, { 6, Z_DEFAULT_STRATEGY, 0 }, 16384 },
		{ fill_text, { 9, Z_DEFAULT_STRATEGY, 0 }, 16384 },
		{ fill_text, { 6, Z_FIXED, 0 }, 16384 },
		{ fill_text, { 6, Z_DEFAULT_STRATEGY, 131072 }, 16384 },
		{ fill_text, { 6, Z_HUFFMAN_ONLY, 0 }, 0 },
		{ fill_text, { 0, Z_DEFAULT_STRATEGY, 0 }, 0 },
		{ fill_random, { 6, Z_DEFAULT_STRATEGY, 0 }, 300 },
		{ fill_runs, { 9, Z_DEFAULT_STRATEGY, 100000 }, 16384 },
		{ fill_runs, { 1, Z_RLE, 5000 }, 1 },
		{ fill_all, { 6, Z_DEFAULT_STRATEGY, 50000 }, 16384 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof samples / sizeof *samples; i++) {
		struct member m;

		member_init(&m, samples[i].fill, &samples[i].way);
		check_member(&m, samples[i].max_kept);
		member_release(&m);
	}
}

static void
both_decoders_need_the_same_bytes(void **state)
{
	static const struct way way = { 6, Z_DEFAULT_STRATEGY, 0 };
	struct member m;
	struct starts *a, *b;

	(void)state;
	member_init(&m, fill_text, &way);
	a = find_starts(makers[0], &m, CODED_BYTES, PLAIN_BYTES);
	b = find_starts(makers[1], &m, CODED_BYTES, PLAIN_BYTES);
	assert_same_starts(a, b);
	free(a);
	free(b);
	member_release(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    spans_decode_by_thin_windows_however_the_input_is_cut),
		cmocka_unit_test(both_decoders_need_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
