#include "base/json_pull.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

_Static_assert(LIMIT_JSON_DEPTH <= 64, "one bit of is_object_bits a level");

enum {
	EXPECT_VALUE,
	EXPECT_FIRST_ELEMENT, /* a value, or the end of an empty array */
	EXPECT_FIRST_KEY,     /* a key, or the end of an empty object */
	EXPECT_AFTER_VALUE,   /* a comma, the container's end, or the text's */
	EXPECT_NOTHING
}; /* it ended or failed */

void
json_pull_init(struct json_pull *r, const void *p, size_t n)
{
	*r = (struct json_pull){
		.start = p,
		.at = p,
		.end = (const uint8_t *)p + n,
		.scratch = BUF_INIT(LIMIT_JSON_STRING_BYTES),
		.expect = EXPECT_VALUE,
	};
}

void
json_pull_release(struct json_pull *r)
{
	buf_release(&r->scratch);
}

static enum json_token __attribute__((format(printf, 3, 4)))
failed(struct json_pull *r, struct err *e, const char *fmt, ...)
{
	char why[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	r->expect = EXPECT_NOTHING;
	return err_set(e, EBADMSG, "JSON at byte %zu: %s",
	    (size_t)(r->at - r->start), why);
}

static enum json_token
unexpected(struct json_pull *r, const char *wanted, struct err *e)
{
	if (r->at == r->end)
		return failed(r, e, "it ends where %s should be", wanted);
	return failed(r, e, "0x%02x where %s should be", *r->at, wanted);
}

static inline void
skip_space(struct json_pull *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' ||
				     *r->at == '\r' || *r->at == '\t'))
		r->at++;
}

static inline bool
next_is(const struct json_pull *r, uint8_t c)
{
	return r->at < r->end && *r->at == c;
}

/* Marks (0x80) at least the first byte of a word that is a quote, a backslash
 * or a control character; zero when there is none. */
static inline uint64_t
specials(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
	uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';

	return (((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
		   ((w - ones * 0x20) & ~w)) &
	       tops;
}

/* The first byte at or after p that does not stand for itself. */
static inline const uint8_t *
plain_end(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 8 && specials(get_le64(p)) == 0)
		p += 8;
	while (p < end && *p != '"' && *p != '\\' && *p >= 0x20)
		p++;
	return p;
}

/* Four hexadecimal digits at p, or -1. */
static int
hex4(const uint8_t *p, const uint8_t *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t c = p[i] | 0x20;

		if (p[i] >= '0' && p[i] <= '9')
			v = v << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* \uXXXX, and its second half where it is a surrogate pair; r->at is at the
 * first digit.  Returns the length of what it wrote, 0 after a failure. */
static size_t
unicode_escape(struct json_pull *r, uint8_t out[4], struct err *e)
{
	int code = hex4(r->at, r->end), low = -1;

	if (code <= 0) {
		failed(r, e, code == 0 ? "NUL in a string" : "bad \\u escape");
		return 0;
	}
	r->at += 4;
	if (code >= 0xD800 && code <= 0xDBFF && r->end - r->at >= 6 &&
	    r->at[0] == '\\' && r->at[1] == 'u')
		low = hex4(r->at + 2, r->end);
	if (low >= 0xDC00 && low <= 0xDFFF) {
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
		r->at += 6;
	} else if (code >= 0xD800 && code <= 0xDFFF) {
		code = 0xFFFD;
	}
	return utf8_encode(code, out);
}

static const char escapes[256] = {
	['"'] = '"',
	['\\'] = '\\',
	['/'] = '/',
	['b'] = '\b',
	['f'] = '\f',
	['n'] = '\n',
	['r'] = '\r',
	['t'] = '\t',
};

/* What the escape at r->at (past its backslash) stands for. */
static size_t
read_escape(struct json_pull *r, uint8_t out[4], struct err *e)
{
	if (next_is(r, 'u')) {
		r->at++;
		return unicode_escape(r, out, e);
	}
	if (r->at == r->end || escapes[*r->at] == 0) {
		unexpected(r, "an escape", e);
		return 0;
	}
	out[0] = escapes[*r->at++];
	return 1;
}

static int
append_text(struct json_pull *r, const void *p, size_t n, struct err *e)
{
	if (n > r->scratch.max - r->scratch.len)
		return failed(r, e, "a string longer than %d bytes",
		    LIMIT_JSON_STRING_BYTES);
	if (buf_append(&r->scratch, p, n, e) < 0) {
		r->expect = EXPECT_NOTHING;
		return -1;
	}
	return 0;
}

/* The string whose opening quote is at r->at. */
static enum json_token
read_string(struct json_pull *r, enum json_token kind, struct err *e)
{
	uint8_t decoded[4];

	r->scratch.len = 0;
	r->at++;
	for (;;) {
		const uint8_t *from = r->at;
		size_t n;

		r->at = plain_end(from, r->end);
		if (append_text(r, from, r->at - from, e) < 0)
			return JSON_FAILED;
		if (next_is(r, '"'))
			break;
		if (!next_is(r, '\\'))
			return unexpected(r, "a string's end", e);
		r->at++;
		n = read_escape(r, decoded, e);
		if (n == 0 || append_text(r, decoded, n, e) < 0)
			return JSON_FAILED;
	}
	r->at++;
	r->text = buf_str(&r->scratch);
	r->text_len = r->scratch.len;
	return kind;
}

static inline bool
next_is_digit(const struct json_pull *r)
{
	return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

/* Digits, at least one; their value in *v, false where it overflows. */
static int
read_digits(struct json_pull *r, uint64_t *v, bool *fits, struct err *e)
{
	if (!next_is_digit(r))
		return unexpected(r, "a digit", e);
	for (*v = 0; next_is_digit(r); r->at++)
		if (__builtin_mul_overflow(*v, 10, v) ||
		    __builtin_add_overflow(*v, *r->at - '0', v))
			*fits = false;
	return 0;
}

/* What may follow a number's whole part. */
static int
read_fraction(struct json_pull *r, struct err *e)
{
	uint64_t ignored;
	bool fits;

	if (next_is(r, '.')) {
		r->is_integer = false;
		r->at++;
		if (read_digits(r, &ignored, &fits, e) < 0)
			return -1;
	}
	if (next_is(r, 'e') || next_is(r, 'E')) {
		r->is_integer = false;
		r->at++;
		if (next_is(r, '+') || next_is(r, '-'))
			r->at++;
		return read_digits(r, &ignored, &fits, e);
	}
	return 0;
}

static enum json_token
read_number(struct json_pull *r, struct err *e)
{
	bool is_negative = next_is(r, '-');
	uint64_t v = 0;

	r->is_integer = true;
	r->at += is_negative;
	if (next_is(r, '0'))
		r->at++;
	else if (read_digits(r, &v, &r->is_integer, e) < 0)
		return JSON_FAILED;
	if (read_fraction(r, e) < 0)
		return JSON_FAILED;
	if (v > (uint64_t)INT64_MAX + is_negative)
		r->is_integer = false;
	r->number = !r->is_integer ? 0 : is_negative ? (int64_t)-v : (int64_t)v;
	return JSON_NUMBER;
}

static enum json_token
read_word(
    struct json_pull *r, const char *word, enum json_token kind, struct err *e)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return unexpected(r, word, e);
	r->at += n;
	return kind;
}

static enum json_token
begin(struct json_pull *r, bool is_object, struct err *e)
{
	if (r->depth == LIMIT_JSON_DEPTH)
		return failed(r, e, "nests deeper than %d", LIMIT_JSON_DEPTH);
	r->at++;
	r->is_object_bits &= ~(UINT64_C(1) << r->depth);
	r->is_object_bits |= (uint64_t)is_object << r->depth++;
	r->expect = is_object ? EXPECT_FIRST_KEY : EXPECT_FIRST_ELEMENT;
	return is_object ? JSON_BEGIN_OBJECT : JSON_BEGIN_ARRAY;
}

static bool
in_object(const struct json_pull *r)
{
	return r->depth > 0 && (r->is_object_bits >> (r->depth - 1) & 1);
}

/* The innermost container's end, whose bracket is at r->at. */
static enum json_token
end(struct json_pull *r)
{
	enum json_token kind = in_object(r) ? JSON_END_OBJECT : JSON_END_ARRAY;

	r->at++;
	r->depth--;
	r->expect = EXPECT_AFTER_VALUE;
	return kind;
}

static enum json_token
read_value(struct json_pull *r, struct err *e)
{
	if (r->at == r->end)
		return unexpected(r, "a value", e);
	r->expect = EXPECT_AFTER_VALUE;
	switch (*r->at) {
	case '{':
		return begin(r, true, e);
	case '[':
		return begin(r, false, e);
	case '"':
		return read_string(r, JSON_TEXT, e);
	case 't':
		return read_word(r, "true", JSON_TRUE_VALUE, e);
	case 'f':
		return read_word(r, "false", JSON_FALSE_VALUE, e);
	case 'n':
		return read_word(r, "null", JSON_NULL_VALUE, e);
	case '-':
	case '0' ... '9':
		return read_number(r, e);
	}
	return unexpected(r, "a value", e);
}

/* A key and its colon. */
static enum json_token
read_key(struct json_pull *r, struct err *e)
{
	if (!next_is(r, '"'))
		return unexpected(r, "a key", e);
	if (read_string(r, JSON_KEY, e) == JSON_FAILED)
		return JSON_FAILED;
	skip_space(r);
	if (!next_is(r, ':'))
		return unexpected(r, "a colon", e);
	r->at++;
	r->expect = EXPECT_VALUE;
	return JSON_KEY;
}

static enum json_token
read_after_value(struct json_pull *r, struct err *e)
{
	if (r->depth == 0) {
		if (r->at < r->end)
			return unexpected(r, "the end", e);
		return JSON_END;
	}
	if (next_is(r, in_object(r) ? '}' : ']'))
		return end(r);
	if (!next_is(r, ','))
		return unexpected(r, "a comma or the end of the list", e);
	r->at++;
	skip_space(r);
	return in_object(r) ? read_key(r, e) : read_value(r, e);
}

enum json_token
json_pull_next(struct json_pull *r, struct err *e)
{
	skip_space(r);
	switch (r->expect) {
	case EXPECT_FIRST_ELEMENT:
		return next_is(r, ']') ? end(r) : read_value(r, e);
	case EXPECT_FIRST_KEY:
		return next_is(r, '}') ? end(r) : read_key(r, e);
	case EXPECT_VALUE:
		return read_value(r, e);
	case EXPECT_AFTER_VALUE:
		return read_after_value(r, e);
	}
	return failed(r, e, "read past a failure");
}

int
json_pull_skip(struct json_pull *r, struct err *e)
{
	unsigned outside = r->depth;

	do {
		enum json_token t = json_pull_next(r, e);

		if (t == JSON_FAILED)
			return -1;
		if (t == JSON_END || r->depth < outside)
			return failed(r, e, "a value is missing");
	} while (r->depth > outside);
	return 0;
}

int
json_pull_text(struct json_pull *r, struct err *e)
{
	enum json_token t = json_pull_next(r, e);

	if (t == JSON_FAILED)
		return -1;
	return t == JSON_TEXT ? 0 : failed(r, e, "not a string");
}

int
json_pull_integer(struct json_pull *r, int64_t *out, struct err *e)
{
	enum json_token t = json_pull_next(r, e);

	if (t == JSON_FAILED)
		return -1;
	if (t != JSON_NUMBER || !r->is_integer)
		return failed(r, e, "not a whole number");
	*out = r->number;
	return 0;
}
