#include "base/toml_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

int
toml_fail(struct toml_text *t, const char *fmt, ...)
{
	int line = 1, column = 1;
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	for (const char *s = t->start; s < t->at; s++) {
		column = *s == '\n' ? 1 : column + 1;
		line += *s == '\n';
	}
	return err_set(
	    t->e, EBADMSG, "line %d: %s (column %d)", line, why, column);
}

/* --- characters --- */

bool
toml_next_is(const struct toml_text *t, char c)
{
	return t->at < t->end && *t->at == c;
}

static bool
next_is_text(const struct toml_text *t, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(t->end - t->at) >= n && memcmp(t->at, text, n) == 0;
}

bool
toml_take(struct toml_text *t, const char *text)
{
	if (!next_is_text(t, text))
		return false;
	t->at += strlen(text);
	return true;
}

bool
toml_next_is_newline(const struct toml_text *t)
{
	return toml_next_is(t, '\n') || next_is_text(t, "\r\n");
}

static bool
take_newline(struct toml_text *t)
{
	return toml_take(t, "\n") || toml_take(t, "\r\n");
}

void
toml_skip_blanks(struct toml_text *t)
{
	while (toml_next_is(t, ' ') || toml_next_is(t, '\t'))
		t->at++;
}

static bool
is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

int
toml_skip_comment(struct toml_text *t)
{
	if (!toml_next_is(t, '#'))
		return 0;
	while (t->at < t->end && !toml_next_is_newline(t)) {
		if (is_control(*t->at))
			return toml_fail(t, "a control character in a comment");
		t->at++;
	}
	return 0;
}

int
toml_skip_lines(struct toml_text *t)
{
	do {
		toml_skip_blanks(t);
		if (toml_skip_comment(t) < 0)
			return -1;
	} while (take_newline(t));
	return 0;
}

/* --- strings --- */

static int
read_code_point(struct toml_text *t, int digits, struct buf *out)
{
	uint32_t code = 0;
	uint8_t bytes[4];
	size_t n;

	for (int i = 0; i < digits; i++, t->at++) {
		const char *hex = "0123456789abcdef", *d;

		d = t->at < t->end && *t->at != 0 ? strchr(hex, *t->at | 0x20)
						  : NULL;
		if (d == NULL || *t->at < '0')
			return toml_fail(t, "\\%c wants %d hexadecimal digits",
			    digits == 4 ? 'u' : 'U', digits);
		code = code << 4 | (d - hex);
	}
	n = utf8_encode(code, bytes);
	if (n == 0 || code == 0)
		return toml_fail(t, "U+%04X is no character", code);
	return buf_append(out, bytes, n, t->e);
}

static int
read_escape(struct toml_text *t, struct buf *out)
{
	static const char names[] = "btnfr\"\\", means[] = "\b\t\n\f\r\"\\";
	char name = t->at < t->end ? *t->at : 0;
	const char *found = name != 0 ? strchr(names, name) : NULL;

	if (found != NULL) {
		t->at++;
		return buf_append(out, &means[found - names], 1, t->e);
	}
	if (name != 'u' && name != 'U')
		return toml_fail(t, "unknown escape");
	t->at++;
	return read_code_point(t, name == 'u' ? 4 : 8, out);
}

/* A backslash at a line's end takes the line end and all space after it. */
static bool
take_line_continuation(struct toml_text *t)
{
	const char *at = t->at;

	toml_skip_blanks(t);
	if (!take_newline(t)) {
		t->at = at;
		return false;
	}
	do
		toml_skip_blanks(t);
	while (take_newline(t));
	return true;
}

/* One line's string, past its opening quote. */
static int
read_line_string(struct toml_text *t, char quote, struct buf *out)
{
	while (!toml_next_is(t, quote)) {
		if (t->at == t->end || toml_next_is_newline(t))
			return toml_fail(t, "a string without its end");
		if (is_control(*t->at))
			return toml_fail(t, "a control character in a string");
		if (quote == '"' && toml_take(t, "\\")) {
			if (read_escape(t, out) < 0)
				return -1;
		} else if (buf_append(out, t->at++, 1, t->e) < 0) {
			return -1;
		}
	}
	t->at++;
	return 0;
}

/* The end of a long string is three quotes; up to two more belong to it. */
static bool
take_long_end(struct toml_text *t, const char *quotes, struct buf *out, int *rc)
{
	const char *from = t->at;

	if (!toml_take(t, quotes))
		return false;
	while (t->at - from < 5 && toml_next_is(t, quotes[0]))
		t->at++;
	*rc = buf_append(out, from, t->at - from - 3, t->e);
	return true;
}

/* A string of several lines, past its opening quotes. */
static int
read_long_string(struct toml_text *t, const char *quotes, struct buf *out)
{
	int rc = 0;

	take_newline(t);
	while (rc == 0 && !take_long_end(t, quotes, out, &rc)) {
		if (t->at == t->end)
			return toml_fail(t, "a string without its end");
		if (take_newline(t))
			rc = buf_append(out, "\n", 1, t->e);
		else if (is_control(*t->at))
			rc = toml_fail(t, "a control character in a string");
		else if (quotes[0] != '"' || !toml_take(t, "\\"))
			rc = buf_append(out, t->at++, 1, t->e);
		else if (!take_line_continuation(t))
			rc = read_escape(t, out);
	}
	return rc;
}

struct doc *
toml_read_string(struct toml_text *t)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	char quote = *t->at;
	int rc;

	if (toml_take(t, "\"\"\""))
		rc = read_long_string(t, "\"\"\"", &text);
	else if (toml_take(t, "'''"))
		rc = read_long_string(t, "'''", &text);
	else
		t->at++, rc = read_line_string(t, quote, &text);
	return rc < 0 ? NULL : doc_new_string(buf_str(&text));
}

/* --- numbers and words --- */

static bool
is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* The digits of `base` in a token, with single underscores between them. */
static int
parse_digits(const char *s, const char *end, int base, uint64_t *v)
{
	bool was_digit = false;

	for (*v = 0; s < end; s++) {
		char c = *s | 0x20;
		int d = c >= 'a' ? c - 'a' + 10 : *s - '0';

		if (*s == '_' && was_digit) {
			was_digit = false;
			continue;
		}
		if (d < 0 || d >= base)
			return -1;
		if (__builtin_mul_overflow(*v, base, v) ||
		    __builtin_add_overflow(*v, d, v))
			return -1;
		was_digit = true;
	}
	return was_digit ? 0 : -1;
}

static int
parse_integer(const char *s, const char *end, int64_t *out)
{
	bool is_negative = *s == '-', is_signed = is_negative || *s == '+';
	int base = 10;
	uint64_t v;

	s += is_signed;
	if (end - s > 2 && s[0] == '0' && !is_signed) {
		base = s[1] == 'x'   ? 16
		       : s[1] == 'o' ? 8
		       : s[1] == 'b' ? 2
				     : 10;
		s += base == 10 ? 0 : 2;
	}
	if (base == 10 && end - s > 1 && s[0] == '0')
		return -1;
	if (parse_digits(s, end, base, &v) < 0 ||
	    v > (uint64_t)INT64_MAX + is_negative)
		return -1;
	*out = is_negative ? (int64_t)-v : (int64_t)v;
	return 0;
}

struct doc *
toml_read_word(struct toml_text *t)
{
	const char *from = t->at;
	int64_t v;
	int n;

	while (t->at < t->end && (is_bare(*t->at) || memchr("+.:", *t->at, 3)))
		t->at++;
	n = t->at - from;
	if (n == 4 && memcmp(from, "true", 4) == 0)
		return doc_new_bool(true);
	if (n == 5 && memcmp(from, "false", 5) == 0)
		return doc_new_bool(false);
	if (n > 0 && parse_integer(from, t->at, &v) == 0)
		return doc_new_int(v);
	t->at = from;
	if (n == 0)
		toml_fail(t, "a value is missing");
	else
		toml_fail(t,
		    "\"%.*s\" is no string, whole number, true or false",
		    n > 40 ? 40 : n, from);
	return NULL;
}

int
toml_read_key_part(struct toml_text *t, struct buf *out)
{
	out->len = 0;
	if (toml_take(t, "\""))
		return read_line_string(t, '"', out);
	if (toml_take(t, "'"))
		return read_line_string(t, '\'', out);
	const char *from = t->at;

	while (t->at < t->end && is_bare(*t->at))
		t->at++;
	if (t->at == from)
		return toml_fail(t, "a key is missing");
	return buf_append(out, from, t->at - from, t->e);
}

int
toml_check_utf8(struct toml_text *t)
{
	while (t->at < t->end) {
		size_t n = utf8_length((const uint8_t *)t->at, t->end - t->at);

		if (n == 0)
			return toml_fail(t, "not UTF-8");
		t->at += n;
	}
	t->at = t->start;
	return 0;
}
