#include "daemon/metrics_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/loopback.h"
#include "daemon/metrics_page.h"
#include "supervisor/agent.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/peer.h"

enum {
	SCRAPES_MAX = 8,
	SCRAPE_S = 5, /* from connecting to the answer's last byte */
	REQUEST_BYTES = 16 << 10,
	SWEEP_MS = 500,
};

struct listener {
	struct metrics_server *server;
	int fd; /* -1: none */
	struct watch *watch;
	bool is_unix;
};

/* A connection that libmicrohttpd has. */
struct scrape {
	int fd; /* -1: none */
	uint64_t until_ns;
};

struct metrics_server {
	struct daemon *daemon;
	struct MHD_Daemon *http;
	struct listener by_path, by_address;
	struct timer *sweep;

	struct lock lock; /* RANK_LEAF; guards what follows */
	struct scrape scrapes[SCRAPES_MAX];
};

/* ---- answering, on the "metrics" thread ---- */

static enum MHD_Result
answer(struct MHD_Connection *c, unsigned status, void *text, size_t n,
    enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(n, text, mode);
	enum MHD_Result rc;

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
	    "text/plain; version=0.0.4; charset=utf-8");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
answer_words(struct MHD_Connection *c, unsigned status, const char *words)
{
	return answer(
	    c, status, (void *)words, strlen(words), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result
answer_metrics(struct MHD_Connection *c, struct daemon *d)
{
	AUTO_BUF struct buf page = BUF_INIT(LIMIT_METRICS_BYTES);
	struct err e = ERR_INIT;

	if (metrics_page_write(d, &page, &e) == 0)
		return answer(
		    c, MHD_HTTP_OK, page.data, page.len, MHD_RESPMEM_MUST_COPY);
	log_warn("metrics: %s", e.msg);
	return answer_words(
	    c, MHD_HTTP_INTERNAL_SERVER_ERROR, "the log says why\n");
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *body, size_t *n_body,
    void **state)
{
	struct metrics_server *s = ctx;

	(void)version;
	(void)body;
	/* It is called once for the head, then for the body, then at the end:
	 * only then may something be said. */
	if (*state == NULL) {
		*state = s;
		return MHD_YES;
	}
	if (*n_body > 0) {
		*n_body = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_words(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET it\n");
	if (strcmp(url, "/metrics") != 0)
		return answer_words(c, MHD_HTTP_NOT_FOUND, "/metrics it is\n");
	return answer_metrics(c, s->daemon);
}

/* ---- connections ---- */

static struct scrape *
find_scrape(struct metrics_server *s, int fd)
{
	for (int i = 0; i < SCRAPES_MAX; i++)
		if (s->scrapes[i].fd == fd)
			return &s->scrapes[i];
	return NULL;
}

static void
leave_place(struct metrics_server *s, int fd)
{
	LOCK_SCOPE(&s->lock);
	struct scrape *old = find_scrape(s, fd);

	if (old != NULL)
		old->fd = -1;
}

/* Called before libmicrohttpd closes the descriptor. */
static void
on_connection(void *ctx, struct MHD_Connection *c, void **state,
    enum MHD_ConnectionNotificationCode what)
{
	struct metrics_server *s = ctx;
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

	(void)state;
	if (what == MHD_CONNECTION_NOTIFY_CLOSED && i != NULL)
		leave_place(s, i->connect_fd);
}

static bool
take_place(struct metrics_server *s, int fd)
{
	LOCK_SCOPE(&s->lock);
	struct scrape *free_one = find_scrape(s, -1);

	if (free_one == NULL)
		return false;
	free_one->fd = fd;
	free_one->until_ns = clock_now_ns() + SCRAPE_S * NS_PER_S;
	return true;
}

/* libmicrohttpd's own limit is the time between two bytes. */
static void
end_slow_ones(struct metrics_server *s)
{
	uint64_t now = clock_now_ns();

	LOCK_SCOPE(&s->lock);
	for (int i = 0; i < SCRAPES_MAX; i++)
		if (s->scrapes[i].fd >= 0 && s->scrapes[i].until_ns < now)
			shutdown(s->scrapes[i].fd, SHUT_RDWR);
}

static bool
is_anybody_there(struct metrics_server *s)
{
	LOCK_SCOPE(&s->lock);
	for (int i = 0; i < SCRAPES_MAX; i++)
		if (s->scrapes[i].fd >= 0)
			return true;
	return false;
}

static void
on_sweep(void *ctx)
{
	struct metrics_server *s = ctx;
	struct err e = ERR_INIT;

	s->sweep = NULL;
	end_slow_ones(s);
	if (is_anybody_there(s))
		s->sweep = loop_at(s->daemon->loop,
		    clock_now_ns() + SWEEP_MS * NS_PER_MS, on_sweep, s, &e);
}

static int
check_peer(const struct listener *l, int fd, struct err *e)
{
	if (!l->is_unix)
		return 0;
	return peer_check(fd, !agent_is_root(l->server->daemon->agent), e);
}

static void
on_connect(void *ctx, uint32_t ready)
{
	struct listener *l = ctx;
	struct metrics_server *s = l->server;
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof a;
	struct err e = ERR_INIT;
	int fd = accept4(
	    l->fd, (struct sockaddr *)&a, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)ready;
	if (fd < 0)
		return;
	if (check_peer(l, fd, &e) < 0) {
		log_event(LOG_LEVEL_WARN, LOG_EVENT_peer_refused,
		    LOG_FIELDS({ "socket", "metrics.sock" }),
		    "metrics.sock: %s", e.msg);
		close(fd);
	} else if (!take_place(s, fd)) {
		close(fd);
	} else {
		/* Failing, it closes the descriptor. */
		if (MHD_add_connection(s->http, fd, (struct sockaddr *)&a, n) !=
		    MHD_YES)
			leave_place(s, fd);
		if (s->sweep == NULL)
			on_sweep(s);
	}
}

/* ---- starting and ending ---- */

static void
on_log(void *ctx, const char *fmt, va_list ap)
{
	char text[256];

	(void)ctx;
	vsnprintf(text, sizeof text, fmt, ap);
	log_debug("metrics: %s", text);
}

/* Its thread inherits the mask: signals are main's. */
static struct MHD_Daemon *
start_http(struct metrics_server *s)
{
	struct MHD_Daemon *http;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	http = MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
				    MHD_USE_EPOLL_INTERNAL_THREAD |
				    MHD_USE_ERROR_LOG,
	    0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log,
	    NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SCRAPES_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SCRAPE_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return http;
}

static int
watch(struct metrics_server *s, struct listener *l, struct err *e)
{
	l->server = s;
	if (l->fd < 0)
		return 0;
	l->watch =
	    loop_watch(s->daemon->loop, l->fd, EPOLLIN, on_connect, l, e);
	return l->watch == NULL ? -1 : 0;
}

static int
open_all(
    struct metrics_server *s, int *listener, const char *address, struct err *e)
{
	if (*address != 0 &&
	    (s->by_address.fd = loopback_listen(address, e)) < 0)
		return -1;
	s->by_path.fd = *listener;
	*listener = -1;
	s->http = start_http(s);
	if (s->http == NULL)
		return err_set(e, EIO, "libmicrohttpd did not start");
	if (watch(s, &s->by_path, e) < 0)
		return -1;
	return watch(s, &s->by_address, e);
}

struct metrics_server *
metrics_server_new(
    struct daemon *d, int *listener, const char *address, struct err *e)
{
	struct metrics_server *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "metrics");
		return NULL;
	}
	s->daemon = d;
	s->by_path = (struct listener){ .fd = -1, .is_unix = true };
	s->by_address = (struct listener){ .fd = -1 };
	lock_init(&s->lock, RANK_LEAF);
	for (int i = 0; i < SCRAPES_MAX; i++)
		s->scrapes[i].fd = -1;
	if (open_all(s, listener, address, e) == 0)
		return s;
	metrics_server_free(s);
	return NULL;
}

static void
stop_listening(struct listener *l)
{
	if (l->watch != NULL)
		watch_remove(l->watch);
	if (l->fd >= 0)
		close(l->fd);
}

void
metrics_server_free(struct metrics_server *s)
{
	if (s == NULL)
		return;
	stop_listening(&s->by_path);
	stop_listening(&s->by_address);
	if (s->sweep != NULL)
		timer_cancel(s->sweep);
	if (s->http != NULL)
		MHD_stop_daemon(s->http);
	lock_destroy(&s->lock);
	free(s);
}
