/* netsim - a TCP forwarder that behaves like a slower, farther link, and
 * counts.
 *
 *   netsim -l [ADDR:]PORT -t ADDR:PORT [-d ONE_WAY_MS] [-b MBIT] [-u UP_MBIT]
 *          [-W MAX_WINDOW_KB] [-n] [-s STATS.json] [-L REQUESTS.log]
 *
 * The model, per direction: one link of the given rate, shared by all
 * connections in turn by quanta of 16 to 64 KiB, then a fixed delay.  Reading
 * from a source stops while the link is busy, so that queueing stays below 1 ms
 * and the delay costs no throughput.  Each connection and direction also has a
 * TCP window (slow start from 10 segments, doubling each round trip up to -W,
 * halved for each idle retransmission time); -n turns that off.  Connecting
 * costs one round trip.
 *
 * SIGUSR1 writes the counters to -s, SIGUSR2 zeroes them; SIGTERM writes and
 * exits.  An HTTP request is counted when a client's segment starts with a
 * method; -L logs request line and Range header (plain HTTP only).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NEVER UINT64_MAX
#define LINK_SLACK_NS 600000u /* how far ahead the link may be booked */
#define FIRST_WINDOW (10 * 1448u)

enum { UP, DOWN }; /* client to server, server to client */

struct segment {
	struct segment *next;
	uint64_t deliver_ns;
	uint64_t ack_ns;
	size_t len;
	size_t sent;
	char data[];
};

struct queue {
	struct segment *head;
	struct segment *tail;
};

struct flow { /* one direction of a connection; its source is fd[dir] */
	int dir;
	bool can_read;
	bool can_write;
	bool at_eof;
	bool is_shut;
	uint64_t not_before_ns;
	uint64_t last_ns;
	size_t in_flight;
	size_t window;
	struct queue travelling; /* in the link */
	struct queue unacked;    /* delivered, the acknowledgement travels */
};

struct connection {
	struct connection *next;
	int fd[2]; /* client, server */
	bool is_dead;
	struct flow flow[2];
};

struct counters {
	uint64_t bytes[2];
	uint64_t connections;
	uint64_t peak_open;
	uint64_t requests;
	uint64_t since_ns;
	uint64_t first_byte_ns;
	uint64_t last_byte_ns;
};

struct sim {
	struct sockaddr_in listen, target;
	uint64_t delay_ns;
	double ns_per_byte[2];
	size_t quantum[2]; /* about 0.4 ms of the link */
	size_t max_window;
	bool has_slow_start;
	const char *stats_path;
	FILE *request_log;

	int epoll, listener, signals;
	uint64_t link_free_ns[2];
	struct connection *connections;
	uint64_t open;
	struct counters count;
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- counting --- */

static void
counters_reset(struct sim *s, uint64_t now)
{
	s->count = (struct counters){ .peak_open = s->open, .since_ns = now };
	if (s->request_log != NULL)
		fprintf(s->request_log, "# reset\n");
}

static void
counters_write(const struct sim *s)
{
	const struct counters *c = &s->count;
	char temporary[4096];
	FILE *f;

	if (s->request_log != NULL)
		fflush(s->request_log);
	if (s->stats_path == NULL)
		return;
	snprintf(temporary, sizeof temporary, "%s.tmp", s->stats_path);
	f = fopen(temporary, "w");
	if (f == NULL)
		return;
	fprintf(f,
	    "{\"bytes_up\": %ju, \"bytes_down\": %ju, \"connections\": %ju, "
	    "\"peak_open\": %ju, \"requests\": %ju, \"seconds\": %.6f, "
	    "\"active_seconds\": %.6f}\n",
	    (uintmax_t)c->bytes[UP], (uintmax_t)c->bytes[DOWN],
	    (uintmax_t)c->connections, (uintmax_t)c->peak_open,
	    (uintmax_t)c->requests, (now_ns() - c->since_ns) / 1e9,
	    (c->last_byte_ns - c->first_byte_ns) / 1e9);
	fclose(f);
	rename(temporary, s->stats_path);
}

static bool
is_request(const char *p, size_t n)
{
	static const char *const methods[] = { "GET ", "HEAD ", "POST ", "PUT ",
		"PATCH ", "DELETE " };

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (n >= strlen(methods[i]) &&
		    memcmp(p, methods[i], strlen(methods[i])) == 0)
			return true;
	return false;
}

static void
log_request(struct sim *s, const char *p, size_t n)
{
	static const char range[] = "\r\nRange: ";
	const char *end = memmem(p, n, "\r\n", 2);
	const char *r = memmem(p, n, range, strlen(range));

	if (end == NULL)
		end = p + (n < 200 ? n : 200);
	fprintf(s->request_log, "%.6f %.*s",
	    (now_ns() - s->count.since_ns) / 1e9, (int)(end - p), p);
	if (r != NULL) {
		r += strlen(range);
		end = memmem(r, n - (r - p), "\r\n", 2);
		if (end != NULL)
			fprintf(s->request_log, " | %.*s", (int)(end - r), r);
	}
	fputc('\n', s->request_log);
}

static void
count_segment(struct sim *s, int dir, const struct segment *g, uint64_t now)
{
	s->count.bytes[dir] += g->len;
	if (s->count.first_byte_ns == 0)
		s->count.first_byte_ns = now;
	s->count.last_byte_ns = now;
	if (dir == UP && is_request(g->data, g->len)) {
		s->count.requests++;
		if (s->request_log != NULL)
			log_request(s, g->data, g->len);
	}
}

/* --- one flow --- */

static void
queue_put(struct queue *q, struct segment *g)
{
	g->next = NULL;
	if (q->head != NULL)
		q->tail->next = g;
	else
		q->head = g;
	q->tail = g;
}

static struct segment *
queue_take(struct queue *q)
{
	struct segment *g = q->head;

	q->head = g->next;
	return g;
}

static void
take_acks(struct sim *s, struct flow *f, uint64_t now)
{
	while (f->unacked.head != NULL && f->unacked.head->ack_ns <= now) {
		struct segment *g = queue_take(&f->unacked);

		/* Grows only while the window is the limit, as Linux does. */
		if (f->window < s->max_window && 2 * f->in_flight >= f->window)
			f->window += g->len;
		f->in_flight -= g->len;
		free(g);
	}
}

/* Moves what is due to the destination. */
static void
deliver(struct sim *s, struct connection *c, struct flow *f, uint64_t now)
{
	struct segment *g;

	take_acks(s, f, now);
	while ((g = f->travelling.head) != NULL && g->deliver_ns <= now &&
	       f->can_write) {
		ssize_t n = send(c->fd[!f->dir], g->data + g->sent,
		    g->len - g->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			f->can_write = false;
			c->is_dead |= errno != EAGAIN;
			return;
		}
		g->sent += n;
		if (g->sent < g->len)
			continue;
		queue_take(&f->travelling);
		g->ack_ns = now + s->delay_ns;
		queue_put(&f->unacked, g);
	}
	if (f->at_eof && f->travelling.head == NULL && !f->is_shut) {
		shutdown(c->fd[!f->dir], SHUT_WR);
		f->is_shut = true;
	}
}

static size_t
window_of(const struct sim *s, struct flow *f, uint64_t now)
{
	uint64_t timeout =
	    s->delay_ns > 100000000 ? 4 * s->delay_ns : 200000000;

	if (!s->has_slow_start)
		return s->max_window;
	if (f->in_flight == 0 && f->last_ns != 0)
		for (uint64_t idle = now - f->last_ns;
		     idle > timeout && f->window > FIRST_WINDOW;
		     idle -= timeout)
			f->window = f->window / 2 > FIRST_WINDOW ? f->window / 2
								 : FIRST_WINDOW;
	return f->window < s->max_window ? f->window : s->max_window;
}

/* At most `room` bytes of the source; NULL when there is nothing now. */
static struct segment *
read_segment(struct connection *c, struct flow *f, size_t room)
{
	struct segment *g = malloc(sizeof *g + room);
	ssize_t n;

	if (g == NULL)
		die("netsim");
	n = recv(c->fd[f->dir], g->data, room, MSG_DONTWAIT);
	if (n > 0) {
		g->len = n;
		g->sent = 0;
		return g;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		f->at_eof = true;
	else if (errno == EAGAIN)
		f->can_read = false;
	free(g);
	return NULL;
}

/* Puts up to a quantum on the link; whether it did. */
static bool
pump(struct sim *s, struct connection *c, struct flow *f, uint64_t now)
{
	uint64_t *link_free = &s->link_free_ns[f->dir];
	size_t window, room;
	struct segment *g;

	if (!f->can_read || f->at_eof || c->is_dead || now < f->not_before_ns)
		return false;
	window = window_of(s, f, now);
	if (f->in_flight >= window)
		return false;
	room = window - f->in_flight;
	if (room > s->quantum[f->dir])
		room = s->quantum[f->dir];
	g = read_segment(c, f, room);
	if (g == NULL) {
		deliver(s, c, f, now);
		return false;
	}
	count_segment(s, f->dir, g, now);
	if (*link_free < now)
		*link_free = now;
	*link_free += (uint64_t)(g->len * s->ns_per_byte[f->dir]);
	g->deliver_ns = *link_free + s->delay_ns;
	queue_put(&f->travelling, g);
	f->in_flight += g->len;
	f->last_ns = now;
	return true;
}

/* When the flow next wants attention without an event. */
static uint64_t
flow_wake_ns(struct sim *s, struct flow *f, uint64_t now)
{
	uint64_t deliver = NEVER, read = NEVER;

	if (f->travelling.head != NULL && f->can_write)
		deliver = f->travelling.head->deliver_ns;
	if (!f->can_read || f->at_eof)
		return deliver;
	if (now < f->not_before_ns)
		read = f->not_before_ns;
	else if (f->in_flight >= window_of(s, f, now))
		read = f->unacked.head ? f->unacked.head->ack_ns : NEVER;
	else if (s->link_free_ns[f->dir] > now + LINK_SLACK_NS)
		read = s->link_free_ns[f->dir] - LINK_SLACK_NS / 2;
	else
		read = now;
	return read < deliver ? read : deliver;
}

/* --- connections --- */

static int
connect_to_target(const struct sim *s)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 &&
	    connect(fd, (const void *)&s->target, sizeof s->target) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
connection_add(struct sim *s, int client, int server, uint64_t now)
{
	struct connection *c = calloc(1, sizeof *c);

	if (c == NULL)
		die("netsim");
	c->fd[0] = client;
	c->fd[1] = server;
	c->next = s->connections;
	s->connections = c;
	s->count.connections++;
	if (++s->open > s->count.peak_open)
		s->count.peak_open = s->open;
	for (int d = 0; d < 2; d++) {
		struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT |
						    EPOLLRDHUP | EPOLLET,
			/* calloc's memory is aligned; bit 0 is free */
			.data.u64 = (uintptr_t)c | d };

		c->flow[d] = (struct flow){ .dir = d,
			.window = FIRST_WINDOW,
			.not_before_ns = now + 2 * s->delay_ns };
		setsockopt(c->fd[d], IPPROTO_TCP, TCP_NODELAY, &(int){ 1 },
		    sizeof(int));
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd[d], &ev);
	}
}

static void
accept_all(struct sim *s, uint64_t now)
{
	int client, server;

	while ((client = accept4(s->listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		server = connect_to_target(s);
		if (server < 0)
			close(client);
		else
			connection_add(s, client, server, now);
	}
}

static void
connection_free(struct connection *c)
{
	for (int d = 0; d < 2; d++) {
		while (c->flow[d].travelling.head != NULL)
			free(queue_take(&c->flow[d].travelling));
		while (c->flow[d].unacked.head != NULL)
			free(queue_take(&c->flow[d].unacked));
		close(c->fd[d]);
	}
	free(c);
}

static void
drop_finished(struct sim *s)
{
	struct connection **at = &s->connections, *c;

	while ((c = *at) != NULL) {
		if (!c->is_dead &&
		    !(c->flow[UP].is_shut && c->flow[DOWN].is_shut)) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		connection_free(c);
		s->open--;
	}
}

/* --- the loop --- */

static void
deliver_all(struct sim *s, uint64_t now)
{
	for (struct connection *c = s->connections; c != NULL; c = c->next)
		for (int d = 0; d < 2; d++)
			deliver(s, c, &c->flow[d], now);
}

/* Who has sent comes last now. */
static void
move_to_end(struct connection **at)
{
	struct connection *c = *at;

	*at = c->next;
	while (*at != NULL)
		at = &(*at)->next;
	*at = c;
	c->next = NULL;
}

/* False: nobody has anything that may be sent now. */
static bool
pump_next(struct sim *s, int dir, uint64_t now)
{
	for (struct connection **at = &s->connections; *at != NULL;
	     at = &(*at)->next) {
		if (!pump(s, *at, &(*at)->flow[dir], now))
			continue;
		move_to_end(at);
		return true;
	}
	return false;
}

/* In turn, until the link is booked. */
static void
pump_all(struct sim *s, int dir, uint64_t now)
{
	while (s->link_free_ns[dir] <= now + LINK_SLACK_NS &&
	       pump_next(s, dir, now))
		;
}

static uint64_t
next_wake_ns(struct sim *s, uint64_t now)
{
	uint64_t wake = NEVER;

	for (struct connection *c = s->connections; c != NULL; c = c->next)
		for (int d = 0; d < 2; d++) {
			uint64_t t = flow_wake_ns(s, &c->flow[d], now);

			if (t < wake)
				wake = t;
		}
	return wake;
}

/* False when it is to end. */
static bool
take_signals(struct sim *s, uint64_t now)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGUSR2)
			counters_reset(s, now);
		else
			counters_write(s);
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			return false;
	}
	return true;
}

static bool
take_event(struct sim *s, const struct epoll_event *ev, uint64_t now)
{
	struct connection *c;
	int d = ev->data.u64 & 1;

	if (ev->data.u64 == (uintptr_t)&s->listener) {
		accept_all(s, now);
		return true;
	}
	if (ev->data.u64 == (uintptr_t)&s->signals)
		return take_signals(s, now);
	c = (struct connection *)(uintptr_t)(ev->data.u64 & ~1ull);
	if (ev->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->flow[d].can_read = true;
	if (ev->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		c->flow[!d].can_write = true;
	return true;
}

static bool
run_once(struct sim *s, uint64_t wake)
{
	struct epoll_event events[64];
	uint64_t now = now_ns(), wait = wake > now ? wake - now : 0;
	struct timespec t = { wait / 1000000000, wait % 1000000000 };
	int n =
	    epoll_pwait2(s->epoll, events, 64, wake == NEVER ? NULL : &t, NULL);

	if (n < 0 && errno != EINTR)
		die("netsim: epoll");
	now = now_ns();
	for (int i = 0; i < n; i++)
		if (!take_event(s, &events[i], now))
			return false;
	deliver_all(s, now);
	for (int d = 0; d < 2; d++)
		pump_all(s, d, now);
	if (s->delay_ns == 0)
		deliver_all(s, now_ns());
	drop_finished(s);
	return true;
}

/* --- start --- */

static void
usage(void)
{
	fprintf(stderr,
	    "usage: netsim -l [ADDR:]PORT -t ADDR:PORT [-d ONE_WAY_MS]\n"
	    "              [-b DOWN_MBIT] [-u UP_MBIT] [-W MAX_WINDOW_KB]\n"
	    "              [-n (no slow start)] [-s STATS.json]\n"
	    "              [-L REQUESTS.log]\n");
	exit(2);
}

static struct sockaddr_in
parse_address(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *colon = strrchr(text, ':');
	char host[64] = "127.0.0.1";

	if (colon != NULL && (size_t)(colon - text) < sizeof host) {
		memcpy(host, text, colon - text);
		host[colon - text] = 0;
	}
	a.sin_port = htons(atoi(colon != NULL ? colon + 1 : text));
	if (a.sin_port == 0 || inet_pton(AF_INET, host, &a.sin_addr) != 1)
		usage();
	return a;
}

static void
set_rate(struct sim *s, int dir, double mbit)
{
	s->ns_per_byte[dir] = mbit > 0 ? 8000.0 / mbit : 0;
	s->quantum[dir] = mbit <= 0 || mbit > 1300 ? 65536
			  : mbit < 330             ? 16384
						   : (size_t)(mbit * 50);
}

static void
parse_options(struct sim *s, int argc, char **argv)
{
	double down = 0, up = 0;
	int o;

	while ((o = getopt(argc, argv, "l:t:d:b:u:W:ns:L:")) != -1) {
		if (o == 'l')
			s->listen = parse_address(optarg);
		else if (o == 't')
			s->target = parse_address(optarg);
		else if (o == 'd')
			s->delay_ns = atof(optarg) * 1e6;
		else if (o == 'b')
			down = atof(optarg);
		else if (o == 'u')
			up = atof(optarg);
		else if (o == 'W')
			s->max_window = atol(optarg) * 1024;
		else if (o == 'n')
			s->has_slow_start = false;
		else if (o == 's')
			s->stats_path = optarg;
		else if (o != 'L')
			usage();
		else if ((s->request_log = fopen(optarg, "w")) == NULL)
			die(optarg);
	}
	if (s->listen.sin_port == 0 || s->target.sin_port == 0)
		usage();
	set_rate(s, DOWN, down);
	set_rate(s, UP, up > 0 ? up : down);
	if (s->delay_ns == 0)
		s->has_slow_start = false;
	if (!s->has_slow_start)
		s->max_window = 64 << 20;
}

static void
open_signals(struct sim *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Who can connect may send a signal. */
static void
sim_open(struct sim *s)
{
	struct epoll_event ev = { .events = EPOLLIN };

	open_signals(s);
	s->listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(
	    s->listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(s->listener, (void *)&s->listen, sizeof s->listen) < 0 ||
	    listen(s->listener, 512) < 0)
		die("netsim: listen");
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	ev.data.u64 = (uintptr_t)&s->listener;
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &ev);
	ev.data.u64 = (uintptr_t)&s->signals;
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->signals, &ev);
	s->count.since_ns = now_ns();
}

int
main(int argc, char **argv)
{
	struct sim s = { .max_window = 6144 * 1024, .has_slow_start = true };

	parse_options(&s, argc, argv);
	sim_open(&s);
	while (run_once(&s, next_wake_ns(&s, now_ns())))
		;
	return 0;
}
