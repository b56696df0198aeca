#include "base/toml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/doc.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"
#include "base/utf8.h"

/* How a table or array came to be decides what may still be added to it.  A
 * document does not remember that, so it is noted beside it.  What has no note
 * ({...}, [...] and the elements of [[a]]) is reached by no key again. */
enum origin {
	ORIGIN_IMPLIED, /* [a.b] implies a: [a] may still follow */
	ORIGIN_HEADER,  /* [a] */
	ORIGIN_DOTTED,  /* a.b = 1 makes a: no [a] may follow */
	ORIGIN_ELEMENT, /* [[a]]: a itself, an array that may grow */
};

struct note {
	struct hnode node;
	const struct doc *of;
	enum origin origin;
};

struct parser {
	const char *start, *at, *end;
	struct doc *root;
	struct hmap notes;
	struct err *e;
};

/* A key's or string's text while it is read. */
#define TEXT_INIT BUF_INIT(LIMIT_CONFIG_FILE_BYTES)

static int __attribute__((format(printf, 2, 3)))
failed(struct parser *p, const char *fmt, ...)
{
	int line = 1, column = 1;
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	for (const char *s = p->start; s < p->at; s++) {
		column = *s == '\n' ? 1 : column + 1;
		line += *s == '\n';
	}
	return err_set(
	    p->e, EBADMSG, "line %d: %s (column %d)", line, why, column);
}

/* --- notes --- */

static struct note *
note_find(const struct parser *p, const struct doc *of)
{
	hmap_for_each_match(&p->notes, hash_u64((uintptr_t)of), n)
	{
		struct note *note = container_of(n, struct note, node);

		if (note->of == of)
			return note;
	}
	return NULL;
}

static int
note_add(struct parser *p, const struct doc *of, enum origin origin)
{
	struct note *note = malloc(sizeof *note);

	if (note == NULL)
		return err_set(p->e, ENOMEM, "TOML");
	*note = (struct note){ .of = of, .origin = origin };
	hmap_insert(&p->notes, &note->node, hash_u64((uintptr_t)of));
	return 0;
}

static void
notes_release(struct hmap *notes)
{
	struct hnode *n;

	while ((n = hmap_any(notes)) != NULL) {
		hmap_remove(notes, n);
		free(container_of(n, struct note, node));
	}
	hmap_release(notes);
}

/* --- characters --- */

static bool
next_is(const struct parser *p, char c)
{
	return p->at < p->end && *p->at == c;
}

static bool
next_is_text(const struct parser *p, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(p->end - p->at) >= n && memcmp(p->at, text, n) == 0;
}

static bool
take(struct parser *p, const char *text)
{
	if (!next_is_text(p, text))
		return false;
	p->at += strlen(text);
	return true;
}

static bool
next_is_newline(const struct parser *p)
{
	return next_is(p, '\n') || next_is_text(p, "\r\n");
}

static bool
take_newline(struct parser *p)
{
	return take(p, "\n") || take(p, "\r\n");
}

static void
skip_blanks(struct parser *p)
{
	while (next_is(p, ' ') || next_is(p, '\t'))
		p->at++;
}

static bool
is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

static int
skip_comment(struct parser *p)
{
	if (!next_is(p, '#'))
		return 0;
	while (p->at < p->end && !next_is_newline(p)) {
		if (is_control(*p->at))
			return failed(p, "a control character in a comment");
		p->at++;
	}
	return 0;
}

/* Blanks, comments and line ends, as between an array's elements. */
static int
skip_lines(struct parser *p)
{
	do {
		skip_blanks(p);
		if (skip_comment(p) < 0)
			return -1;
	} while (take_newline(p));
	return 0;
}

/* --- strings --- */

static int
read_code_point(struct parser *p, int digits, struct buf *out)
{
	uint32_t code = 0;
	uint8_t bytes[4];
	size_t n;

	for (int i = 0; i < digits; i++, p->at++) {
		const char *hex = "0123456789abcdef", *d;

		d = p->at < p->end && *p->at != 0 ? strchr(hex, *p->at | 0x20)
						  : NULL;
		if (d == NULL || *p->at < '0')
			return failed(p, "\\%c wants %d hexadecimal digits",
			    digits == 4 ? 'u' : 'U', digits);
		code = code << 4 | (d - hex);
	}
	n = utf8_encode(code, bytes);
	if (n == 0 || code == 0)
		return failed(p, "U+%04X is no character", code);
	return buf_append(out, bytes, n, p->e);
}

static int
read_escape(struct parser *p, struct buf *out)
{
	static const char names[] = "btnfr\"\\", means[] = "\b\t\n\f\r\"\\";
	char name = p->at < p->end ? *p->at : 0;
	const char *found = name != 0 ? strchr(names, name) : NULL;

	if (found != NULL) {
		p->at++;
		return buf_append(out, &means[found - names], 1, p->e);
	}
	if (name != 'u' && name != 'U')
		return failed(p, "unknown escape");
	p->at++;
	return read_code_point(p, name == 'u' ? 4 : 8, out);
}

/* A backslash at a line's end takes the line end and all space after it. */
static bool
take_line_continuation(struct parser *p)
{
	const char *at = p->at;

	skip_blanks(p);
	if (!take_newline(p)) {
		p->at = at;
		return false;
	}
	do
		skip_blanks(p);
	while (take_newline(p));
	return true;
}

/* One line's string, past its opening quote. */
static int
read_line_string(struct parser *p, char quote, struct buf *out)
{
	while (!next_is(p, quote)) {
		if (p->at == p->end || next_is_newline(p))
			return failed(p, "a string without its end");
		if (is_control(*p->at))
			return failed(p, "a control character in a string");
		if (quote == '"' && take(p, "\\")) {
			if (read_escape(p, out) < 0)
				return -1;
		} else if (buf_append(out, p->at++, 1, p->e) < 0) {
			return -1;
		}
	}
	p->at++;
	return 0;
}

/* The end of a long string is three quotes; up to two more belong to it. */
static bool
take_long_end(struct parser *p, const char *quotes, struct buf *out, int *rc)
{
	const char *from = p->at;

	if (!take(p, quotes))
		return false;
	while (p->at - from < 5 && next_is(p, quotes[0]))
		p->at++;
	*rc = buf_append(out, from, p->at - from - 3, p->e);
	return true;
}

/* A string of several lines, past its opening quotes. */
static int
read_long_string(struct parser *p, const char *quotes, struct buf *out)
{
	int rc = 0;

	take_newline(p);
	while (rc == 0 && !take_long_end(p, quotes, out, &rc)) {
		if (p->at == p->end)
			return failed(p, "a string without its end");
		if (take_newline(p))
			rc = buf_append(out, "\n", 1, p->e);
		else if (is_control(*p->at))
			rc = failed(p, "a control character in a string");
		else if (quotes[0] != '"' || !take(p, "\\"))
			rc = buf_append(out, p->at++, 1, p->e);
		else if (!take_line_continuation(p))
			rc = read_escape(p, out);
	}
	return rc;
}

static struct doc *
read_string(struct parser *p)
{
	AUTO_BUF struct buf text = TEXT_INIT;
	char quote = *p->at;
	int rc;

	if (take(p, "\"\"\""))
		rc = read_long_string(p, "\"\"\"", &text);
	else if (take(p, "'''"))
		rc = read_long_string(p, "'''", &text);
	else
		p->at++, rc = read_line_string(p, quote, &text);
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

static struct doc *
read_word(struct parser *p)
{
	const char *from = p->at;
	int64_t v;
	int n;

	while (p->at < p->end && (is_bare(*p->at) || memchr("+.:", *p->at, 3)))
		p->at++;
	n = p->at - from;
	if (n == 4 && memcmp(from, "true", 4) == 0)
		return doc_new_bool(true);
	if (n == 5 && memcmp(from, "false", 5) == 0)
		return doc_new_bool(false);
	if (n > 0 && parse_integer(from, p->at, &v) == 0)
		return doc_new_int(v);
	p->at = from;
	if (n == 0)
		failed(p, "a value is missing");
	else
		failed(p, "\"%.*s\" is no string, whole number, true or false",
		    n > 40 ? 40 : n, from);
	return NULL;
}

/* --- keys --- */

static int
read_key_part(struct parser *p, struct buf *out)
{
	out->len = 0;
	if (take(p, "\""))
		return read_line_string(p, '"', out);
	if (take(p, "'"))
		return read_line_string(p, '\'', out);
	const char *from = p->at;

	while (p->at < p->end && is_bare(*p->at))
		p->at++;
	if (p->at == from)
		return failed(p, "a key is missing");
	return buf_append(out, from, p->at - from, p->e);
}

/* The table called `key` in `in`, made where there is none; `origin` is what
 * makes it.  An array of tables stands for its last. */
static struct doc *
descend(struct parser *p, struct doc *in, const char *key, enum origin origin)
{
	struct doc *found = doc_find(in, key);
	struct note *note;

	if (found == NULL) {
		found = doc_new_object();
		doc_set(in, key, found);
		return note_add(p, found, origin) < 0 ? NULL : found;
	}
	note = note_find(p, found);
	if (note != NULL && note->origin == ORIGIN_ELEMENT &&
	    origin == ORIGIN_IMPLIED)
		return doc_at(found, doc_count(found) - 1);
	if (note == NULL || !doc_is_object(found) ||
	    (origin == ORIGIN_DOTTED && note->origin != ORIGIN_DOTTED)) {
		failed(p, "\"%s\" cannot be added to", key);
		return NULL;
	}
	return found;
}

/* Walks a dotted key from *table to the table that holds its last part, which
 * is left in `last`. */
static int
read_key(struct parser *p, struct doc **table, unsigned *depth,
    enum origin origin, struct buf *last)
{
	for (;;) {
		skip_blanks(p);
		if (read_key_part(p, last) < 0)
			return -1;
		skip_blanks(p);
		if (!take(p, "."))
			return 0;
		if (++*depth > LIMIT_JSON_DEPTH)
			return failed(
			    p, "nests deeper than %d", LIMIT_JSON_DEPTH);
		*table = descend(p, *table, buf_str(last), origin);
		if (*table == NULL)
			return -1;
	}
}

/* --- values --- */

static struct doc *read_value(struct parser *p, unsigned depth);

static int
read_pair(struct parser *p, struct doc *table, unsigned depth)
{
	AUTO_BUF struct buf key = TEXT_INIT;
	struct doc *value;

	if (read_key(p, &table, &depth, ORIGIN_DOTTED, &key) < 0)
		return -1;
	if (doc_find(table, buf_str(&key)) != NULL)
		return failed(p, "\"%s\" is there already", buf_str(&key));
	if (!take(p, "="))
		return failed(p, "\"%s\" wants a \"=\"", buf_str(&key));
	skip_blanks(p);
	value = read_value(p, depth);
	if (value == NULL)
		return -1;
	doc_set(table, buf_str(&key), value);
	return 0;
}

static int
read_inline_table(struct parser *p, struct doc *table, unsigned depth)
{
	skip_blanks(p);
	if (take(p, "}"))
		return 0;
	do {
		if (read_pair(p, table, depth) < 0)
			return -1;
		skip_blanks(p);
	} while (take(p, ","));
	return take(p, "}") ? 0 : failed(p, "\"{\" without its \"}\"");
}

static int
read_array(struct parser *p, struct doc *array, unsigned depth)
{
	do {
		struct doc *value;

		if (skip_lines(p) < 0)
			return -1;
		if (take(p, "]"))
			return 0;
		value = read_value(p, depth);
		if (value == NULL)
			return -1;
		doc_append(array, value);
		if (skip_lines(p) < 0)
			return -1;
	} while (take(p, ","));
	return take(p, "]") ? 0 : failed(p, "\"[\" without its \"]\"");
}

static struct doc *
read_value(struct parser *p, unsigned depth)
{
	AUTO_DOC struct doc *made = NULL;
	int rc;

	if (next_is(p, '"') || next_is(p, '\''))
		return read_string(p);
	if (!next_is(p, '{') && !next_is(p, '['))
		return read_word(p);
	if (++depth > LIMIT_JSON_DEPTH) {
		failed(p, "nests deeper than %d", LIMIT_JSON_DEPTH);
		return NULL;
	}
	if (take(p, "{")) {
		made = doc_new_object();
		rc = read_inline_table(p, made, depth);
	} else {
		p->at++;
		made = doc_new_array();
		rc = read_array(p, made, depth);
	}
	return rc < 0 ? NULL : take_ptr(&made);
}

/* --- headers --- */

/* [key]: the table itself. */
static struct doc *
open_table(struct parser *p, struct doc *in, const char *key)
{
	struct doc *found = doc_find(in, key);
	struct note *note = note_find(p, found);

	if (found == NULL)
		return descend(p, in, key, ORIGIN_HEADER);
	if (note == NULL || note->origin != ORIGIN_IMPLIED) {
		failed(p, "[%s] is there already", key);
		return NULL;
	}
	note->origin = ORIGIN_HEADER;
	return found;
}

/* [[key]]: one more table of an array. */
static struct doc *
open_element(struct parser *p, struct doc *in, const char *key)
{
	struct doc *array = doc_find(in, key), *table;
	struct note *note = note_find(p, array);

	if (array == NULL) {
		array = doc_new_array();
		doc_set(in, key, array);
		if (note_add(p, array, ORIGIN_ELEMENT) < 0)
			return NULL;
	} else if (note == NULL || note->origin != ORIGIN_ELEMENT) {
		failed(p, "[[%s]]: it is no array of tables", key);
		return NULL;
	}
	table = doc_new_object();
	doc_append(array, table);
	return table;
}

static struct doc *
read_header(struct parser *p)
{
	bool is_element = take(p, "[[");
	AUTO_BUF struct buf key = TEXT_INIT;
	struct doc *in = p->root;
	unsigned depth = 1;

	if (!is_element)
		p->at++;
	if (read_key(p, &in, &depth, ORIGIN_IMPLIED, &key) < 0)
		return NULL;
	if (!take(p, is_element ? "]]" : "]")) {
		failed(p, "a header without its \"]\"");
		return NULL;
	}
	return is_element ? open_element(p, in, buf_str(&key))
			  : open_table(p, in, buf_str(&key));
}

static int
read_document(struct parser *p)
{
	struct doc *table = p->root;

	for (;;) {
		if (skip_lines(p) < 0)
			return -1;
		if (p->at == p->end)
			return 0;
		if (next_is(p, '[')) {
			table = read_header(p);
			if (table == NULL)
				return -1;
		} else if (read_pair(p, table, 1) < 0) {
			return -1;
		}
		skip_blanks(p);
		if (skip_comment(p) < 0)
			return -1;
		if (p->at < p->end && !next_is_newline(p))
			return failed(p, "the line should end here");
	}
}

static int
check_utf8(struct parser *p)
{
	while (p->at < p->end) {
		size_t n = utf8_length((const uint8_t *)p->at, p->end - p->at);

		if (n == 0)
			return failed(p, "not UTF-8");
		p->at += n;
	}
	p->at = p->start;
	return 0;
}

struct doc *
toml_parse(const char *text, size_t n, struct err *e)
{
	AUTO_DOC struct doc *root = doc_new_object();
	struct parser p = { .start = text,
		.at = text,
		.end = text + n,
		.root = root,
		.notes = HMAP_INIT,
		.e = e };
	int rc;

	if (n > LIMIT_CONFIG_FILE_BYTES) {
		err_set(
		    e, E2BIG, "longer than %d bytes", LIMIT_CONFIG_FILE_BYTES);
		return NULL;
	}
	rc = check_utf8(&p) < 0 || read_document(&p) < 0;
	notes_release(&p.notes);
	return rc ? NULL : take_ptr(&root);
}
