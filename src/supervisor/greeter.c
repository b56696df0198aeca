#include "supervisor/greeter.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/hold.h"
#include "supervisor/keep.h"
#include "supervisor/supervisor_private.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/peer.h"

/* As many as a listening socket's queue: the next ones wait there. */
enum { GREETED_MAX = 64 };

/* A worker that lives has accepted by then. */
enum { REST_MS = 20 };

/* The one byte of the payload. */
enum { GREETED = 1 };

struct endpoint {
	const char *kind;
	const char *socket;
	int listener; /* -1: nobody would serve what connects */
};

static void
list_endpoints(
    const struct supervisor *s, struct endpoint all[GREETER_LISTENERS])
{
	const char *containerd = s->options->containerd;
	bool has_cri = containerd != NULL && *containerd != '\0';

	all[0] =
	    (struct endpoint){ "rpc", "snapshotter.sock", s->run.snapshotter };
	all[1] =
	    (struct endpoint){ "cri", "cri.sock", has_cri ? s->run.cri : -1 };
}

/* ---- those that are held ---- */

static bool
is_greeted(const struct held_fd *f)
{
	return f->h.payload_len == 1 && f->h.payload[0] == GREETED &&
	       (strncmp(f->h.name, "rpc:", 4) == 0 ||
		   strncmp(f->h.name, "cri:", 4) == 0);
}

static bool
has_left(const struct held_fd *f)
{
	struct pollfd p = { .fd = f->h.fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

static size_t
count_greeted(const struct supervisor *s)
{
	size_t n = 0;

	list_for_each(l, &s->keep.holds)
		n += is_greeted(list_entry(l, struct held_fd, link));
	return n;
}

/* Workers that die at their start again and again are no reason to collect
 * descriptors. */
static void
forget_who_left(struct supervisor *s)
{
	char name[AGENT_NAME_MAX + 1];

	list_for_each_safe(l, &s->keep.holds) {
		const struct held_fd *f = list_entry(l, struct held_fd, link);

		if (!is_greeted(f) || !has_left(f))
			continue;
		memcpy(name, f->h.name, sizeof name);
		keep_drop(&s->keep, name);
	}
}

struct held_fd *
greeter_give(struct supervisor *s)
{
	list_for_each(l, &s->keep.holds) {
		struct held_fd *f = list_entry(l, struct held_fd, link);

		if (!is_greeted(f))
			continue;
		keep_clear_payload(&s->keep, f);
		return f;
	}
	return NULL;
}

/* ---- greeting ---- */

/* Length (3) | type | flags | stream (4): RFC 9113, 6.5.  The empty socket
 * buffer has room for it. */
bool
greeter_say_settings(int fd)
{
	static const uint8_t settings[9] = { [3] = 4 };

	return send(fd, settings, sizeof settings,
		   MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof settings;
}

/* Of no connection before, also of an earlier worker's. */
static void
make_name(struct supervisor *s, char name[AGENT_NAME_MAX + 1], const char *kind)
{
	uint64_t serial = clock_now_ns();

	do
		snprintf(
		    name, AGENT_NAME_MAX + 1, "%s:%" PRIu64, kind, serial++);
	while (hold_find(&s->keep.holds, name) != NULL);
}

/* As the worker decides (daemon/rpc.c). */
static bool
is_admitted(const struct endpoint *p, int fd)
{
	struct err e;

	if (peer_check(fd, false, &e) == 0)
		return true;
	log_event(LOG_LEVEL_WARN, LOG_EVENT_peer_refused,
	    LOG_FIELDS({ "socket", p->socket }), "%s: %s", p->socket, e.msg);
	return false;
}

/* False: none waits, or no more is taken now: who may not speak here does not keep
 * the supervisor busy either. */
static bool
greet_one(struct supervisor *s, const struct endpoint *p)
{
	struct held h = { .payload = { GREETED }, .payload_len = 1 };
	AUTO_CLOSE int fd =
	    accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct err e;

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			s->greeter.is_tired = true;
		return false;
	}
	if (!is_admitted(p, fd))
		return false;
	if (!greeter_say_settings(fd))
		return true;
	make_name(s, h.name, p->kind);
	h.fd = take_fd(&fd);
	if (keep_put(&s->keep, &h, NULL, &e) != 0)
		log_warn("who connected is hung up on: %s", e.msg);
	return true;
}

static bool
is_resting(const struct supervisor *s)
{
	return s->worker.is_serving &&
	       clock_now_ns() < s->greeter.rest_until_ns;
}

int
greeter_timeout_ms(const struct supervisor *s)
{
	return is_resting(s) ? REST_MS : -1;
}

void
greeter_note_waiting(struct supervisor *s)
{
	if (!s->worker.is_serving)
		return;
	if (worker_is_dying(&s->worker))
		s->worker.is_serving = false;
	else
		s->greeter.rest_until_ns = clock_now_ns() + REST_MS * NS_PER_MS;
}

static bool
may_greet(const struct supervisor *s)
{
	return !s->worker.is_serving && !s->is_ending && !s->greeter.is_tired &&
	       count_greeted(s) < GREETED_MAX;
}

void
greeter_listeners(const struct supervisor *s, int fds[GREETER_LISTENERS])
{
	bool may_wake = s->worker.is_serving ? !is_resting(s) : may_greet(s);
	struct endpoint all[GREETER_LISTENERS];

	list_endpoints(s, all);
	for (size_t i = 0; i < GREETER_LISTENERS; i++)
		fds[i] = may_wake ? all[i].listener : -1;
}

void
greeter_greet(struct supervisor *s)
{
	struct endpoint all[GREETER_LISTENERS];

	if (s->worker.is_serving)
		return;
	list_endpoints(s, all);
	forget_who_left(s);
	for (size_t i = 0; i < GREETER_LISTENERS; i++)
		while (all[i].listener >= 0 && may_greet(s) &&
		       greet_one(s, &all[i]))
			;
}
