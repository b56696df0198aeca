#include "runtime/filter.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/utf8.h"

struct selector {
	char *field;
	char *rest;
	enum { HAS, EQUALS, DIFFERS, RESEMBLES } how;
	char *value;     /* EQUALS, DIFFERS */
	regex_t pattern; /* RESEMBLES */
};

/* All of them. */
struct alternative {
	struct selector *selectors;
	size_t n;
};

struct filter {
	struct alternative *alternatives;
	size_t n;
};

/* ---- words ---- */

struct cursor {
	const char *text;
	const char *p;
};

static int
refuse(const struct cursor *c, const char *what, struct err *e)
{
	return err_set(e, EINVAL, "filter \"%.200s\", byte %zu: %s", c->text,
	    (size_t)(c->p - c->text), what);
}

static void
skip_space(struct cursor *c)
{
	while (isspace((unsigned char)*c->p))
		c->p++;
}

static bool
take(struct cursor *c, const char *what)
{
	skip_space(c);
	if (strncmp(c->p, what, strlen(what)) != 0)
		return false;
	c->p += strlen(what);
	return true;
}

/* `digits` digits of a code in the given base; -1 where there are fewer. */
static long
take_code(struct cursor *c, int digits, int base)
{
	char text[9] = "", *end;
	long v;

	for (int i = 0; i < digits && isxdigit((unsigned char)c->p[i]); i++)
		text[i] = c->p[i];
	v = strtol(text, &end, base);
	if (end - text != digits)
		return -1;
	c->p += digits;
	return v;
}

static int
add_byte(struct buf *out, long code, struct err *e)
{
	uint8_t byte = code;

	return buf_append(out, &byte, 1, e);
}

static int
unescape_code(struct cursor *c, char kind, struct buf *out, struct err *e)
{
	uint8_t utf8[4];
	size_t n;
	long code = kind == 'x'   ? take_code(c, 2, 16)
		    : kind == 'u' ? take_code(c, 4, 16)
		    : kind == 'U' ? take_code(c, 8, 16)
				  : (c->p--, take_code(c, 3, 8));

	/* A NUL would end the text. */
	if (code <= 0 || code > UINT32_MAX)
		return refuse(c, "a bad escape", e);
	if (kind != 'u' && kind != 'U')
		return code > 255 ? refuse(c, "a bad escape", e)
				  : add_byte(out, code, e);
	n = utf8_encode(code, utf8);
	return n == 0 ? refuse(c, "a bad escape", e)
		      : buf_append(out, utf8, n, e);
}

/* After the backslash. */
static int
unescape(struct cursor *c, char quote, struct buf *out, struct err *e)
{
	static const char names[] = "abfnrtv\\", codes[] = "\a\b\f\n\r\t\v\\";
	const char *found;
	char kind = *c->p;

	if (kind == 0)
		return refuse(c, "a quoted text does not end", e);
	c->p++;
	if (kind == quote)
		return add_byte(out, quote, e);
	found = strchr(names, kind);
	if (found != NULL)
		return add_byte(out, codes[found - names], e);
	if (strchr("xuU01234567", kind) == NULL)
		return refuse(c, "a bad escape", e);
	return unescape_code(c, kind, out, e);
}

/* In /.../ and |...| a backslash belongs to the pattern unless the quote
 * follows it. */
static bool
is_escape(const struct cursor *c, char quote)
{
	return *c->p == '\\' && (quote == '"' || c->p[1] == quote);
}

static int
take_quoted(struct cursor *c, struct buf *out, struct err *e)
{
	char quote = *c->p++;

	while (*c->p != quote) {
		bool escaped = is_escape(c, quote);

		if (*c->p == 0 || *c->p == '\n')
			return refuse(c, "a quoted text does not end", e);
		c->p++;
		if (escaped) {
			if (unescape(c, quote, out, e) < 0)
				return -1;
		} else if (add_byte(out, c->p[-1], e) < 0) {
			return -1;
		}
	}
	c->p++;
	return 0;
}

static bool
is_field_letter(char ch)
{
	return isalnum((unsigned char)ch) || ch == '_';
}

static bool
is_value_letter(char ch)
{
	return ch != 0 && ch != ',' && !isspace((unsigned char)ch);
}

static int
take_while(struct cursor *c, bool (*is_letter)(char), const char *what,
    struct buf *out, struct err *e)
{
	const char *from = c->p;

	while (is_letter(*c->p))
		c->p++;
	if (c->p == from)
		return refuse(c, what, e);
	return buf_append(out, from, c->p - from, e);
}

static int
take_field(struct cursor *c, struct buf *out, struct err *e)
{
	skip_space(c);
	if (*c->p == '"')
		return take_quoted(c, out, e);
	return take_while(c, is_field_letter, "expected a field", out, e);
}

static int
take_value(struct cursor *c, bool is_pattern, struct buf *out, struct err *e)
{
	skip_space(c);
	if (*c->p == '"' || (is_pattern && (*c->p == '/' || *c->p == '|')))
		return take_quoted(c, out, e);
	if (*c->p != 0 && strchr("/|.!=~", *c->p) != NULL)
		return refuse(c, "this value must be in quotes", e);
	return take_while(c, is_value_letter, "expected a value", out, e);
}

static int
keep(char **to, struct buf *text, struct err *e)
{
	*to = strdup(buf_str(text));
	return *to == NULL ? err_set(e, ENOMEM, "filter") : 0;
}

/* ---- selectors ---- */

static int
parse_path(struct cursor *c, struct selector *s, struct err *e)
{
	AUTO_BUF struct buf first = BUF_INIT(FILTER_BYTES_MAX + 1);
	AUTO_BUF struct buf rest = BUF_INIT(FILTER_BYTES_MAX + 1);
	int rc = take_field(c, &first, e);

	while (rc == 0 && take(c, ".")) {
		if (rest.len > 0)
			rc = buf_append_str(&rest, ".", e);
		if (rc == 0)
			rc = take_field(c, &rest, e);
	}
	if (rc < 0 || keep(&s->field, &first, e) < 0)
		return -1;
	return keep(&s->rest, &rest, e);
}

/* Counts nest ("a{99}{99}{99}") and references backtrack: both are exponential
 * in the pattern's length.  So is "+", of which glibc makes "aa*": each around
 * another doubles what it takes. */
static bool
is_costly(const char *p)
{
	unsigned n_doubled = 0;

	for (; *p != 0; p++) {
		if (*p == '{')
			return true;
		if (*p == '+' && ++n_doubled > FILTER_PLUS_MAX)
			return true;
		if (*p == '\\' && *++p >= '1' && *p <= '9')
			return true;
		if (*p == 0)
			break;
	}
	return false;
}

static int
compile(
    struct cursor *c, struct selector *s, const char *pattern, struct err *e)
{
	char why[100];
	int rc;

	if (strlen(pattern) > FILTER_PATTERN_BYTES_MAX || is_costly(pattern))
		return refuse(c, "too costly a pattern", e);
	rc = regcomp(&s->pattern, pattern, REG_EXTENDED | REG_NOSUB);
	if (rc == 0) {
		s->how = RESEMBLES;
		return 0;
	}
	regerror(rc, &s->pattern, why, sizeof why);
	return refuse(c, why, e);
}

static int
parse_value(
    struct cursor *c, struct selector *s, bool is_pattern, struct err *e)
{
	AUTO_BUF struct buf value = BUF_INIT(FILTER_BYTES_MAX + 1);

	if (take_value(c, is_pattern, &value, e) < 0)
		return -1;
	return is_pattern ? compile(c, s, buf_str(&value), e)
			  : keep(&s->value, &value, e);
}

static int
parse_selector(struct cursor *c, struct selector *s, struct err *e)
{
	if (parse_path(c, s, e) < 0)
		return -1;
	s->how = HAS;
	if (take(c, "~="))
		return parse_value(c, s, true, e);
	if (take(c, "=="))
		s->how = EQUALS;
	else if (take(c, "!="))
		s->how = DIFFERS;
	else
		return 0;
	return parse_value(c, s, false, e);
}

static int
parse_alternative(struct cursor *c, struct alternative *a, struct err *e)
{
	skip_space(c);
	if (*c->p == 0)
		return 0;
	do {
		if (a->n == FILTER_SELECTORS_MAX)
			return refuse(c, "too many selectors", e);
		if (parse_selector(c, &a->selectors[a->n++], e) < 0)
			return -1;
	} while (take(c, ","));
	skip_space(c);
	return *c->p == 0 ? 0 : refuse(c, "expected a comma", e);
}

static int
add_alternative(struct filter *f, const char *text, struct err *e)
{
	struct cursor c = { text, text };
	struct alternative *a = &f->alternatives[f->n];

	if (strlen(text) > FILTER_BYTES_MAX)
		return err_set(e, EINVAL, "a filter is too long");
	a->selectors = calloc(FILTER_SELECTORS_MAX, sizeof *a->selectors);
	if (a->selectors == NULL)
		return err_set(e, ENOMEM, "filter");
	f->n++;
	return parse_alternative(&c, a, e);
}

struct filter *
filter_parse(const char *const *texts, size_t n, struct err *e)
{
	AUTO_FILTER struct filter *f = NULL;

	if (n > FILTERS_MAX) {
		err_set(e, EINVAL, "more than %d filters", FILTERS_MAX);
		return NULL;
	}
	f = calloc(1, sizeof *f);
	if (f != NULL)
		f->alternatives = calloc(n + 1, sizeof *f->alternatives);
	if (f == NULL || f->alternatives == NULL) {
		err_set(e, ENOMEM, "filter");
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (add_alternative(f, texts[i], e) < 0)
			return NULL;
	return take_ptr(&f);
}

static void
release_selector(struct selector *s)
{
	if (s->how == RESEMBLES)
		regfree(&s->pattern);
	free(s->field);
	free(s->rest);
	free(s->value);
}

void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n; i++) {
		struct alternative *a = &f->alternatives[i];

		for (size_t k = 0; k < a->n; k++)
			release_selector(&a->selectors[k]);
		free(a->selectors);
	}
	free(f->alternatives);
	free(f);
}

/* ---- matching ---- */

static bool
selector_holds(const struct selector *s, filter_get *get, const void *subject)
{
	const char *value = get(subject, s->field, s->rest);

	switch (s->how) {
	case HAS:
		return value != NULL;
	case EQUALS:
		return value != NULL && strcmp(value, s->value) == 0;
	case DIFFERS:
		return strcmp(value == NULL ? "" : value, s->value) != 0;
	case RESEMBLES:
		return regexec(&s->pattern, value == NULL ? "" : value, 0, NULL,
			   0) == 0;
	}
	return false;
}

static bool
alternative_holds(
    const struct alternative *a, filter_get *get, const void *subject)
{
	for (size_t i = 0; i < a->n; i++)
		if (!selector_holds(&a->selectors[i], get, subject))
			return false;
	return true;
}

bool
filter_matches(const struct filter *f, filter_get *get, const void *subject)
{
	for (size_t i = 0; i < f->n; i++)
		if (alternative_holds(&f->alternatives[i], get, subject))
			return true;
	return f->n == 0;
}
