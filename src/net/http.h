/* HTTP requests, asynchronous, on libcurl.  One `struct http` has one thread,
 * called `http`, which does everything: it runs the requests, the timers and
 * the jobs that other threads hand it, and calls every callback.  Whoever keeps
 * state about requests keeps it on this thread and needs no lock for it; other
 * threads reach it through http_submit().
 *
 *	any thread     http_new, http_free, http_submit
 *	http thread    everything else
 *
 * A request is embedded in what it serves and belongs to this noun from
 * http_send() until its on_done.  Redirects are not followed and statuses not
 * judged: an answer is an answer.  Connections are kept and shared; over TLS
 * HTTP/2 is used where the server has it.  Proxies come from http_proxy,
 * https_proxy and no_proxy, as curl has them.
 *
 * Callbacks must not block.  In on_head and on_bytes no other function of this
 * header may be called except http_submit() and http_set_timer() and
 * http_clear_timer(); in on_done, timers and jobs all may.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/head.h"
#include "base/err.h"
#include "base/list.h"

struct http;
struct tally;

struct http_options {
	uint32_t connect_timeout_ms;
	/* ETIMEDOUT: no whole head, or hardly a byte, for so long of
	 * http_now_ns() */
	uint32_t stall_timeout_ms;
	uint32_t max_host_connections; /* the rest waits, not timed */
	const char *user_agent;        /* copied by libcurl for each request */
};

/* `o->user_agent` must outlive it. */
struct http *http_new(const struct http_options *o, struct err *e);
/* No request may be under way; jobs that were submitted still run. */
void http_free(struct http *h);

bool http_is_own_thread(const struct http *h);

/* ---- for who looks after the daemon; any thread ---- */

struct tally *http_tally(struct http *h);
/* Requests that are under way or wait for a connection. */
unsigned http_count_requests(const struct http *h);

/* ---- time ---- */

/* Of the thread's own clock (base/awake.h): it looks at it while there are requests or
 * timers. */
uint64_t http_now_ns(struct http *h);

/* ---- jobs: from any thread to this one ---- */

struct http_job {
	struct list link; /* list_init() before first use */
	void (*run)(struct http_job *j);
};

/* Runs the job soon.  One that waits already is not queued again. */
void http_submit(struct http *h, struct http_job *j);
/* Takes the job out if it waits; it does not run then. */
void http_withdraw(struct http *h, struct http_job *j);

/* ---- timers ---- */

struct http_timer {
	struct list link; /* list_init() before first use */
	uint64_t at_ns;   /* of http_now_ns() */
	void (*fire)(struct http_timer *t);
};

/* Fires once, after so long or soon after that. */
void http_set_timer(struct http *h, struct http_timer *t, uint64_t after_ns);
void http_clear_timer(struct http_timer *t);

/* ---- requests ---- */

/* How a server is reached and recognised.  All of it may be NULL. */
struct http_tls {
	const char *ca_pem; /* trusted besides the system's authorities */
	size_t ca_pem_len;
	const char *client_cert; /* files, PEM */
	const char *client_key;
	bool skip_verify;
};

enum http_verdict {
	HTTP_CONTINUE,
	HTTP_PAUSE, /* of on_bytes: not taken; given again after http_resume()
		     */
	HTTP_STOP,  /* enough: on_done follows, without failure */
};

enum http_class {
	HTTP_URGENT, /* more of a shared connection */
	HTTP_NORMAL,
	HTTP_BULK, /* an HTTP/1.1 connection of its own: pausing an HTTP/2
		    * stream stops its neighbours in libcurl up to 8.x */
};

struct http_request {
	/* set by the caller; what is pointed at stays until on_done */
	const char *url;
	const char *const *headers; /* "Name: value"; NULL ends; may be NULL */
	const char *form;           /* POSTed when not NULL */
	/* Else the method, "PUT", with what it sends; NULL: GET. */
	const char *method;
	const void *sends;
	size_t sends_len;
	const struct http_tls *tls; /* may be NULL */
	const char
	    *ranges; /* "0-99,200-299", of what is asked for; NULL: all */
	uint32_t connect_timeout_ms; /* 0: the options' */
	uint32_t stall_timeout_ms;   /* 0: the options' */
	bool is_alone; /* on a new connection, shared with nobody */
	enum http_class class;
	uint64_t body_max; /* EPROTO past it */

	/* The head is complete; once.  HTTP_PAUSE is not for here. */
	enum http_verdict (*on_head)(struct http_request *r);
	/* n > 0 */
	enum http_verdict (*on_bytes)(
	    struct http_request *r, const void *p, size_t n);
	/* Exactly once.  failure NULL: the whole answer arrived, or HTTP_STOP.
	 * EAGAIN: could not connect, or the connection broke; ETIMEDOUT;
	 * EACCES: the server's certificate is not trusted; EPROTO: no HTTP;
	 * ECANCELED. The request may be freed or sent again here. */
	void (*on_done)(struct http_request *r, const struct err *failure);

	/* the answer; stays until the next http_send() or
	 * http_request_release() */
	struct http_head head;

	/* private */
	struct http *http;
	struct list link;
	void *easy;
	void *header_list;
	uint64_t body_len;
	uint64_t sent_len;
	uint64_t active_ns; /* a byte was sent, or the head or a byte of the
			       body came last; 0 while it waits for a
			       connection */
	uint64_t window_ns; /* since then so much of the body had come: */
	uint64_t window_len;
	uint64_t sent_ns;   /* it went out; 0: not yet */
	uint64_t lost_ns;   /* of the clock's, when it began */
	struct err refusal; /* why a callback of ours ended it */
	bool is_paused;
	bool is_stopped;
	char reason[256]; /* CURL_ERROR_SIZE */
};

/* on_done never comes before it returns. */
void http_send(struct http *h, struct http_request *r);
/* After HTTP_PAUSE; needless calls are harmless. */
void http_resume(struct http_request *r);
/* For on_done: while it was under way the machine stood still, for a second at least.
 * A failure then says nothing of the server; libcurl's own timeout, of connecting, does
 * not know. */
bool http_stood_still(const struct http_request *r);
/* Ends it now, without on_done. */
void http_abandon(struct http_request *r);
/* Frees the head.  Not while the request is under way. */
void http_request_release(struct http_request *r);

#endif
