#include "base/log_line.h"

#include <string.h>

#include "base/utf8.h"

static void
add(struct log_line *l, const char *p, size_t n)
{
	if (n >= sizeof l->text - l->n)
		n = sizeof l->text - l->n - 1;
	memcpy(l->text + l->n, p, n);
	l->n += n;
	l->text[l->n] = 0;
}

void
log_line_add(struct log_line *l, const char *text)
{
	add(l, text, strlen(text));
}

static int
is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

void
log_line_add_safe(struct log_line *l, const char *text)
{
	for (; *text != 0; text++)
		add(l, is_control(*text) ? "?" : text, 1);
}

static void
add_quoted(struct log_line *l, const char *value)
{
	const char *end = value + strnlen(value, LOG_VALUE_BYTES);

	while (value < end) {
		size_t n = utf8_length((const uint8_t *)value, end - value);

		if (*value == '"' || *value == '\\')
			add(l, "\\", 1);
		add(l, n == 0 || is_control(*value) ? "?" : value,
		    n == 0 ? 1 : n);
		value += n == 0 ? 1 : n;
	}
}

void
log_line_add_member(struct log_line *l, const char *name, const char *value)
{
	if (l->n > 0 && l->text[l->n - 1] != '{')
		log_line_add(l, ",");
	log_line_add(l, "\"");
	log_line_add(l, name);
	log_line_add(l, "\":\"");
	add_quoted(l, value);
	log_line_add(l, "\"");
}
