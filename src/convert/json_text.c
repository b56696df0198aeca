#include "convert/json_text.h"

#include <stdio.h>
#include <time.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/utf8.h"

/* 0001-01-01 and 9999-12-31T23:59:59; Go takes the first second of the former
 * for no time at all. */
#define FIRST_SECOND (-62135596799)
#define LAST_SECOND 253402300799

bool
json_text_is_possible(const char *p, size_t n)
{
	const uint8_t *at = (const uint8_t *)p;

	while (n > 0) {
		size_t len = utf8_length(at, n);

		if (len == 0)
			return false;
		at += len;
		n -= len;
	}
	return true;
}

static size_t
count_plain(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (uint8_t)p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

int
json_text_string(struct buf *out, const char *p, size_t n, struct err *e)
{
	if (buf_append(out, "\"", 1, e) < 0)
		return -1;
	while (n > 0) {
		size_t plain = count_plain(p, n);

		if (buf_append(out, p, plain, e) < 0)
			return -1;
		p += plain;
		n -= plain;
		if (n == 0)
			break;
		if (buf_printf(out, e, "\\u%04x", (uint8_t)*p) < 0)
			return -1;
		p++;
		n--;
	}
	return buf_append(out, "\"", 1, e);
}

int
json_text_base64(struct buf *out, const void *p, size_t n, struct err *e)
{
	if (buf_append(out, "\"", 1, e) < 0 || base64_encode(out, p, n, e) < 0)
		return -1;
	return buf_append(out, "\"", 1, e);
}

bool
json_text_has_year(int64_t s)
{
	return s >= FIRST_SECOND && s <= LAST_SECOND;
}

int
json_text_time(struct buf *out, int64_t s, uint32_t ns, struct err *e)
{
	time_t t = s;
	struct tm tm;
	char fraction[16] = "";

	gmtime_r(&t, &tm);
	if (ns > 0) {
		int len = snprintf(fraction, sizeof fraction, ".%09u", ns);

		while (fraction[len - 1] == '0')
			fraction[--len] = 0;
	}
	return buf_printf(out, e, "\"%04d-%02d-%02dT%02d:%02d:%02d%sZ\"",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, fraction);
}
