#include "registry/exchange.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "registry/answer.h"
#include "registry/client.h"
#include "registry/exchange_steps.h"
#include "registry/page.h"
#include "registry/secret.h"
#include "registry/turn.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"

enum { ASKED_START = 1, ASKED_RESUME = 2, ASKED_CANCEL = 4 };

enum {
	FIRST_WAIT_MS = 200, /* doubled with every try */
	LONGEST_WAIT_MS = 5000,
	LONGEST_RETRY_AFTER_S = 30,
	PROGRESS_BYTES = 64 << 10, /* that make tries count anew */
	ERROR_TEXT_BYTES = 4 << 10,
};

struct host *
exchange_host(const struct exchange *x)
{
	return &x->hosts->hosts[x->host];
}

/* ---- the end ---- */

static void
release(struct exchange *x)
{
	http_withdraw(x->registry->http, &x->job);
	http_clear_timer(&x->timer);
	token_cancel(&x->wait);
	http_request_release(&x->request);
	host_list_unref(take_ptr(&x->hosts));
	free(take_ptr(&x->url));
	secret_free(take_ptr(&x->away));
	secret_free(take_ptr(&x->authorization));
	free(take_ptr(&x->headers));
	buf_release(&x->text);
}

/* In the place of what it is, which may be relative; none when it is no URL. */
static void
make_absolute(char **url, const char *from)
{
	AUTO_FREE char *given = take_ptr(url);
	struct err bad = ERR_INIT;

	if (given != NULL && from != NULL)
		*url = url_resolve(from, given, &bad);
}

static void
give_answer(struct exchange *x)
{
	const char *from = x->away != NULL ? x->away : x->url;
	struct http_head *h = x->answer;
	AUTO_FREE char *link = NULL;

	if (h == NULL || x->request.http == NULL)
		return;
	http_head_release(h);
	*h = x->request.head;
	http_head_init(&x->request.head);
	make_absolute(&h->location, from);
	link = take_ptr(&h->link);
	if (link != NULL)
		h->link = page_next(link);
	make_absolute(&h->link, from);
}

void
exchange_finish(struct exchange *x, const struct err *failure)
{
	give_answer(x);
	/* What failed with several ranges went well without. */
	if (failure == NULL && x->forgoes_parts)
		exchange_forgo_parts(x);
	release(x);
	x->on_done(x, failure);
}

void
exchange_fail(struct exchange *x, int code, const char *why)
{
	struct err e = ERR_INIT;

	err_set(&e, code, "%s", why);
	exchange_finish(x, &e);
}

/* ---- tries ---- */

void
exchange_set_away(struct exchange *x, char *take_url)
{
	secret_free(x->away);
	x->away = take_url;
	if (take_url == NULL)
		x->has_left = false;
}

static void
choose_host(struct exchange *x)
{
	struct err last = x->failure;
	uint64_t limit_ns, now_ns = clock_now_ns();

	if (!turn_pick(x)) {
		if (last.code == 0)
			err_set(&last, ENOENT, "no host of %s may be asked",
			    x->namespace);
		exchange_finish(x, &last);
		return;
	}
	x->tries = 0;
	x->tried_pos = x->range.pos;
	limit_ns = turn_limited_until(x, x->host);
	if (limit_ns > now_ns)
		http_set_timer(x->registry->http, &x->timer, limit_ns - now_ns);
	else
		exchange_begin_try(x);
}

static uint64_t
random_below(struct registry *r, uint64_t n)
{
	r->jitter = hash_u64(r->jitter + clock_now_ns());
	return r->jitter % n;
}

/* Half of it fixed, half of it random, so that many do not come back at once.
 */
static uint64_t
wait_ns(struct exchange *x)
{
	uint64_t ms = min_u64(
	    (uint64_t)FIRST_WAIT_MS << min_u64(x->tries, 10), LONGEST_WAIT_MS);
	uint64_t asked = x->request.head.retry_after_s;

	ms = ms / 2 + random_below(x->registry, ms / 2 + 1);
	if (x->body_kind == BODY_ERROR && asked != HEAD_UNKNOWN)
		ms = max_u64(ms, min_u64(asked, LONGEST_RETRY_AFTER_S) * 1000);
	return ms * NS_PER_MS;
}

static void
on_timer(struct http_timer *t)
{
	exchange_begin_try(container_of(t, struct exchange, timer));
}

static unsigned
retries_of(const struct exchange *x)
{
	unsigned most = x->haste == HASTE_ONCE ? 0 : 1;

	return x->haste == HASTE_NONE ? x->registry->max_retries
				      : min_u64(most, x->registry->max_retries);
}

static bool
is_passing(const struct err *e)
{
	return e->code == EAGAIN || e->code == ETIMEDOUT;
}

static bool
may_try_again(struct exchange *x, const struct err *e)
{
	unsigned allowed = retries_of(x);

	if (!is_passing(e))
		return false;
	if (x->range.pos - x->tried_pos >= PROGRESS_BYTES) {
		x->tries = 0;
		x->tried_pos = x->range.pos;
	}
	/* Another has it now; this one may have it in a while. */
	return !turn_has_other(x) && x->tries < allowed;
}

static void
name_who(const struct exchange *x, struct err *e)
{
	const char *authority = exchange_host(x)->authority;

	if (x->away != NULL)
		err_wrap(
		    e, "%.100s (redirected from %s)", x->to.host, authority);
	else if (strcmp(authority, x->namespace) != 0)
		err_wrap(e, "%s", authority);
}

/* It asks for a pause, and gets it from everybody.  Meanwhile another host is
 * asked; where there is none, true: it is waited for, but not for ever. */
static bool
keep_limit(struct exchange *x)
{
	uint64_t until_ns = clock_now_ns() + wait_ns(x);

	if (x->away == NULL)
		origins_set_limited(
		    &x->registry->origins, &exchange_host(x)->origin, until_ns);
	return ++x->limits <= retries_of(x) && turn_has_other(x);
}

static void
tell_trouble(struct exchange *x, const struct err *why)
{
	metric_add(METRIC_http_retries, 1);
	if (x->on_trouble != NULL)
		x->on_trouble(x, why);
}

static void
leave_host(struct exchange *x, const struct err *failure)
{
	if (is_passing(failure) && !turn_wants_pause(x))
		origins_note_failure(
		    &x->registry->origins, &exchange_host(x)->origin);
	x->failure = *failure;
	x->tried |= (uint64_t)1 << x->host;
	if (turn_has_other(x))
		tell_trouble(x, failure);
	choose_host(x);
}

/* It may be for them that it failed: they are not asked for again.  True: that is
 * worth trying at once. */
static bool
forgo_parts(struct exchange *x, const struct err *e)
{
	bool has_answered = x->body_kind != BODY_NONE;

	x->forgoes_parts = true;
	if (has_answered)
		exchange_forgo_parts(x);
	return has_answered && !is_passing(e);
}

/* Connections do not outlive every standstill of this machine, which is no fault of
 * the host: it is asked once more, as if for the first time. */
static bool
excuse(struct exchange *x, const struct err *e)
{
	if (x->is_excused || x->method != NULL || !is_passing(e) ||
	    x->body_kind == BODY_ERROR || x->request.http == NULL ||
	    !http_stood_still(&x->request))
		return false;
	x->is_excused = true;
	return true;
}

/* While paused nothing may end: the reader is about to call resume. */
void
exchange_try_failed(struct exchange *x, const struct err *failure)
{
	struct err e = *failure;

	if (x->is_paused) {
		x->failure = e;
		x->is_held = true;
		return;
	}
	if (excuse(x, &e)) {
		exchange_begin_try(x);
		return;
	}
	if (x->range.has_parts && !turn_wants_pause(x) && forgo_parts(x, &e)) {
		exchange_send(x);
		return;
	}
	name_who(x, &e);
	if (x->away != NULL)
		redirects_forget(&x->registry->redirects, x->url);
	if (turn_wants_pause(x) && keep_limit(x)) {
		x->failure = e;
		tell_trouble(x, &e);
		choose_host(x);
	} else if (may_try_again(x, &e)) {
		http_set_timer(x->registry->http, &x->timer, wait_ns(x));
		x->tries++;
		tell_trouble(x, &e);
	} else {
		leave_host(x, &e);
	}
}

/* ---- from other threads ---- */

static void
resume(struct exchange *x)
{
	struct err e = x->failure;

	if (!x->is_paused)
		return;
	x->is_paused = false;
	if (!x->is_held) {
		http_resume(&x->request);
		return;
	}
	x->is_held = false;
	exchange_try_failed(x, &e);
}

static void
begin(struct exchange *x)
{
	struct err e = x->failure;

	if (x->hosts == NULL)
		exchange_finish(x, &e);
	else
		choose_host(x);
}

static void
run_job(struct http_job *j)
{
	struct exchange *x = container_of(j, struct exchange, job);
	unsigned asked = atomic_exchange(&x->asked, 0);

	if (asked & ASKED_CANCEL) {
		if (x->is_sent)
			http_abandon(&x->request);
		exchange_fail(x, ECANCELED, "cancelled");
	} else if (asked & ASKED_START) {
		begin(x);
	} else if (asked & ASKED_RESUME) {
		resume(x);
	}
}

static void
ask(struct exchange *x, unsigned what)
{
	atomic_fetch_or(&x->asked, what);
	http_submit(x->registry->http, &x->job);
}

void
exchange_start(struct exchange *x)
{
	list_init(&x->job.link);
	list_init(&x->timer.link);
	list_init(&x->wait.link);
	x->job.run = run_job;
	x->timer.fire = on_timer;
	x->request.on_head = answer_on_head;
	x->request.on_bytes = answer_on_bytes;
	x->request.on_done = answer_on_done;
	buf_init(&x->text, ERROR_TEXT_BYTES);
	if (x->hosts == NULL)
		x->hosts = registry_get_hosts(
		    x->registry, x->namespace, x->repository, &x->failure);
	ask(x, ASKED_START);
}

void
exchange_resume(struct exchange *x)
{
	ask(x, ASKED_RESUME);
}

void
exchange_cancel(struct exchange *x)
{
	ask(x, ASKED_CANCEL);
}

void
exchange_forget(struct exchange *x)
{
	http_withdraw(x->registry->http, &x->job);
}
