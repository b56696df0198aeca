/* URLs, read by the same parser that connects (libcurl's), so that what was
 * checked is what is asked. */
#ifndef NET_URL_H
#define NET_URL_H

#include <stdbool.h>

struct err;

/* Who a request goes to: what a credential is for. */
struct origin {
	bool is_https;
	char host[256];
	unsigned port;
};

/* EINVAL unless it is http or https with a host and without user name. */
int url_origin(const char *url, struct origin *o, struct err *e);
bool origin_equal(const struct origin *a, const struct origin *b);

/* A Location, which may be relative, seen from `base`: allocated.  EPROTO when
 * it is no http(s) URL, holds a user name or is over LIMIT_URL_BYTES. */
char *url_resolve(const char *base, const char *location, struct err *e);

/* Percent-encoded for a query or path segment: allocated; NULL: no memory. */
char *url_escape(const char *s);

#endif
