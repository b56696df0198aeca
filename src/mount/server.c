#include "mount/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mount/session.h"
#include "mount/unanswered.h"
#include "layer/view.h"
#include "base/awake.h"
#include "base/err.h"
#include "base/log.h"
#include "base/thread.h"

enum {
	STOP_SERIAL = 0,
	THREADS_MIN = 2,
	READ_AHEAD_KB = 1024,
	START_PATIENCE_S = 10,
};

static _Thread_local uint8_t *lent;

void
server_lend_buffer(uint8_t *buffer)
{
	lent = buffer;
}

uint8_t *
server_buffer(void)
{
	return lent;
}

/* ---- sessions ---- */

static struct session *
find_session(struct mount_server *s, uint64_t serial)
{
	LOCK_SCOPE(&s->lock);
	hmap_for_each_match(&s->sessions, serial, n)
		return session_ref(container_of(n, struct session, node));
	return NULL;
}

int
server_add(struct mount_server *s, struct session *x, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	{
		LOCK_SCOPE(&s->lock);
		x->serial = ++s->last_serial;
		x->is_listed = true;
		hmap_insert(&s->sessions, &x->node, x->serial);
		session_ref(x);
	}
	ev.data.u64 = x->serial;
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, x->fd, &ev) == 0)
		return 0;
	err_sys(e, "watch a FUSE descriptor");
	server_take_out(s, x);
	return -1;
}

/* One that was taken out meanwhile is not there to be changed: fine. */
void
server_wake_again(struct mount_server *s, struct session *x)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET,
		.data.u64 = x->serial };

	epoll_ctl(s->epoll, EPOLL_CTL_MOD, x->fd, &ev);
}

bool
server_take_out(struct mount_server *s, struct session *x)
{
	{
		LOCK_SCOPE(&s->lock);
		if (!x->is_listed)
			return false;
		x->is_listed = false;
		hmap_remove(&s->sessions, &x->node);
	}
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, x->fd, NULL);
	session_unref(x);
	return true;
}

static void
tell_owner(struct mount_server *s, struct mount *m)
{
	void (*on_gone)(void *ctx, struct mount *m) = NULL;
	void *ctx;

	{
		LOCK_SCOPE(&s->lock);
		m->is_gone = true;
		cond_broadcast(&s->started);
		if (!m->is_removed)
			on_gone = m->on_gone;
		ctx = m->ctx;
	}
	if (on_gone != NULL)
		on_gone(ctx, m);
}

static void
serve(struct mount_server *s, uint64_t serial, uint8_t *requests)
{
	struct session *x = find_session(s, serial);

	if (x == NULL)
		return;
	if (!session_serve(x, requests, SESSION_BUFFER) &&
	    server_take_out(s, x)) {
		read_end(&x->mount);
		tell_owner(s, &x->mount);
	}
	session_unref(x);
}

/* ---- starting ---- */

void
server_note_start(struct mount *m)
{
	LOCK_SCOPE(&m->server->lock);
	m->is_started = true;
	cond_broadcast(&m->server->started);
}

int
server_wait_start(struct mount *m, struct err *e)
{
	struct awake awake = { 0 };
	uint64_t until = awake_now_ns(&awake) + START_PATIENCE_S * NS_PER_S;

	LOCK_SCOPE(&m->server->lock);
	while (!m->is_started && !m->is_gone)
		if (!cond_wait_awake(
			&m->server->started, &m->server->lock, &awake, until))
			return err_set(e, ETIMEDOUT,
			    "the kernel began no FUSE session in %d s",
			    START_PATIENCE_S);
	return m->is_gone ? err_set(e, EIO, "unmounted at once") : 0;
}

/* ---- threads ---- */

static uint8_t *
take_seat(struct mount_server *s)
{
	return s->unanswered != NULL ? unanswered_seat(s->unanswered,
					   atomic_fetch_add(&s->n_seats, 1))
				     : malloc(SESSION_BUFFER);
}

static void *
run(void *arg)
{
	struct mount_server *s = arg;
	uint8_t *requests = take_seat(s);
	uint8_t *answers = malloc(SERVER_BUFFER);
	struct epoll_event ev;

	if (requests == NULL || answers == NULL) {
		log_error("fuse: no memory for a thread's buffers");
		abort();
	}
	server_lend_buffer(answers);
	for (;;) {
		if (epoll_wait(s->epoll, &ev, 1, -1) != 1)
			continue;
		if (ev.data.u64 == STOP_SERIAL)
			break;
		serve(s, ev.data.u64, requests);
	}
	server_lend_buffer(NULL);
	free(answers);
	if (s->unanswered == NULL)
		free(requests);
	return NULL;
}

static unsigned
choose_threads(unsigned wish)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (wish == 0)
		wish = cores < THREADS_MIN ? THREADS_MIN : cores;
	return wish > SERVER_THREADS_MAX ? SERVER_THREADS_MAX : wish;
}

static int
open_epoll(struct mount_server *s, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = STOP_SERIAL };

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll < 0 || s->stop < 0 ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->stop, &ev) != 0)
		return err_sys(e, "epoll");
	return 0;
}

static int
start_threads(struct mount_server *s, struct err *e)
{
	unsigned n = choose_threads(s->options.threads);

	for (; s->n_threads < n; s->n_threads++)
		if (thread_start(
			&s->threads[s->n_threads], "fuse", run, s, e) != 0)
			return -1;
	return 0;
}

/* Appends, as much as there is room for. */
static void
add_why(struct mount_server *s, const char *name, const char *text)
{
	size_t n = strlen(s->why);

	snprintf(s->why + n, sizeof s->why - n, "%s%s%s%s", n > 0 ? "; " : "",
	    name, *name != 0 ? ": " : "", text);
}

/* A way that was not asked for is no news. */
static void
try_kinds(struct mount_server *s)
{
	for (size_t i = 0; mount_kinds[i] != NULL; i++) {
		struct err no = ERR_INIT;

		if (mount_kinds[i]->probe(s, &no) == 0) {
			s->kind = mount_kinds[i];
			add_why(s, "", s->kind->why);
			log_info("mounts by %s: %s", s->kind->name, s->why);
			return;
		}
		if (no.code != ECANCELED)
			add_why(s, mount_kinds[i]->name, no.msg);
	}
	log_error("no way to mount here: %s", s->why);
}

/* True: the caller is to try, everybody else waits for him. */
static bool
begin_trying(struct mount_server *s)
{
	bool is_first;

	LOCK_SCOPE(&s->lock);
	while (s->choice == KIND_TRYING)
		cond_wait(&s->chosen, &s->lock);
	is_first = s->choice == KIND_UNTRIED;
	if (is_first)
		s->choice = KIND_TRYING;
	return is_first;
}

const struct mount_kind *
server_kind(struct mount_server *s, struct err *e)
{
	if (begin_trying(s)) {
		try_kinds(s);
		LOCK_SCOPE(&s->lock);
		s->choice = KIND_TRIED;
		cond_broadcast(&s->chosen);
	}
	if (s->kind == NULL)
		err_set(e, ENOTSUP, "no way to mount here: %s", s->why);
	return s->kind;
}

const char *
mount_server_kind(struct mount_server *s, const char **why)
{
	struct err none = ERR_INIT;
	const struct mount_kind *k = server_kind(s, &none);

	*why = s->why;
	return k != NULL ? k->name : "none";
}

int
mount_server_begin(struct mount_server *s, struct held *data, struct err *e)
{
	return data_fs_begin(s, data, e);
}

/* ---- mounts ---- */

void
mount_init(struct mount *m, const struct mount_kind *kind,
    struct mount_server *s, const char *id, struct view *v,
    void (*free)(struct mount *m))
{
	*m = (struct mount){ .kind = kind, .server = s, .free = free };
	if (v != NULL)
		m->view = view_ref(v);
	snprintf(m->id, sizeof m->id, "%s", id);
	atomic_fetch_add(&s->refs, 1);
	atomic_init(&m->refs, 1);
	failures_init(&m->failures);
	atomic_init(&m->patience_ms, s->options.patience_ms);
	list_init(&m->parked);
}

void
mount_release(struct mount *m)
{
	view_unref(m->view);
	failures_release(&m->failures);
	server_unref(m->server);
}

struct mount *
mount_ref(struct mount *m)
{
	atomic_fetch_add(&m->refs, 1);
	return m;
}

void
mount_unref(struct mount *m)
{
	if (atomic_fetch_sub(&m->refs, 1) == 1)
		m->free(m);
}

/* ---- from start to end ---- */

/* Where it fails the kernel may still send them again. */
static void
keep_requests(struct mount_server *s)
{
	struct err e = ERR_INIT;

	if (s->options.requests == MOUNT_NO_REQUESTS)
		return;
	s->unanswered = unanswered_new(s->agent, s->options.requests, &e);
	if (s->unanswered == NULL)
		log_warn("requests would not outlive the worker: %s", e.msg);
}

struct mount_server *
mount_server_new(
    struct agent *a, const struct mount_server_options *o, struct err *e)
{
	struct mount_server *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "mount server");
		return NULL;
	}
	s->agent = a;
	s->options = *o;
	if (s->options.read_ahead_kb == 0)
		s->options.read_ahead_kb = READ_AHEAD_KB;
	s->epoll = s->stop = -1;
	atomic_init(&s->refs, 1);
	lock_init(&s->lock, RANK_MOUNT);
	cond_init(&s->started);
	cond_init(&s->chosen);
	codecs_init(&s->codecs);
	data_fs_init(&s->data);
	keep_requests(s);
	if (open_epoll(s, e) == 0 && start_threads(s, e) == 0)
		return s;
	mount_server_free(s);
	return NULL;
}

static void
stop_threads(struct mount_server *s)
{
	uint64_t one = 1;

	atomic_store(&s->is_stopping, true);
	if (s->stop >= 0 && write(s->stop, &one, sizeof one) < 0)
		log_error("fuse: the threads cannot be told to end");
	while (s->n_threads > 0)
		pthread_join(s->threads[--s->n_threads], NULL);
}

void
mount_server_free(struct mount_server *s)
{
	struct hnode *n;

	if (s == NULL)
		return;
	stop_threads(s);
	data_fs_end(s);
	while ((n = hmap_any(&s->sessions)) != NULL)
		server_take_out(s, container_of(n, struct session, node));
	server_unref(s);
}

void
server_unref(struct mount_server *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	cleanup_close(&s->epoll);
	cleanup_close(&s->stop);
	hmap_release(&s->sessions);
	data_fs_release(&s->data);
	codecs_release(&s->codecs);
	unanswered_free(s->unanswered);
	cond_destroy(&s->started);
	cond_destroy(&s->chosen);
	lock_destroy(&s->lock);
	free(s);
}
