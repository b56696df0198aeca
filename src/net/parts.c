#include "net/parts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/limits.h"

void
parts_init(struct parts *p, const char *boundary)
{
	*p = (struct parts){ .state = PARTS_BEFORE };
	snprintf(p->boundary, sizeof p->boundary, "%s", boundary);
}

static bool
is_blank(const char *s)
{
	return s[strspn(s, " \t")] == 0;
}

/* The line is a boundary; is_over: the last. */
static bool
take_delimiter(struct parts *p)
{
	size_t n = strlen(p->boundary);
	const char *rest = p->line + 2 + n;
	bool is_last;

	if (strncmp(p->line, "--", 2) != 0 ||
	    strncmp(p->line + 2, p->boundary, n) != 0)
		return false;
	is_last = strncmp(rest, "--", 2) == 0;
	if (!is_blank(is_last ? rest + 2 : rest))
		return false;
	p->is_over = is_last;
	return true;
}

/* ---- a line ---- */

static int
take_field(struct parts *p, struct err *e)
{
	char *value = strchr(p->line, ':');

	if (value == NULL)
		return 0;
	*value++ = 0;
	if (strcasecmp(p->line, "content-range") != 0)
		return 0;
	if (p->has_range ||
	    !byte_range_parse(&p->range, value + strspn(value, " \t")))
		return err_set(
		    e, EPROTO, "a part with a damaged Content-Range");
	p->has_range = true;
	return 0;
}

static int
begin_part(struct parts *p, struct err *e)
{
	if (!p->has_range || p->range.first == HEAD_UNKNOWN)
		return err_set(e, EPROTO, "a part without Content-Range");
	if (++p->n > LIMIT_PARTS)
		return err_set(e, EPROTO, "over %d parts", LIMIT_PARTS);
	p->at = p->range.first;
	p->left = p->range.last - p->range.first + 1;
	p->has_range = false;
	p->text_bytes = 0;
	p->state = PARTS_AFTER;
	return 0;
}

static int
take_line(struct parts *p, struct err *e)
{
	switch (p->state) {
	case PARTS_BEFORE:
		if (take_delimiter(p))
			p->state = PARTS_HEAD;
		return 0;
	case PARTS_HEAD:
		return p->line[0] == 0 ? begin_part(p, e) : take_field(p, e);
	case PARTS_AFTER:
		if (p->line[0] != 0)
			break;
		p->state = PARTS_DELIMITER;
		return 0;
	case PARTS_DELIMITER:
		if (!take_delimiter(p))
			break;
		p->state = PARTS_HEAD;
		return 0;
	}
	return err_set(e, EPROTO, "a part that goes on after its end");
}

/* Without its CRLF, in p->line. */
static int
end_line(struct parts *p, struct err *e)
{
	size_t n = p->line_len;

	p->line_len = 0;
	if (n > sizeof p->line)
		strcpy(p->line, "?");
	else if (n > 0 && p->line[n - 1] == '\r')
		p->line[n - 1] = 0;
	else
		return err_set(e, EPROTO, "a line that does not end with CRLF");
	return take_line(p, e);
}

/* ---- text ---- */

static int
take_character(struct parts *p, char c, struct err *e)
{
	if (++p->text_bytes > LIMIT_PART_TEXT_BYTES)
		return err_set(e, EPROTO, "over %d bytes beside parts",
		    LIMIT_PART_TEXT_BYTES);
	if (c == '\n' && !p->is_over)
		return end_line(p, e);
	if (p->line_len < sizeof p->line)
		p->line[p->line_len] = c;
	p->line_len++;
	return 0;
}

int
parts_take_text(
    struct parts *p, const void *bytes, size_t n, size_t *took, struct err *e)
{
	const char *c = bytes;

	*took = 0;
	while (*took < n && p->left == 0)
		if (take_character(p, c[(*took)++], e) < 0)
			return -1;
	return 0;
}

void
parts_pass(struct parts *p, size_t n)
{
	assert(n <= p->left);
	p->left -= n;
	p->at += n;
}
