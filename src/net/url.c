#include "net/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"

static void
cleanup_curlu(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void
cleanup_curl_text(char **s)
{
	curl_free(*s);
}

#define AUTO_CURLU CLEANUP(cleanup_curlu) CURLU
#define AUTO_CURL_TEXT CLEANUP(cleanup_curl_text) char

static int
parse(CURLU *u, const char *base, const char *url, int code, struct err *e)
{
	AUTO_CURL_TEXT *scheme = NULL;
	CURLUcode rc = CURLUE_OK;

	if (u == NULL)
		return err_set(e, ENOMEM, "a URL");
	if (strlen(url) > LIMIT_URL_BYTES)
		return err_set(e, code, "a URL over the limit of %d bytes",
		    LIMIT_URL_BYTES);
	if (base != NULL)
		rc = curl_url_set(u, CURLUPART_URL, base, CURLU_DISALLOW_USER);
	if (rc == CURLUE_OK)
		rc = curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	if (rc == CURLUE_OK)
		rc = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
	if (rc != CURLUE_OK)
		return err_set(e, code, "a bad URL: %s", curl_url_strerror(rc));
	if (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
		return err_set(e, code, "a URL that is not http or https");
	return 0;
}

static int
read_origin(CURLU *u, struct origin *o, struct err *e)
{
	AUTO_CURL_TEXT *scheme = NULL;
	AUTO_CURL_TEXT *host = NULL;
	AUTO_CURL_TEXT *port = NULL;

	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) !=
		CURLUE_OK ||
	    *host == 0 || strlen(host) >= sizeof o->host)
		return err_set(e, EINVAL, "a URL without a good host");
	*o = (struct origin){ .is_https = strcasecmp(scheme, "https") == 0,
		.port = strtoul(port, NULL, 10) };
	memcpy(o->host, host, strlen(host));
	return 0;
}

int
url_origin(const char *url, struct origin *o, struct err *e)
{
	AUTO_CURLU *u = curl_url();

	if (parse(u, NULL, url, EINVAL, e) < 0)
		return -1;
	return read_origin(u, o, e);
}

bool
origin_equal(const struct origin *a, const struct origin *b)
{
	return a->is_https == b->is_https && a->port == b->port &&
	       strcasecmp(a->host, b->host) == 0;
}

char *
url_resolve(const char *base, const char *location, struct err *e)
{
	AUTO_CURLU *u = curl_url();
	AUTO_CURL_TEXT *text = NULL;
	char *copy;

	if (parse(u, base, location, EPROTO, e) < 0)
		return NULL;
	if (curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK) {
		err_set(e, ENOMEM, "a URL");
		return NULL;
	}
	copy = strdup(text);
	if (copy == NULL)
		err_set(e, ENOMEM, "a URL");
	return copy;
}

char *
url_escape(const char *s)
{
	AUTO_CURL_TEXT *escaped = curl_easy_escape(NULL, s, 0);

	return escaped == NULL ? NULL : strdup(escaped);
}
