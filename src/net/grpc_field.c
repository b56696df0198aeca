#include "net/grpc_field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "base/bytes.h"
#include "base/clock.h"

/* --- the caller's own --- */

/* HTTP's and gRPC's, which mean this connection and not the call. */
static const char *const reserved[] = {
	"accept-encoding",
	"connection",
	"content-length",
	"content-type",
	"host",
	"keep-alive",
	"proxy-connection",
	"te",
	"transfer-encoding",
	"upgrade",
	"user-agent",
};

static bool
is_reserved(const uint8_t *name, size_t n)
{
	if (n > 5 && memcmp(name, "grpc-", 5) == 0)
		return true;
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (n == strlen(reserved[i]) &&
		    memcmp(name, reserved[i], n) == 0)
			return true;
	return false;
}

/* nghttp2's own check of a name lets ':' begin it. */
static bool
is_callers(const uint8_t *name, size_t n_name, const uint8_t *value, size_t n)
{
	return n_name > 0 && name[0] != ':' &&
	       nghttp2_check_header_name(name, n_name) &&
	       nghttp2_check_header_value(value, n) &&
	       !is_reserved(name, n_name);
}

void
grpc_fields_add(struct grpc_fields *f, const uint8_t *name, size_t n_name,
    const uint8_t *value, size_t n_value)
{
	struct grpc_field *list, field;

	if (!is_callers(name, n_name, value, n_value) ||
	    n_name + n_value > LIMIT_GRPC_METADATA_BYTES - f->bytes)
		return;
	list = reallocarray(f->list, f->n + 1, sizeof *list);
	if (list == NULL)
		return;
	f->list = list;
	field.name = strndup((const char *)name, n_name);
	field.value = strndup((const char *)value, n_value);
	if (field.name == NULL || field.value == NULL) {
		free((char *)field.name);
		free((char *)field.value);
		return;
	}
	f->list[f->n++] = field;
	f->bytes += n_name + n_value;
}

void
grpc_fields_release(struct grpc_fields *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free((char *)f->list[i].name);
		free((char *)f->list[i].value);
	}
	free(f->list);
	*f = (struct grpc_fields){ 0 };
}

/* --- grpc-timeout --- */

static const struct {
	char unit;
	uint64_t ns;
} units[] = {
	{ 'n', 1 },
	{ 'u', 1000 },
	{ 'm', NS_PER_MS },
	{ 'S', NS_PER_S },
	{ 'M', 60 * NS_PER_S },
	{ 'H', 3600 * NS_PER_S },
};

enum { N_UNITS = sizeof units / sizeof *units, TIMEOUT_DIGITS = 8 };
#define TIMEOUT_MAX 99999999u

bool
grpc_timeout_parse(const uint8_t *p, size_t n, uint64_t *out_ns)
{
	uint64_t v = 0;

	if (n < 2 || n > TIMEOUT_DIGITS + 1)
		return false;
	for (size_t i = 0; i < n - 1; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = 10 * v + (p[i] - '0');
	}
	for (size_t i = 0; i < N_UNITS; i++) {
		if (p[n - 1] != units[i].unit)
			continue;
		/* A century and more is never. */
		*out_ns = min_u64(v, INT64_MAX / units[i].ns) * units[i].ns;
		return true;
	}
	return false;
}

void
grpc_timeout_format(char out[GRPC_TIMEOUT_SIZE], uint64_t timeout_ns)
{
	size_t i = 0;

	while (i < N_UNITS - 1 && timeout_ns > TIMEOUT_MAX * units[i].ns)
		i++;
	snprintf(out, GRPC_TIMEOUT_SIZE, "%u%c",
	    (unsigned)min_u64(TIMEOUT_MAX,
		timeout_ns / units[i].ns + (timeout_ns % units[i].ns != 0)),
	    units[i].unit);
}

/* --- grpc-message --- */

size_t
grpc_text_encode(char out[GRPC_TEXT_SIZE], const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t at = 0;

	for (size_t i = 0; i < LIMIT_GRPC_STATUS_BYTES && text[i] != 0; i++) {
		uint8_t c = text[i];

		if (c >= 0x20 && c <= 0x7e && c != '%') {
			out[at++] = c;
			continue;
		}
		out[at++] = '%';
		out[at++] = hex[c >> 4];
		out[at++] = hex[c & 15];
	}
	out[at] = 0;
	return at;
}

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t
grpc_text_decode(
    char out[LIMIT_GRPC_STATUS_BYTES + 1], const uint8_t *p, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n && at < LIMIT_GRPC_STATUS_BYTES; i++) {
		uint8_t c = p[i];

		if (c == '%' && i + 2 < n && hex_value(p[i + 1]) >= 0 &&
		    hex_value(p[i + 2]) >= 0) {
			c = hex_value(p[i + 1]) << 4 | hex_value(p[i + 2]);
			i += 2;
		}
		if (c == 0)
			break;
		out[at++] = c;
	}
	out[at] = 0;
	return at;
}
