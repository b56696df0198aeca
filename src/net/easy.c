#include "net/easy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/metrics.h"

_Static_assert(
    sizeof((struct http_request *)0)->reason >= CURL_ERROR_SIZE, "reason");

enum {
	RECEIVE_BUFFER_BYTES = 128 << 10,
	WEIGHT_URGENT = 256,
	WEIGHT_NORMAL = 64,
};

static size_t
on_header(char *p, size_t one, size_t n, void *arg)
{
	struct http_request *r = arg;
	bool was_complete = r->head.is_complete;

	(void)one;
	if (http_head_add(&r->head, p, n, clock_wall_s(), &r->refusal) < 0)
		return 0;
	if (was_complete || !r->head.is_complete)
		return n;
	/* Not with each line: there is no end to them where the server wants
	 * none. */
	r->active_ns = r->window_ns = http_now_ns(r->http);
	if (r->sent_ns != 0)
		timing_add(TIMING_http_first_byte, r->active_ns - r->sent_ns);
	if (r->on_head(r) == HTTP_STOP) {
		r->is_stopped = true;
		return 0;
	}
	return n;
}

static size_t
on_body(char *p, size_t one, size_t n, void *arg)
{
	struct http_request *r = arg;

	(void)one;
	/* libcurl 7.88 forgets that what it held back over a pause was not
	 * wanted any more, and goes on. */
	if (n == 0 || r->is_stopped || r->refusal.code != 0)
		return 0;
	if (n > r->body_max - r->body_len) {
		err_set(&r->refusal, EPROTO,
		    "an answer over the limit of %ju bytes",
		    (uintmax_t)r->body_max);
		return 0;
	}
	switch (r->on_bytes(r, p, n)) {
	case HTTP_PAUSE:
		r->is_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	case HTTP_STOP:
		r->is_stopped = true;
		return 0;
	default:
		r->body_len += n;
		r->active_ns = http_now_ns(r->http);
		metric_add(METRIC_http_bytes, n);
		return n;
	}
}

/* The connection stands and the request goes out: from now on silence is a
 * stall.  Before, it may have waited its turn for a connection. */
static int
on_sending(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct http_request *r = arg;

	(void)ip, (void)local_ip, (void)port, (void)local_port;
	r->active_ns = r->sent_ns = http_now_ns(r->http);
	return CURL_PREREQFUNC_OK;
}

/* While a request is being sent, what leaves shows that it lives. */
static int
on_transfer(void *arg, curl_off_t down_total, curl_off_t down,
    curl_off_t up_total, curl_off_t up)
{
	struct http_request *r = arg;

	(void)down_total, (void)down, (void)up_total;
	if ((uint64_t)up != r->sent_len && r->active_ns != 0)
		r->active_ns = http_now_ns(r->http);
	r->sent_len = up;
	return 0;
}

static int
set_method(CURL *c, struct http_request *r)
{
	if (r->form != NULL)
		return curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->form);
	if (r->method == NULL)
		return 0;
	if (strcmp(r->method, "HEAD") == 0)
		return curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	return curl_easy_setopt(
		   c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->sends_len) |
	       curl_easy_setopt(
		   c, CURLOPT_POSTFIELDS, r->sends_len > 0 ? r->sends : "") |
	       curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method) |
	       curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_transfer) |
	       curl_easy_setopt(c, CURLOPT_XFERINFODATA, r) |
	       curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
}

static int
add_header(struct curl_slist **l, const char *line)
{
	struct curl_slist *more = curl_slist_append(*l, line);

	if (more == NULL)
		return 1;
	*l = more;
	return 0;
}

/* libcurl would send "Expect: 100-continue", and wait a second for an answer
 * where nobody knows that. */
static int
set_headers(CURL *c, struct http_request *r)
{
	struct curl_slist *l = NULL;
	int bad = r->sends_len > 0 ? add_header(&l, "Expect:") : 0;

	for (size_t i = 0; r->headers != NULL && r->headers[i] != NULL; i++)
		bad |= add_header(&l, r->headers[i]);
	r->header_list = l;
	return bad | curl_easy_setopt(c, CURLOPT_HTTPHEADER, l);
}

/* A list of authorities replaces libcurl's default bundle, but not its folder
 * of hashed certificates; where the build has no such folder, the bundle is the
 * system's only list, and skipping it would distrust the whole world: so there
 * the extra authorities are the only ones, as `curl --cacert` has it. */
static int
set_tls(CURL *c, const struct http_tls *t)
{
	int bad = 0;

	if (t->ca_pem != NULL) {
		struct curl_blob blob = { (void *)t->ca_pem, t->ca_pem_len,
			CURL_BLOB_NOCOPY };

		bad |= curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (t->client_cert != NULL)
		bad |= curl_easy_setopt(c, CURLOPT_SSLCERT, t->client_cert);
	if (t->client_key != NULL)
		bad |= curl_easy_setopt(c, CURLOPT_SSLKEY, t->client_key);
	if (t->skip_verify) {
		bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	return bad;
}

/* In clear text there is no HTTP/2 here, and libcurl must not wait for the first
 * answer to find that out. */
static bool
may_share(const struct http_request *r)
{
	return r->class != HTTP_BULK && !r->is_alone &&
	       strncasecmp(r->url, "https:", strlen("https:")) == 0;
}

static int
set_class(CURL *c, const struct http_request *r)
{
	if (!may_share(r))
		return curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
			   (long)CURL_HTTP_VERSION_1_1) |
		       curl_easy_setopt(
			   c, CURLOPT_FRESH_CONNECT, r->is_alone ? 1L : 0L);
	return curl_easy_setopt(
		   c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) |
	       curl_easy_setopt(c, CURLOPT_PIPEWAIT, 1L) |
	       curl_easy_setopt(c, CURLOPT_STREAM_WEIGHT,
		   (long)(r->class == HTTP_URGENT ? WEIGHT_URGENT
						  : WEIGHT_NORMAL));
}

static int
set_callbacks(CURL *c, struct http_request *r)
{
	return curl_easy_setopt(c, CURLOPT_PRIVATE, r) |
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->reason) |
	       curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) |
	       curl_easy_setopt(c, CURLOPT_HEADERDATA, r) |
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) |
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, r) |
	       curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_sending) |
	       curl_easy_setopt(c, CURLOPT_PREREQDATA, r);
}

int
easy_prepare(CURL *c, struct http_request *r, const struct http_options *o,
    struct err *e)
{
	int bad = set_callbacks(c, r);

	bad |= curl_easy_setopt(c, CURLOPT_URL, r->url);
	bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_USERAGENT, o->user_agent);
	bad |=
	    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER_BYTES);
	bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(r->connect_timeout_ms != 0 ? r->connect_timeout_ms
					      : o->connect_timeout_ms));
	if (r->tls != NULL)
		bad |= set_tls(c, r->tls);
	bad |= set_method(c, r);
	bad |= curl_easy_setopt(c, CURLOPT_RANGE, r->ranges);
	bad |= set_class(c, r) | set_headers(c, r);
	return bad ? err_set(e, ENOMEM, "an HTTP request's options") : 0;
}

/* Our errno for curl's code; the rest is a connection that did not hold. */
static int
code_of(CURLcode c)
{
	switch (c) {
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return EACCES;
	case CURLE_URL_MALFORMAT:
		return EINVAL;
	case CURLE_UNSUPPORTED_PROTOCOL: /* also: an answer that is no HTTP */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return EPROTO;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	default:
		return EAGAIN;
	}
}

/* libcurl keeps to itself why the kernel would not connect. */
static int
say_unconnected(const struct http_request *r, struct err *e)
{
	long why = 0;

	if (curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &why) != CURLE_OK ||
	    why == 0)
		return err_set(e, EAGAIN, "%s", r->reason);
	errno = (int)why;
	err_sys(e, "%s", r->reason);
	e->code = EAGAIN;
	return -1;
}

/* What OpenSSL says of a file that it may not read is that it is in a wrong
 * format. */
static bool
is_unreadable(const char *path, struct err *e)
{
	AUTO_CLOSE int fd =
	    path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (path == NULL || fd >= 0)
		return false;
	err_sys(e,
	    "client certificate: the user that this daemon runs as "
	    "(uid %u) has to be able to read %s",
	    (unsigned)geteuid(), path);
	e->code = EACCES;
	return true;
}

static int
say_certificate(const struct http_request *r, struct err *e)
{
	if (r->tls != NULL && (is_unreadable(r->tls->client_cert, e) ||
				  is_unreadable(r->tls->client_key, e)))
		return -1;
	return err_set(e, EACCES, "%s", r->reason);
}

/* OpenSSL takes the answer's first bytes for a version of TLS. */
static bool
lacks_tls(const struct http_request *r, CURLcode result)
{
	return result == CURLE_SSL_CONNECT_ERROR &&
	       strstr(r->reason, "wrong version number") != NULL;
}

int
easy_judge(struct http_request *r, CURLcode result, struct err *e)
{
	if (r->is_stopped)
		return 0;
	if (r->refusal.code != 0) {
		*e = r->refusal;
		return -1;
	}
	if (result == CURLE_OK)
		return 0;
	if (result == CURLE_COULDNT_CONNECT && r->reason[0] != 0)
		return say_unconnected(r, e);
	if (result == CURLE_SSL_CERTPROBLEM)
		return say_certificate(r, e);
	if (result == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(e, EACCES,
		    "%s: ca_file in layerfs.toml or ca in hosts.toml says whom "
		    "to trust",
		    r->reason[0] != 0 ? r->reason : curl_easy_strerror(result));
	if (lacks_tls(r, result))
		return err_set(e, code_of(result),
		    "it answers without TLS, which --plain-http allows");
	return err_set(e, code_of(result), "%s",
	    r->reason[0] != 0 ? r->reason : curl_easy_strerror(result));
}
