#include "base/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

void
buf_init(struct buf *b, size_t max)
{
	*b = BUF_INIT(max);
}

void
buf_release(struct buf *b)
{
	free(b->data);
	*b = BUF_INIT(b->max);
}

int
buf_reserve(struct buf *b, size_t more, struct err *e)
{
	size_t need = b->len + more;
	size_t cap = b->cap ? b->cap : 256;
	uint8_t *p;

	if (need < more || need > b->max)
		return err_set(e, E2BIG, "over the limit of %zu bytes", b->max);
	if (need <= b->cap && b->data != NULL)
		return 0;
	while (cap < need)
		cap *= 2;
	cap = min_u64(cap, b->max);
	p = realloc(b->data, cap);
	if (p == NULL)
		return err_set(e, ENOMEM, "%zu bytes of memory", cap);
	b->data = p;
	b->cap = cap;
	return 0;
}

int
buf_append(struct buf *b, const void *p, size_t n, struct err *e)
{
	if (n == 0)
		return 0;
	if (buf_reserve(b, n, e) < 0)
		return -1;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	return 0;
}

int
buf_append_str(struct buf *b, const char *s, struct err *e)
{
	return buf_append(b, s, strlen(s), e);
}

int
buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return err_set(e, ENOMEM, "formatting text");
	}
	return buf_append(b, text, n, e);
}

const char *
buf_str(struct buf *b)
{
	struct err e;

	if (b->len == b->cap) {
		b->max += 1;
		int failed = buf_reserve(b, 1, &e);

		b->max -= 1;
		if (failed)
			return "";
	}
	b->data[b->len] = 0;
	return (const char *)b->data;
}

const char *
size_text(int64_t bytes, char out[SIZE_TEXT_SIZE])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB",
		"PiB", "EiB" };
	double v = bytes < 0 ? 0 : (double)bytes;
	size_t unit = 0;

	/* 1023.96 would be shown as "1024.0". */
	while (v >= (unit == 0 ? 1024 : 1023.95) && unit < 6) {
		v /= 1024;
		unit++;
	}
	snprintf(out, SIZE_TEXT_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", v,
	    units[unit]);
	return out;
}
