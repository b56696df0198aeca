#include "net/head.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/err.h"
#include "base/limits.h"

void
http_head_init(struct http_head *h)
{
	*h = (struct http_head){
		.content_length = HEAD_UNKNOWN,
		.range = { HEAD_UNKNOWN, HEAD_UNKNOWN, HEAD_UNKNOWN },
		.retry_after_s = HEAD_UNKNOWN,
		.received = HEAD_UNKNOWN,
		.chunk_min = HEAD_UNKNOWN,
	};
}

void
http_head_release(struct http_head *h)
{
	free(h->location);
	free(h->content_type);
	free(h->boundary);
	free(h->docker_digest);
	free(h->link);
	free(h->subject);
	free(h->filters);
	for (unsigned i = 0; i < h->n_challenges; i++)
		free(h->challenges[i]);
	http_head_init(h);
}

/* Digits only, up to 18 of them; moves *s past them. */
static bool
take_number(const char **s, uint64_t *out)
{
	uint64_t v = 0;
	int digits = 0;

	for (; isdigit((unsigned char)**s); (*s)++) {
		if (++digits > 18)
			return false;
		v = v * 10 + (**s - '0');
	}
	*out = v;
	return digits > 0;
}

static bool
parse_length(struct http_head *h, const char *s)
{
	uint64_t v;

	if (!take_number(&s, &v) || *s != 0)
		return false;
	if (h->content_length != HEAD_UNKNOWN && h->content_length != v)
		return false;
	h->content_length = v;
	return true;
}

bool
byte_range_parse(struct byte_range *r, const char *s)
{
	*r = (struct byte_range){ HEAD_UNKNOWN, HEAD_UNKNOWN, HEAD_UNKNOWN };
	if (strncasecmp(s, "bytes ", 6) != 0)
		return false;
	s += 6;
	if (*s == '*') {
		s++;
	} else if (!take_number(&s, &r->first) || *s++ != '-' ||
		   !take_number(&s, &r->last) || r->last < r->first) {
		return false;
	}
	if (*s++ != '/')
		return false;
	if (strcmp(s, "*") != 0 && (!take_number(&s, &r->total) || *s != 0))
		return false;
	return r->total == HEAD_UNKNOWN || r->last == HEAD_UNKNOWN ||
	       r->last < r->total;
}

static bool
parse_range(struct http_head *h, const char *s)
{
	if (h->has_range)
		return false;
	h->has_range = byte_range_parse(&h->range, s);
	return h->has_range;
}

static void
parse_retry_after(struct http_head *h, const char *s, int64_t now)
{
	const char *end = s;
	uint64_t v;
	time_t at;

	if (take_number(&end, &v) && *end == 0) {
		h->retry_after_s = v;
		return;
	}
	at = curl_getdate(s, NULL);
	if (at != -1)
		h->retry_after_s = at > now ? (uint64_t)(at - now) : 0;
}

/* "0-1233", also with "bytes=" before it. */
static void
parse_received(struct http_head *h, const char *s)
{
	uint64_t first, last;

	if (strncasecmp(s, "bytes=", 6) == 0)
		s += 6;
	if (take_number(&s, &first) && first == 0 && *s++ == '-' &&
	    take_number(&s, &last) && *s == 0)
		h->received = last == 0 ? 0 : last + 1;
}

static void
parse_chunk_min(struct http_head *h, const char *s)
{
	uint64_t v;

	if (take_number(&s, &v) && *s == 0)
		h->chunk_min = v;
}

static int
keep(char **to, const char *value, struct err *e)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return err_set(e, ENOMEM, "a header's value");
	free(*to);
	*to = copy;
	return 0;
}

struct parameter {
	const char *name, *value; /* without quotes; ends are not marked */
	size_t name_len, value_len;
};

/* The next "; name=value" after *at, which moves on; false: none. */
static bool
next_parameter(const char **at, struct parameter *p)
{
	const char *s = *at + strcspn(*at, ";");
	bool is_quoted;

	if (*s == 0)
		return false;
	s++;
	p->name = s + strspn(s, " \t");
	p->name_len = strcspn(p->name, "=;");
	s = p->name + p->name_len;
	if (*s == '=')
		s++;
	is_quoted = *s == '"';
	p->value = s + is_quoted;
	p->value_len = strcspn(p->value, is_quoted ? "\"" : "; \t");
	*at = p->value + p->value_len;
	return true;
}

static int
keep_boundary(struct http_head *h, const char *value, struct err *e)
{
	static const char name[] = "boundary";
	struct parameter p;

	free(take_ptr(&h->boundary));
	while (next_parameter(&value, &p)) {
		if (p.name_len != strlen(name) ||
		    strncasecmp(p.name, name, p.name_len) != 0 ||
		    p.value_len == 0 || p.value_len > HEAD_BOUNDARY_BYTES)
			continue;
		h->boundary = strndup(p.value, p.value_len);
		return h->boundary != NULL
			   ? 0
			   : err_set(e, ENOMEM, "a header's value");
	}
	return 0;
}

static int
keep_type(struct http_head *h, const char *value, struct err *e)
{
	size_t n = strcspn(value, "; \t");

	if (keep(&h->content_type, value, e) < 0 ||
	    keep_boundary(h, value, e) < 0)
		return -1;
	h->content_type[n] = 0;
	for (char *c = h->content_type; *c != 0; c++)
		*c = tolower((unsigned char)*c);
	return 0;
}

/* Fields whose text is kept. */
static const struct {
	const char *name;
	size_t at;
} texts[] = {
	{ "location", offsetof(struct http_head, location) },
	{ "docker-content-digest", offsetof(struct http_head, docker_digest) },
	{ "link", offsetof(struct http_head, link) },
	{ "oci-subject", offsetof(struct http_head, subject) },
	{ "oci-filters-applied", offsetof(struct http_head, filters) },
};

static int
keep_text(
    struct http_head *h, const char *name, const char *value, struct err *e)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcasecmp(name, texts[i].name) == 0)
			return keep(
			    (char **)((char *)h + texts[i].at), value, e);
	return 0;
}

static int
add_field(struct http_head *h, const char *name, const char *value, int64_t now,
    struct err *e)
{
	if (strcasecmp(name, "content-length") == 0 && !parse_length(h, value))
		return err_set(e, EPROTO, "a damaged Content-Length");
	if (strcasecmp(name, "content-range") == 0 && !parse_range(h, value))
		return err_set(e, EPROTO, "a damaged Content-Range");
	if (strcasecmp(name, "retry-after") == 0)
		parse_retry_after(h, value, now);
	if (strcasecmp(name, "range") == 0)
		parse_received(h, value);
	if (strcasecmp(name, "oci-chunk-min-length") == 0)
		parse_chunk_min(h, value);
	if (strcasecmp(name, "content-type") == 0)
		return keep_type(h, value, e);
	if (strcasecmp(name, "www-authenticate") == 0 &&
	    h->n_challenges < HEAD_MAX_CHALLENGES)
		return keep(&h->challenges[h->n_challenges++], value, e);
	return keep_text(h, name, value, e);
}

static int
start(struct http_head *h, const char *line, struct err *e)
{
	const char *code = strchr(line, ' ');
	size_t bytes = h->bytes;

	http_head_release(h);
	h->bytes = bytes;
	if (code == NULL || sscanf(code, " %3d", &h->status) != 1 ||
	    h->status < 100)
		return err_set(e, EPROTO, "a damaged status line");
	return 0;
}

int
http_head_add(
    struct http_head *h, const char *p, size_t n, int64_t now, struct err *e)
{
	AUTO_FREE char *line = NULL;
	char *value;

	h->bytes += n;
	if (h->bytes > LIMIT_HEADER_BYTES)
		return err_set(e, EPROTO, "headers over the limit of %d bytes",
		    LIMIT_HEADER_BYTES);
	while (n > 0 && isspace((unsigned char)p[n - 1]))
		n--;
	line = strndup(p, n);
	if (line == NULL)
		return err_set(e, ENOMEM, "a header line");
	if (h->is_complete)
		return 0;
	if (strncmp(line, "HTTP/", 5) == 0)
		return start(h, line, e);
	if (*line == 0) {
		h->is_complete = h->status >= 200;
		return 0;
	}
	value = strchr(line, ':');
	if (value == NULL)
		return 0;
	*value++ = 0;
	return add_field(h, line, value + strspn(value, " \t"), now, e);
}
