#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/doc.h"
#include "base/log.h"
#include "base/log_repeat.h"
#include "base/metrics.h"
#include "base/test.h"

/* What the calls in between wrote on stderr. */
struct capture {
	int saved;
	int pipe[2];
};

static void
capture_begin(struct capture *c)
{
	assert_int_equal(pipe(c->pipe), 0);
	c->saved = dup(STDERR_FILENO);
	dup2(c->pipe[1], STDERR_FILENO);
}

static size_t
capture_end(struct capture *c, char *out, size_t size)
{
	ssize_t n;

	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	close(c->pipe[1]);
	n = read(c->pipe[0], out, size - 1);
	close(c->pipe[0]);
	assert_true(n >= 0);
	out[n] = 0;
	return n;
}

static void
a_line_says_when_who_and_how_bad(void **s)
{
	struct capture c;
	char text[4096];

	(void)s;
	unsetenv("JOURNAL_STREAM");
	log_set_name("layerfsd");
	capture_begin(&c);
	log_warn("layer %d", 3);
	capture_end(&c, text, sizeof text);
	assert_string_equal(text + strlen("2026-01-02T03:04:05.678Z"),
	    " layerfsd warn: layer 3\n");
}

static void
the_journal_gets_a_priority_and_no_time(void **s)
{
	struct capture c;
	char text[4096];

	(void)s;
	setenv("JOURNAL_STREAM", "1:2", 1);
	capture_begin(&c);
	log_error("x");
	capture_end(&c, text, sizeof text);
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(text, "<3>x\n");
}

static void
below_the_level_nothing_is_written(void **s)
{
	struct capture c;
	char text[4096];

	(void)s;
	log_set_level(LOG_LEVEL_ERROR);
	capture_begin(&c);
	log_warn("x");
	assert_int_equal(capture_end(&c, text, sizeof text), 0);
	log_set_level(LOG_LEVEL_INFO);
}

static void
an_event_is_one_line_whatever_it_holds(void **s)
{
	struct capture c;
	char text[4096], big[4000];
	size_t n;

	(void)s;
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = 0;
	big[10] = '\n';
	big[11] = '\x1b';
	capture_begin(&c);
	log_info("%s", big);
	n = capture_end(&c, text, sizeof text);
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
	assert_null(strchr(text, '\x1b'));
}

static void
errno_survives_and_can_be_told(void **s)
{
	struct capture c;
	char text[4096];

	(void)s;
	capture_begin(&c);
	errno = ENOENT;
	log_info("%m");
	assert_int_equal(errno, ENOENT);
	capture_end(&c, text, sizeof text);
	assert_non_null(strstr(text, "No such file"));
}

static void
levels_are_read_by_name(void **s)
{
	(void)s;
	assert_int_equal(log_parse_level("error"), LOG_LEVEL_ERROR);
	assert_int_equal(log_parse_level("debug"), LOG_LEVEL_DEBUG);
	assert_int_equal(log_parse_level("loud"), -1);
}

static void
every_metric_counts_and_has_a_name_and_a_meaning(void **s)
{
	(void)s;
	for (enum metric m = 0; m < METRIC_COUNT; m++) {
		uint64_t before = metric_get(m);

		metric_add(m, m + 1);
		assert_int_equal(metric_get(m) - before, m + 1);
		assert_true(strlen(metric_name(m)) > 0);
		assert_true(strlen(metric_help(m)) > 0);
	}
}

static void
every_timing_falls_into_the_bucket_it_is_not_longer_than(void **s)
{
	struct timing_counts before, after;

	(void)s;
	for (enum timing t = 0; t < TIMING_COUNT; t++) {
		timing_get(t, &before);
		timing_add(t, 0);
		timing_add(t, 1000000);
		timing_add(t, 1000001);
		timing_add(t, UINT64_C(3600) * 1000000000);
		timing_get(t, &after);
		assert_int_equal(after.buckets[0] - before.buckets[0], 2);
		assert_int_equal(after.buckets[1] - before.buckets[1], 1);
		assert_int_equal(after.buckets[TIMING_BUCKETS - 1] -
				     before.buckets[TIMING_BUCKETS - 1],
		    1);
		assert_int_equal(
		    after.total_ns - before.total_ns, UINT64_C(3600002000001));
		assert_true(strlen(timing_name(t)) > 0);
		assert_true(strlen(timing_help(t)) > 0);
	}
}

static void
a_json_line_is_an_object_whatever_it_holds(void **s)
{
	AUTO_DOC struct doc *o = NULL;
	struct capture c;
	char text[20000], big[4000];
	struct err e;
	size_t n;

	(void)s;
	memset(big, '"', sizeof big - 1);
	big[sizeof big - 1] = 0;
	big[3] = '\xff';
	log_set_format(LOG_FORMAT_JSON);
	capture_begin(&c);
	log_event(LOG_LEVEL_WARN, LOG_EVENT_mounted,
	    LOG_FIELDS({ "reference", "a\"b\\\n\xc3\xbc" }, { "target", NULL },
		{ "more", big }),
	    "%s", big);
	n = capture_end(&c, text, sizeof text);
	log_set_format(LOG_FORMAT_TEXT);
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
	o = doc_parse_json(text, n - 1, &e);
	assert_non_null(o);
	assert_string_equal(doc_string(doc_find(o, "event")), "mounted");
	assert_string_equal(doc_string(doc_find(o, "level")), "warn");
	assert_string_equal(
	    doc_string(doc_find(o, "reference")), "a\"b\\?\xc3\xbc");
	assert_null(doc_find(o, "target"));
	assert_non_null(doc_find(o, "time"));
}

static void
what_is_said_again_and_again_is_counted_instead(void **s)
{
	struct repeats r = { 0 };
	unsigned left_out, written = 0;
	uint64_t now = 1;

	(void)s;
	for (int i = 0; i < 100; i++)
		written += repeats_note(&r, 7, now++, &left_out);
	assert_int_equal(written, REPEATS_WRITTEN);
	assert_true(repeats_note(&r, 8, now, &left_out));
	assert_int_equal(left_out, 0);
	now += REPEATS_WINDOW_S * NS_PER_S;
	assert_true(repeats_note(&r, 7, now, &left_out));
	assert_int_equal(left_out, 100 - REPEATS_WRITTEN);
	assert_true(repeats_note(&r, 7, now, &left_out));
	assert_int_equal(left_out, 0);
}

static void
more_lines_than_are_remembered_are_all_written(void **s)
{
	struct repeats r = { 0 };
	unsigned left_out;

	(void)s;
	for (uint64_t i = 1; i < 10 * REPEATS_KEPT; i++)
		assert_true(repeats_note(&r, i, i, &left_out));
}

static void
a_repeated_line_says_how_often_it_was_not_written(void **s)
{
	struct capture c;
	char text[8192];
	unsigned lines = 0;

	(void)s;
	capture_begin(&c);
	for (int i = 0; i < 20; i++)
		log_warn("the same");
	capture_end(&c, text, sizeof text);
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, REPEATS_WRITTEN);
}

static void
fill(int fd)
{
	static const char zeros[4096];

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (write(fd, zeros, sizeof zeros) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

static void
drain(int fd)
{
	char part[4096];

	while (recv(fd, part, sizeof part, MSG_DONTWAIT) > 0)
		;
}

static void
a_reader_that_stopped_holds_nobody_up_and_what_is_lost_is_counted(void **s)
{
	int saved = dup(STDERR_FILENO), pair[2];
	char text[4096] = "";

	(void)s;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fill(pair[1]);
	dup2(pair[1], STDERR_FILENO);
	log_never_wait();
	log_warn("lost 1");
	log_warn("lost 2");
	drain(pair[0]);
	log_warn("seen");
	dup2(saved, STDERR_FILENO);
	assert_true(recv(pair[0], text, sizeof text - 1, 0) > 0);
	assert_non_null(strstr(text, "2 lines were lost"));
	assert_null(strstr(text, "lost 1"));
	if (strstr(text, "seen") == NULL) /* the next part of the stream */
		recv(pair[0], text, sizeof text - 1, 0);
	assert_non_null(strstr(text, "seen"));
	close(saved);
	close(pair[0]);
	close(pair[1]);
}

static void
a_full_pipe_holds_nobody_up(void **s)
{
	int saved = dup(STDERR_FILENO), ends[2];

	(void)s;
	assert_int_equal(pipe(ends), 0);
	fill(ends[1]);
	dup2(ends[1], STDERR_FILENO);
	log_never_wait();
	log_warn("nobody reads this");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_when_who_and_how_bad),
		cmocka_unit_test(the_journal_gets_a_priority_and_no_time),
		cmocka_unit_test(below_the_level_nothing_is_written),
		cmocka_unit_test(an_event_is_one_line_whatever_it_holds),
		cmocka_unit_test(errno_survives_and_can_be_told),
		cmocka_unit_test(a_json_line_is_an_object_whatever_it_holds),
		cmocka_unit_test(
		    what_is_said_again_and_again_is_counted_instead),
		cmocka_unit_test(
		    more_lines_than_are_remembered_are_all_written),
		cmocka_unit_test(
		    a_repeated_line_says_how_often_it_was_not_written),
		cmocka_unit_test(levels_are_read_by_name),
		cmocka_unit_test(
		    a_reader_that_stopped_holds_nobody_up_and_what_is_lost_is_counted),
		cmocka_unit_test(a_full_pipe_holds_nobody_up),
		cmocka_unit_test(
		    every_metric_counts_and_has_a_name_and_a_meaning),
		cmocka_unit_test(
		    every_timing_falls_into_the_bucket_it_is_not_longer_than),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
