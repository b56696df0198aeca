/* layerfs top: what is shown and what happens to it, again and again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"

enum { INTERVAL_DEFAULT_S = 2, INTERVAL_MAX_S = 3600 };

static int64_t
number_of(const struct doc *o, const char *key)
{
	return doc_int(doc_find(o, key));
}

/* ---- rates: what was counted since the answer before ---- */

static const struct {
	const char *count, *rate;
} rates[] = {
	{ "reads", "reads_per_s" },
	{ "waits", "waits_per_s" },
	{ "fetched", "fetched_per_s" },
};

static const struct doc *
find_mount(const struct doc *list, const char *id)
{
	for (size_t i = 0; i < doc_count(list); i++) {
		const char *other = doc_string(doc_find(doc_at(list, i), "id"));

		if (id != NULL && other != NULL && strcmp(id, other) == 0)
			return doc_at(list, i);
	}
	return NULL;
}

/* A worker that started again counts from zero: that is no rate. */
static int64_t
rate_of(int64_t before, int64_t now, int64_t ms)
{
	if (ms <= 0 || now < before || now - before > INT64_MAX / 1000)
		return 0;
	return (now - before) * 1000 / ms;
}

static void
set_rates(struct doc *now, const struct doc *before)
{
	const struct doc *earlier = doc_find(before, "mounts");
	const struct doc *mounts = doc_find(now, "mounts");
	int64_t ms = number_of(now, "at_ms") - number_of(before, "at_ms");

	for (size_t i = 0; i < doc_count(mounts); i++) {
		struct doc *m = doc_at(mounts, i);
		const struct doc *was =
		    find_mount(earlier, doc_string(doc_find(m, "id")));

		for (size_t k = 0; k < sizeof rates / sizeof *rates; k++)
			doc_set_int(m, rates[k].rate,
			    was == NULL
				? 0
				: rate_of(number_of(was, rates[k].count),
				      number_of(m, rates[k].count), ms));
	}
}

/* ---- a picture ---- */

static void
add_number(struct table *t, const struct doc *m, const char *key)
{
	char text[OUTPUT_WORD];

	snprintf(text, sizeof text, "%" PRId64, number_of(m, key));
	table_add(t, text);
}

static void
add_wait(struct table *t, const struct doc *m)
{
	int64_t ms = number_of(m, "oldest_wait_ms");
	char text[OUTPUT_WORD] = "";

	if (number_of(m, "waiting") > 0)
		snprintf(text, sizeof text, "%" PRId64 ".%" PRId64 " s",
		    ms / 1000, ms % 1000 / 100);
	table_add(t, text);
}

/* One target, and how many more see the same. */
static void
add_place(struct table *t, const struct doc *m)
{
	const struct doc *targets = doc_find(m, "targets");
	const char *first = doc_string(doc_at(targets, 0));
	int64_t users = number_of(m, "users");
	char text[4200];

	if (first == NULL)
		snprintf(
		    text, sizeof text, "%" PRId64 " containers' layers", users);
	else if (users > 1)
		snprintf(text, sizeof text, "%.4096s and %" PRId64 " more",
		    first, users - 1);
	else
		snprintf(text, sizeof text, "%.4096s", first);
	table_add(t, text);
}

static void
add_mount(struct table *t, const struct doc *m)
{
	table_add(t, output_state(m, (char[OUTPUT_STATE]){ 0 }));
	add_number(t, m, "reads_per_s");
	add_number(t, m, "waits_per_s");
	table_add(t, SIZE_TEXT(number_of(m, "fetched_per_s")));
	table_add(t, SIZE_TEXT(number_of(m, "fetched")));
	add_number(t, m, "waiting");
	add_wait(t, m);
	add_number(t, m, "errors");
	table_add(t, doc_string(doc_find(m, "reference")));
	add_place(t, m);
}

static void
print_table(const struct doc *result, FILE *f)
{
	static const char *const heads[] = { "STATE", "READS/S", "WAITS/S",
		"FETCHED/S", "FETCHED", "WAITING", "OLDEST", "ERRORS",
		"REFERENCE", "SEEN AT" };
	const struct doc *mounts = doc_find(result, "mounts");
	AUTO_TABLE struct table t;

	table_init(&t, heads, 10, 0xFE);
	for (size_t i = 0; i < doc_count(mounts); i++)
		add_mount(&t, doc_at(mounts, i));
	table_print(&t, f);
}

/* A terminal shows what fits: lines that wrap would push the first ones out. */
static void
show_on_terminal(char *text)
{
	struct winsize w = { .ws_row = 24, .ws_col = 80 };
	char *rest = text;
	unsigned row = 0;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	fputs("\033[H\033[J", stdout);
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (*line == 0 || ++row >= w.ws_row)
			break;
		output_cut(line, w.ws_col);
		printf("%s\n", line);
	}
}

static void
show(const struct doc *result, bool is_live)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return;
	print_table(result, f);
	fclose(f);
	if (is_live)
		show_on_terminal(text);
	else
		fputs(text, stdout);
	fflush(stdout);
}

/* ---- again and again ---- */

/* Its worker may have died meanwhile: the next one listens already. */
static struct doc *
ask_again(struct session *s, struct err *e)
{
	AUTO_REQUEST struct request r;
	struct doc *result;

	request_init(&r, "top");
	result = session_call(s, &r, e);
	if (result != NULL || e->code != ECONNRESET)
		return result;
	session_release(s);
	return session_ask(s, SESSION_FIND, "top", e);
}

static int
read_interval(const struct session *s, unsigned *out, struct err *e)
{
	const char *text = s->args->values[OPTION_INTERVAL];
	char *end;
	long v;

	*out = INTERVAL_DEFAULT_S;
	if (text == NULL)
		return 0;
	v = strtol(text, &end, 10);
	if (*end != 0 || v < 1 || v > INTERVAL_MAX_S)
		return err_set(e, EINVAL,
		    "--interval %s is not a number of seconds from 1 to %d",
		    text, INTERVAL_MAX_S);
	*out = (unsigned)v;
	return 0;
}

static int
watch(struct session *s, unsigned interval_s, struct err *e)
{
	bool is_once = arguments_has(s->args, OPTION_ONCE);
	bool is_live = !is_once && isatty(STDOUT_FILENO);
	AUTO_DOC struct doc *before = session_ask(s, SESSION_FIND, "top", e);

	while (before != NULL) {
		struct doc *now;

		sleep(interval_s);
		now = ask_again(s, e);
		if (now == NULL)
			return -1;
		set_rates(now, before);
		if (s->is_json)
			output_json(now);
		else
			show(now, is_live);
		doc_unref(before);
		before = now;
		/* Whoever read this may be gone. */
		if (is_once || fflush(stdout) != 0)
			return 0;
	}
	return -1;
}

int
cmd_top(struct session *s)
{
	unsigned interval_s;
	struct err e;

	if (read_interval(s, &interval_s, &e) < 0)
		return session_misuse(s->args->command, &e);
	if (watch(s, interval_s, &e) < 0)
		return session_fail(s, &e, "top");
	return STATUS_DONE;
}
