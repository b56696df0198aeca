#include "net/http.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "net/easy.h"
#include "net/tally.h"
#include "base/awake.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/metrics.h"
#include "base/thread.h"

enum {
	IDLE_WAIT_MS = 60000,
	/* Kept open for the next request.  libcurl's own limit is four times
	 * the requests under way: after a burst it would close what a lone
	 * reader's next misses need. */
	MAX_IDLE_CONNECTIONS = 64,
	/* Less is no transfer: who lets a byte drop now and then would keep
	 * a request for ever. */
	TRICKLE_BYTES_PER_S = 100,
	STANDSTILL_MS = 1000,
};

struct http {
	struct http_options options;
	CURLM *multi;
	CURLSH *share; /* TLS sessions: a handle alone would forget them */
	pthread_t thread;
	struct tally tally;
	_Atomic unsigned n_requests;

	/* the thread's own */
	struct list requests;
	struct list timers;
	struct awake awake;
	uint64_t looked_ns; /* for stalls */

	struct lock lock;
	/* guarded by lock */
	struct list inbox;
	bool is_ending;
};

bool
http_is_own_thread(const struct http *h)
{
	return pthread_equal(h->thread, pthread_self());
}

struct tally *
http_tally(struct http *h)
{
	return &h->tally;
}

unsigned
http_count_requests(const struct http *h)
{
	return atomic_load(&h->n_requests);
}

uint64_t
http_now_ns(struct http *h)
{
	return awake_now_ns(&h->awake);
}

/* ---- jobs ---- */

void
http_submit(struct http *h, struct http_job *j)
{
	{
		LOCK_SCOPE(&h->lock);
		if (!list_is_empty(&j->link))
			return;
		list_push_back(&h->inbox, &j->link);
	}
	curl_multi_wakeup(h->multi);
}

void
http_withdraw(struct http *h, struct http_job *j)
{
	LOCK_SCOPE(&h->lock);
	list_remove(&j->link);
}

static struct http_job *
next_job(struct http *h)
{
	LOCK_SCOPE(&h->lock);
	struct list *l = list_pop_front(&h->inbox);

	return l == NULL ? NULL : list_entry(l, struct http_job, link);
}

/* One at a time: a job may withdraw the one behind it. */
static void
run_jobs(struct http *h)
{
	struct http_job *j;

	while ((j = next_job(h)) != NULL)
		j->run(j);
}

static bool
is_over(struct http *h)
{
	LOCK_SCOPE(&h->lock);
	return h->is_ending && list_is_empty(&h->inbox);
}

/* ---- timers ---- */

void
http_set_timer(struct http *h, struct http_timer *t, uint64_t after_ns)
{
	list_remove(&t->link);
	t->at_ns = http_now_ns(h) + after_ns;
	list_push_back(&h->timers, &t->link);
}

void
http_clear_timer(struct http_timer *t)
{
	list_remove(&t->link);
}

static struct http_timer *
due_timer(struct http *h, uint64_t now)
{
	list_for_each(l, &h->timers) {
		struct http_timer *t = list_entry(l, struct http_timer, link);

		if (t->at_ns <= now)
			return t;
	}
	return NULL;
}

static void
fire_timers(struct http *h)
{
	uint64_t now = http_now_ns(h);
	struct http_timer *t;

	while ((t = due_timer(h, now)) != NULL) {
		list_remove(&t->link);
		t->fire(t);
	}
}

/* ---- requests ---- */

static void
detach(struct http_request *r)
{
	struct http *h = r->http;

	list_remove(&r->link);
	atomic_fetch_sub(&h->n_requests, 1);
	if (r->easy == NULL)
		return;
	curl_multi_remove_handle(h->multi, r->easy);
	curl_slist_free_all(take_ptr((struct curl_slist **)&r->header_list));
	curl_easy_cleanup(take_ptr(&r->easy));
}

static void
finish(struct http_request *r, const struct err *failure)
{
	detach(r);
	if (failure != NULL && http_stood_still(r)) {
		tally_add(
		    &r->http->tally, r->url, TALLY_ABANDONED, r->body_len);
	} else {
		tally_add(&r->http->tally, r->url,
		    tally_judge(r->head.status, failure == NULL), r->body_len);
		if (failure != NULL)
			metric_add(METRIC_http_errors, 1);
	}
	r->on_done(r, failure);
}

static int
start(struct http *h, struct http_request *r)
{
	r->easy = curl_easy_init();
	if (r->easy == NULL)
		return err_set(&r->refusal, ENOMEM, "an HTTP request");
	if (easy_prepare(r->easy, r, &h->options, &r->refusal) < 0)
		return -1;
	curl_easy_setopt(r->easy, CURLOPT_SHARE, h->share);
	if (curl_multi_add_handle(h->multi, r->easy) != CURLM_OK)
		return err_set(&r->refusal, ENOMEM, "an HTTP request");
	metric_add(METRIC_http_requests, 1);
	return 0;
}

void
http_send(struct http *h, struct http_request *r)
{
	assert(http_is_own_thread(h));
	if (r->http != NULL)
		http_head_release(&r->head);
	http_head_init(&r->head);
	r->http = h;
	r->header_list = NULL;
	r->body_len = r->window_len = r->sent_len = 0;
	r->active_ns = r->sent_ns = r->window_ns = 0;
	http_now_ns(h);
	r->lost_ns = h->awake.lost_ns;
	r->refusal = ERR_INIT;
	r->is_paused = r->is_stopped = false;
	r->reason[0] = 0;
	list_push_back(&h->requests, &r->link);
	atomic_fetch_add(&h->n_requests, 1);
	start(h, r); /* a failure is told by tell_refused() */
}

void
http_resume(struct http_request *r)
{
	if (!r->is_paused)
		return;
	r->is_paused = false;
	r->active_ns = r->window_ns = http_now_ns(r->http);
	r->window_len = r->body_len;
	curl_easy_pause(r->easy, CURLPAUSE_CONT);
}

bool
http_stood_still(const struct http_request *r)
{
	http_now_ns(r->http); /* libcurl may be the first to notice */
	return r->http->awake.lost_ns - r->lost_ns >= STANDSTILL_MS * NS_PER_MS;
}

void
http_abandon(struct http_request *r)
{
	assert(http_is_own_thread(r->http));
	detach(r);
	tally_add(&r->http->tally, r->url, TALLY_ABANDONED, r->body_len);
}

void
http_request_release(struct http_request *r)
{
	if (r->http != NULL)
		http_head_release(&r->head);
	r->http = NULL;
}

/* ---- the thread ---- */

static void
reap(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct http_request *r;
		struct err e = ERR_INIT;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
		if (easy_judge(r, m->data.result, &e) < 0)
			finish(r, &e);
		else
			finish(r, NULL);
	}
}

static uint32_t
stall_ms(const struct http *h, const struct http_request *r)
{
	return r->stall_timeout_ms != 0 ? r->stall_timeout_ms
					: h->options.stall_timeout_ms;
}

/* Looked at once a stall timeout, from the head on. */
static bool
trickles(const struct http *h, struct http_request *r, uint64_t now)
{
	uint64_t ms = stall_ms(h, r);
	bool is_too_little =
	    r->body_len - r->window_len < ms * TRICKLE_BYTES_PER_S / 1000;

	if (!r->head.is_complete || now < r->window_ns + ms * NS_PER_MS)
		return false;
	r->window_ns = now;
	r->window_len = r->body_len;
	return is_too_little;
}

static bool
is_stalled(
    const struct http *h, struct http_request *r, uint64_t now, struct err *e)
{
	uint32_t ms = stall_ms(h, r);

	if (r->active_ns == 0 || r->is_paused)
		return false;
	if (now > r->active_ns + ms * NS_PER_MS)
		err_set(e, ETIMEDOUT, "no %s for %u s",
		    r->head.bytes > 0 && !r->head.is_complete ? "whole head"
							      : "byte",
		    ms / 1000);
	else if (trickles(h, r, now))
		err_set(e, ETIMEDOUT, "hardly a byte for %u s", ms / 1000);
	return e->code != 0;
}

/* One that should end without curl saying so: it could not start, or no byte
 * comes. */
static struct http_request *
find_dead(struct http *h, uint64_t now)
{
	list_for_each(l, &h->requests) {
		struct http_request *r =
		    list_entry(l, struct http_request, link);

		if (r->refusal.code == 0 ? is_stalled(h, r, now, &r->refusal)
					 : r->active_ns == 0)
			return r;
	}
	return NULL;
}

static void
end_dead(struct http *h)
{
	uint64_t now = http_now_ns(h);
	struct http_request *r;

	if (now < h->looked_ns + AWAKE_TICK_NS)
		return;
	h->looked_ns = now;
	while ((r = find_dead(h, now)) != NULL) {
		struct err e = r->refusal;

		finish(r, &e);
	}
}

static int
wait_ms(struct http *h)
{
	uint64_t now = http_now_ns(h), until = now + IDLE_WAIT_MS * NS_PER_MS;

	if (!list_is_empty(&h->requests) || !list_is_empty(&h->timers))
		until = now + AWAKE_TICK_NS;
	list_for_each(l, &h->timers) {
		struct http_timer *t = list_entry(l, struct http_timer, link);

		if (t->at_ns < until)
			until = t->at_ns;
	}
	return until <= now ? 0 : (until - now) / NS_PER_MS + 1;
}

static void *
run(void *arg)
{
	struct http *h = arg;
	int running;

	for (;;) {
		/* In this order: one wake-up may stand for a job and the end;
		 * what has come is taken before it is called late. */
		run_jobs(h);
		if (is_over(h))
			return NULL;
		curl_multi_perform(h->multi, &running);
		reap(h);
		fire_timers(h);
		end_dead(h);
		curl_multi_poll(h->multi, NULL, 0, wait_ms(h), NULL);
	}
}

struct http *
http_new(const struct http_options *o, struct err *e)
{
	struct http *h;

	/* Idempotent and, in the libcurl we require, safe in threads. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (h = calloc(1, sizeof *h)) == NULL) {
		err_set(e, ENOMEM, "the HTTP client");
		return NULL;
	}
	h->options = *o;
	list_init(&h->requests);
	list_init(&h->timers);
	list_init(&h->inbox);
	lock_init(&h->lock, RANK_HTTP);
	tally_init(&h->tally);
	h->multi = curl_multi_init();
	h->share = curl_share_init();
	if (h->multi == NULL || h->share == NULL) {
		err_set(e, ENOMEM, "the HTTP client");
		goto failed;
	}
	curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
	    (long)o->max_host_connections);
	curl_multi_setopt(
	    h->multi, CURLMOPT_MAXCONNECTS, (long)MAX_IDLE_CONNECTIONS);
	curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	curl_share_setopt(
	    h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	if (thread_start(&h->thread, "http", run, h, e) < 0)
		goto failed;
	return h;
failed:
	curl_multi_cleanup(h->multi);
	curl_share_cleanup(h->share);
	tally_release(&h->tally);
	lock_destroy(&h->lock);
	free(h);
	return NULL;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	{
		LOCK_SCOPE(&h->lock);
		h->is_ending = true;
	}
	curl_multi_wakeup(h->multi);
	pthread_join(h->thread, NULL);
	assert(list_is_empty(&h->requests));
	curl_multi_cleanup(h->multi);
	curl_share_cleanup(h->share);
	tally_release(&h->tally);
	lock_destroy(&h->lock);
	free(h);
}
