/* Which layer a view asks.  The blobs are this test's: it sees who was asked,
 * and answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layer/view.h"
#include "fetch/fetch.h"
#include "index/index.h"
#include "store/map.h"
#include "store/store.h"
#include "base/test.h"

/* A map of one object: [from, to) of `data`. */
struct map {
	uint64_t from, to;
};

struct blob {
	struct want *asked;
	uint32_t patience_ms;
	int n_asked, n_hurried;
	int n_read, n_guessed;
	int refs;
};

bool
map_find_object(const struct map *m, uint64_t data_off, uint32_t *object)
{
	*object = 0;
	return data_off >= m->from && data_off < m->to;
}

void
map_object(const struct map *m, uint32_t i, struct object *out)
{
	assert_int_equal(i, 0);
	*out = (struct object){ .data_off = m->from, .size = m->to - m->from };
}

struct blob *
blob_ref(struct blob *b)
{
	b->refs++;
	return b;
}

void
blob_unref(struct blob *b)
{
	b->refs--;
}

void
blob_want(struct blob *b, struct want *w)
{
	b->n_asked++;
	b->asked = w;
	b->patience_ms = w->patience_ms;
}

void
blob_hurry(struct blob *b)
{
	b->n_hurried++;
}

bool
blob_may_guess(struct blob *b)
{
	(void)b;
	return true;
}

void
blob_note_read(struct blob *b, uint64_t data_off)
{
	(void)data_off;
	b->n_read++;
}

bool
blob_guess(struct blob *b, uint64_t data_off)
{
	(void)data_off;
	b->n_guessed++;
	return true;
}

int
store_read(struct store *s, void *p, size_t len, uint64_t off, struct err *e)
{
	(void)s;
	memset(p, off, len);
	return len == 1 ? err_set(e, EAGAIN, "missing") : 0;
}

void
index_close(struct index *x)
{
	(void)x;
}

/* ---- three layers: the middle one shares bytes with the bottom one ---- */

struct fixture {
	struct blob blobs[3];
	struct view *view;
	int n_freed;
	struct want want;
	int n_done;
	int code;
};

static void
on_free(void *ctx)
{
	((struct fixture *)ctx)->n_freed++;
}

static void
on_done(struct want *w, const struct err *failure)
{
	struct fixture *f = container_of(w, struct fixture, want);

	f->n_done++;
	f->code = failure != NULL ? failure->code : 0;
}

static struct fixture *
fixture_new(void)
{
	static const struct map maps[3] = { { 0, 200 }, { 100, 200 },
		{ 300, 400 } };
	const struct map *const m[3] = { &maps[0], &maps[1], &maps[2] };
	struct fixture *f = calloc(1, sizeof *f);
	struct blob *b[3] = { &f->blobs[0], &f->blobs[1], &f->blobs[2] };
	struct err e;

	f->view = view_new(NULL, NULL, b, m, 3, "label", on_free, f, &e);
	assert_non_null(f->view);
	return f;
}

static void
fixture_free(struct fixture *f)
{
	view_unref(f->view);
	assert_int_equal(f->n_freed, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->blobs[i].refs, 0);
	free(f);
}

static void
want(struct fixture *f, uint64_t data_off, uint32_t patience_ms)
{
	f->want = (struct want){ .data_off = data_off,
		.len = 10,
		.patience_ms = patience_ms,
		.on_done = on_done };
	view_want(f->view, &f->want);
}

static void
answer(struct blob *b, int code)
{
	struct want *w = b->asked;
	struct err e;

	b->asked = NULL;
	if (code != 0)
		err_set(&e, code, "told to fail");
	w->on_done(w, code != 0 ? &e : NULL);
}

static void
the_only_layer_with_the_bytes_is_asked(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	want(f, 350, 7000);
	assert_ptr_equal(f->blobs[2].asked, &f->want);
	assert_int_equal(f->blobs[2].patience_ms, 7000);
	answer(&f->blobs[2], ETIMEDOUT);
	assert_int_equal(f->n_done, 1);
	assert_int_equal(f->code, ETIMEDOUT);
	assert_int_equal(f->blobs[0].n_asked + f->blobs[1].n_asked, 0);
	fixture_free(f);
}

static void
the_upper_of_two_is_asked_first(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	want(f, 150, 7000);
	assert_int_equal(f->blobs[1].n_asked, 1);
	answer(&f->blobs[1], 0);
	assert_int_equal(f->n_done, 1);
	assert_int_equal(f->code, 0);
	assert_int_equal(f->blobs[0].n_asked, 0);
	fixture_free(f);
}

static void
the_lower_of_two_is_asked_when_the_upper_fails(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	want(f, 150, 7000);
	assert_int_equal(f->blobs[1].patience_ms, 0);
	answer(&f->blobs[1], ENOENT);
	assert_int_equal(f->n_done, 0);
	assert_int_equal(f->blobs[0].n_asked, 1);
	assert_int_equal(f->blobs[0].patience_ms, 7000);
	answer(&f->blobs[0], 0);
	assert_int_equal(f->n_done, 1);
	assert_int_equal(f->code, 0);
	fixture_free(f);
}

/* Or the machine stood still meanwhile. */
static void
what_a_layer_takes_is_not_the_last_one_s(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	want(f, 150, 1);
	usleep(2000);
	answer(&f->blobs[1], ETIMEDOUT);
	assert_int_equal(f->blobs[0].patience_ms, 1);
	answer(&f->blobs[0], 0);
	assert_int_equal(f->n_done, 1);
	fixture_free(f);
}

static void
the_last_failure_is_told_and_patience_for_ever_stays(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	want(f, 150, WANT_FOREVER);
	answer(&f->blobs[1], ENOENT);
	assert_int_equal(f->blobs[0].patience_ms, WANT_FOREVER);
	answer(&f->blobs[0], EACCES);
	assert_int_equal(f->n_done, 1);
	assert_int_equal(f->code, EACCES);
	fixture_free(f);
}

static void
every_layer_that_is_asked_knows_the_limit(void **state)
{
	struct fixture *f = fixture_new();
	_Atomic uint64_t limit_ns = 1;

	(void)state;
	f->want = (struct want){ .data_off = 150,
		.len = 10,
		.patience_ms = WANT_FOREVER,
		.limit_ns = &limit_ns,
		.on_done = on_done };
	view_want(f->view, &f->want);
	assert_ptr_equal(f->blobs[1].asked->limit_ns, &limit_ns);
	answer(&f->blobs[1], ENOENT);
	assert_ptr_equal(f->blobs[0].asked->limit_ns, &limit_ns);
	view_hurry(f->view);
	assert_int_equal(f->blobs[0].n_hurried, 1);
	answer(&f->blobs[0], ETIMEDOUT);
	assert_int_equal(f->n_done, 1);
	fixture_free(f);
}

static void
bytes_of_no_layer_are_an_error_at_once(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	want(f, 250, 7000);
	assert_int_equal(f->n_done, 1);
	assert_int_equal(f->code, EIO);
	fixture_free(f);
}

static void
a_want_on_its_way_keeps_the_view(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	want(f, 150, 7000);
	view_unref(f->view);
	assert_int_equal(f->n_freed, 0);
	answer(&f->blobs[1], 0);
	assert_int_equal(f->n_done, 1);
	assert_int_equal(f->n_freed, 1);
	free(f);
}

static void
what_is_missing_is_told_from_what_fails(void **state)
{
	struct fixture *f = fixture_new();
	uint8_t bytes[2];
	struct err e;

	(void)state;
	assert_string_equal(view_label(f->view), "label");
	assert_int_equal(view_read(f->view, bytes, 2, 5, &e), 0);
	assert_int_equal(bytes[1], 5);
	assert_fails(view_read(f->view, bytes, 1, 5, &e), e, EAGAIN);
	fixture_free(f);
}

static void
an_extent_ends_with_the_last_block_of_its_file(void **state)
{
	struct fixture *f = fixture_new();
	uint64_t start;

	(void)state;
	assert_int_equal(view_extent(f->view, 350, 10, &start), 10);
	assert_int_equal(start, 300);
	/* The map of the middle layer is asked before the bottom one's. */
	assert_int_equal(
	    view_extent(f->view, 150, 10000, &start), STORE_BLOCK - 150);
	assert_int_equal(start, 100);
	assert_int_equal(view_extent(f->view, 250, 10, &start), 0);
	fixture_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_extent_ends_with_the_last_block_of_its_file),
		cmocka_unit_test(the_only_layer_with_the_bytes_is_asked),
		cmocka_unit_test(the_upper_of_two_is_asked_first),
		cmocka_unit_test(
		    the_lower_of_two_is_asked_when_the_upper_fails),
		cmocka_unit_test(what_a_layer_takes_is_not_the_last_one_s),
		cmocka_unit_test(
		    the_last_failure_is_told_and_patience_for_ever_stays),
		cmocka_unit_test(every_layer_that_is_asked_knows_the_limit),
		cmocka_unit_test(bytes_of_no_layer_are_an_error_at_once),
		cmocka_unit_test(a_want_on_its_way_keeps_the_view),
		cmocka_unit_test(what_is_missing_is_told_from_what_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
