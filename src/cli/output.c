#include "cli/output.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

const char *
output_share(int64_t part, int64_t whole, char out[OUTPUT_WORD])
{
	int percent;

	if (part >= whole)
		return strcpy(out, "100%");
	if (part <= 0)
		return strcpy(out, "0%");
	percent = (int)((double)part * 100 / (double)whole);
	if (percent < 1)
		return strcpy(out, "<1%");
	snprintf(out, OUTPUT_WORD, "%d%%", percent > 99 ? 99 : percent);
	return out;
}

const char *
output_age(int64_t seconds, char out[OUTPUT_WORD])
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {
		{ 365 * 86400, "year" },
		{ 30 * 86400, "month" },
		{ 7 * 86400, "week" },
		{ 86400, "day" },
		{ 3600, "hour" },
		{ 60, "minute" },
		{ 1, "second" },
	};

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		int64_t n = seconds / units[i].seconds;

		if (n < 1)
			continue;
		snprintf(out, OUTPUT_WORD, "%" PRId64 " %s%s ago", n,
		    units[i].name, n == 1 ? "" : "s");
		return out;
	}
	return strcpy(out, "just now");
}

const char *
output_short_digest(const char *text, char out[OUTPUT_WORD])
{
	const char *colon = text == NULL ? NULL : strchr(text, ':');

	snprintf(out, OUTPUT_WORD, "%.12s",
	    colon != NULL ? colon + 1 : (text == NULL ? "" : text));
	return out;
}

/* The length of the harmless character at s; 0 when it is none. */
static size_t
safe_length(const uint8_t *s)
{
	size_t n = utf8_length(s, strnlen((const char *)s, 4));
	bool is_c0 = s[0] < 0x20 || s[0] == 0x7F;
	bool is_c1 = s[0] == 0xC2 && s[1] < 0xA0;

	return is_c0 || is_c1 ? 0 : n;
}

void
output_append_safe(struct buf *out, const char *text)
{
	const uint8_t *s = (const uint8_t *)text;
	struct err full;

	while (*s != 0) {
		size_t n = safe_length(s);

		if (buf_append(out, n == 0 ? (const uint8_t *)"?" : s,
			n == 0 ? 1 : n, &full) < 0)
			return;
		s += n == 0 ? 1 : n;
	}
}

void
output_print_safe(FILE *f, const char *text)
{
	AUTO_BUF struct buf safe = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);

	output_append_safe(&safe, text);
	fputs(buf_str(&safe), f);
}

size_t
output_width(const char *text)
{
	size_t n = 0;

	for (; *text != 0; text++)
		n += ((unsigned char)*text & 0xC0) != 0x80;
	return n;
}

void
output_cut(char *text, size_t columns)
{
	size_t n = 0;

	for (; *text != 0; text++)
		if (((unsigned char)*text & 0xC0) != 0x80 && ++n > columns) {
			*text = 0;
			return;
		}
}

const char *
output_state(const struct doc *mount, char out[OUTPUT_STATE])
{
	const char *state = doc_string(doc_find(mount, "state"));
	time_t since = doc_int(doc_find(mount, "unreachable_since"));
	bool is_old = clock_wall_s() - since > 12 * 3600;
	char when[24] = "";
	struct tm tm;

	if (since > 0 && localtime_r(&since, &tm) != NULL)
		strftime(when, sizeof when,
		    is_old ? " since %F %H:%M" : " since %H:%M", &tm);
	snprintf(
	    out, OUTPUT_STATE, "%.16s%s", state == NULL ? "" : state, when);
	return out;
}

void
output_json(const struct doc *result)
{
	AUTO_DOC struct doc *shown = doc_new_object();
	AUTO_FREE char *text = NULL;

	doc_for_each((struct doc *)result, key, v)
		if (strcmp(key, "ok") != 0)
			doc_set(shown, key, doc_ref(v));
	text = doc_to_json(shown, true);
	puts(text);
}

void
table_init(
    struct table *t, const char *const *heads, size_t n_columns, uint32_t right)
{
	*t = (struct table){
		.n_columns = n_columns, .heads = heads, .right = right
	};
}

void
table_release(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	t->cells = NULL;
	t->n_cells = t->room = 0;
}

void
table_add(struct table *t, const char *text)
{
	AUTO_BUF struct buf safe = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);

	if (t->n_cells == t->room) {
		t->room = t->room == 0 ? 64 : 2 * t->room;
		t->cells = reallocarray(t->cells, t->room, sizeof *t->cells);
		assert(t->cells != NULL);
	}
	output_append_safe(&safe, text == NULL ? "" : text);
	t->cells[t->n_cells] = strdup(buf_str(&safe));
	assert(t->cells[t->n_cells] != NULL);
	t->n_cells++;
}

/* One row of cells, without blanks at its end. */
static void
print_row(const struct table *t, const char *const *cells, const size_t *widths,
    FILE *f)
{
	AUTO_BUF struct buf row = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);
	struct err full;

	for (size_t c = 0; c < t->n_columns; c++) {
		int pad = (int)(widths[c] - output_width(cells[c]));
		bool is_right = (t->right >> c & 1) != 0;

		buf_printf(&row, &full, "%*s%s%*s", is_right ? pad : 0, "",
		    cells[c], is_right ? 2 : pad + 2, "");
	}
	while (row.len > 0 && row.data[row.len - 1] == ' ')
		row.len--;
	fputs(buf_str(&row), f);
	fputc('\n', f);
}

void
table_print(const struct table *t, FILE *f)
{
	size_t n_rows = t->n_cells / t->n_columns;
	size_t widths[TABLE_COLUMNS] = { 0 };

	assert(t->n_columns <= TABLE_COLUMNS);
	for (size_t c = 0; t->heads != NULL && c < t->n_columns; c++)
		widths[c] = output_width(t->heads[c]);
	for (size_t i = 0; i < n_rows * t->n_columns; i++) {
		size_t c = i % t->n_columns;

		widths[c] = max_u64(widths[c], output_width(t->cells[i]));
	}
	if (t->heads != NULL)
		print_row(t, t->heads, widths, f);
	for (size_t i = 0; i < n_rows; i++)
		print_row(t, (const char *const *)t->cells + i * t->n_columns,
		    widths, f);
}
