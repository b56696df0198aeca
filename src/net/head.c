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
		.range_first = HEAD_UNKNOWN,
		.range_last = HEAD_UNKNOWN,
		.range_total = HEAD_UNKNOWN,
		.retry_after_s = HEAD_UNKNOWN,
	};
}

void
http_head_release(struct http_head *h)
{
	free(h->location);
	free(h->content_type);
	free(h->docker_digest);
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

static bool
parse_range(struct http_head *h, const char *s)
{
	if (h->has_range || strncasecmp(s, "bytes ", 6) != 0)
		return false;
	s += 6;
	if (*s == '*') {
		s++;
	} else if (!take_number(&s, &h->range_first) || *s++ != '-' ||
		   !take_number(&s, &h->range_last) ||
		   h->range_last < h->range_first) {
		return false;
	}
	if (*s++ != '/')
		return false;
	if (strcmp(s, "*") != 0 &&
	    (!take_number(&s, &h->range_total) || *s != 0))
		return false;
	h->has_range = true;
	return h->range_total == HEAD_UNKNOWN ||
	       h->range_last == HEAD_UNKNOWN || h->range_last < h->range_total;
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

static int
keep_type(struct http_head *h, const char *value, struct err *e)
{
	size_t n = strcspn(value, "; \t");

	if (keep(&h->content_type, value, e) < 0)
		return -1;
	h->content_type[n] = 0;
	for (char *c = h->content_type; *c != 0; c++)
		*c = tolower((unsigned char)*c);
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
	if (strcasecmp(name, "location") == 0)
		return keep(&h->location, value, e);
	if (strcasecmp(name, "content-type") == 0)
		return keep_type(h, value, e);
	if (strcasecmp(name, "docker-content-digest") == 0)
		return keep(&h->docker_digest, value, e);
	if (strcasecmp(name, "www-authenticate") == 0 &&
	    h->n_challenges < HEAD_MAX_CHALLENGES)
		return keep(&h->challenges[h->n_challenges++], value, e);
	return 0;
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
