#include <stdio.h>
#include <string.h>

#include "cli/progress.h"
#include "base/doc.h"
#include "base/limits.h"
#include "base/test.h"

static void
take(struct progress *p, const char *stage, int layer, int64_t done,
    int64_t total)
{
	AUTO_DOC struct doc *event = doc_new_object();
	struct digest d = { { layer, layer >> 8 } };

	doc_set_string(event, "event", "progress");
	doc_set_string(event, "stage", stage);
	if (layer >= 0)
		doc_set_string(event, "layer", DIGEST_TEXT(&d));
	doc_set_int(event, "done", done);
	doc_set_int(event, "total", total);
	progress_take(p, event);
}

static void
assert_picture(const struct progress *p, size_t width, const char *picture)
{
	AUTO_BUF struct buf out = BUF_INIT(KIB(16));
	unsigned lines = progress_render(p, width, &out), n = 0;

	assert_string_equal(buf_str(&out), picture);
	for (const char *c = picture; *c != 0; c++)
		n += *c == '\n';
	assert_int_equal(lines, n);
}

static void
a_stage_without_numbers_is_its_name(void **state)
{
	CLEANUP(progress_release) struct progress p;

	(void)state;
	progress_init(&p, false);
	take(&p, "resolve", -1, 0, 0);
	assert_picture(&p, 80, "resolve \n");
}

static void
layers_are_summed_and_those_under_way_shown(void **state)
{
	CLEANUP(progress_release) struct progress p;

	(void)state;
	progress_init(&p, false);
	take(&p, "fetch", 1, 1024, 1024);
	take(&p, "fetch", 2, 512, 1024);
	take(&p, "fetch", 3, 0, 2048);
	assert_picture(&p, 100,
	    "fetch    [#########...............]  37%  1.5 KiB of 4.0 KiB  "
	    "1 of 3 layers\n"
	    "  020000000000  50%  512 B of 1.0 KiB\n");
}

static void
a_new_stage_starts_anew(void **state)
{
	CLEANUP(progress_release) struct progress p;

	(void)state;
	progress_init(&p, false);
	take(&p, "layers", 1, 5, 10);
	take(&p, "fetch", -1, 0, 10);
	assert_picture(
	    &p, 100, "fetch    [........................]   0%  0 B of 10 B\n");
}

static void
no_line_is_wider_than_the_terminal(void **state)
{
	CLEANUP(progress_release) struct progress p;

	(void)state;
	progress_init(&p, false);
	take(&p, "fetch", 1, 5, 10);
	assert_picture(&p, 14, "fetch    [####\n  010000000000\n");
}

static void
few_of_many_layers_are_shown(void **state)
{
	CLEANUP(progress_release) struct progress p;
	AUTO_BUF struct buf out = BUF_INIT(KIB(16));

	(void)state;
	progress_init(&p, false);
	for (int i = 0; i < LIMIT_LAYERS + 10; i++)
		take(&p, "fetch", i, 5, 10);
	assert_int_equal(p.n_layers, LIMIT_LAYERS);
	assert_int_equal(
	    progress_render(&p, 80, &out), 1 + PROGRESS_LAYERS_SHOWN);
}

static void
numbers_that_make_no_sense_are_clamped(void **state)
{
	CLEANUP(progress_release) struct progress p;

	(void)state;
	progress_init(&p, false);
	for (int i = 0; i < LIMIT_LAYERS; i++)
		take(&p, "fetch", i, INT64_MAX, INT64_MAX);
	take(&p, "fetch", 0, 7, -7);
	assert_picture(&p, 120,
	    "fetch    [########################] 100%  511.0 TiB of 511.0 TiB"
	    "  512 of 512 layers\n");
}

static void
a_stage_that_is_no_word_is_ignored(void **state)
{
	CLEANUP(progress_release) struct progress p;

	(void)state;
	progress_init(&p, false);
	take(&p, "mount", -1, 1, 2);
	take(&p, "\033[2J", -1, 2, 2);
	take(&p, "a stage of many words", -1, 2, 2);
	assert_picture(
	    &p, 80, "mount    [############............]  50%  1 B of 2 B\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stage_without_numbers_is_its_name),
		cmocka_unit_test(layers_are_summed_and_those_under_way_shown),
		cmocka_unit_test(a_new_stage_starts_anew),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(few_of_many_layers_are_shown),
		cmocka_unit_test(numbers_that_make_no_sense_are_clamped),
		cmocka_unit_test(a_stage_that_is_no_word_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
