/* grpctool: the gRPC server and client by hand, for the behaviour tests.
 *
 *	grpctool [OPTION...] serve SOCKET   until SIGTERM, then drains
 *	grpctool [OPTION...] keep SOCKET    the same in a child, which is started
 *	    again over the same connections when it dies; its pid goes to SOCKET.pid
 *	grpctool [OPTION...] call SOCKET PATH   standard input is the request
 *
 *	--threads N       of the pool (4)
 *	--patience MS     of the drain (300)
 *	--count N         calls in flight at once, the answers one after another
 *	--deadline MS     of a call
 *	--cancel          gives the calls up at SIGTERM
 *	--field NAME:VALUE   sent beside the request
 *
 * Of a call's answer the message goes to standard output, "STATUS TEXT" to
 * standard error.  What is served: grpctool_methods.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/grpc.h"
#include "net/grpc_client.h"
#include "net/grpctool_methods.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/rights.h"

enum { KEPT_MAX = 64, FIELDS_MAX = 8 };

struct tool {
	unsigned threads;
	uint32_t patience_ms;
	uint32_t count;
	uint32_t deadline_ms;
	bool gives_up;
	struct grpc_field fields[FIELDS_MAX];
	size_t n_fields;

	struct loop *loop;
	struct grpc_server *server;
	int signals;
	unsigned generation; /* of the child, from 1; 0: nobody keeps */
	int keeper;          /* where the child sends its connections */

	uint32_t n_done;
	int status;
};

/* --- serving --- */

unsigned
tool_generation(const struct tool *t)
{
	return t->generation;
}

static void
on_open(void *ctx, uint64_t serial, int fd)
{
	struct tool *t = ctx;

	(void)serial;
	if (t->generation > 0)
		rights_send(t->keeper, "c", 1, 0, &fd, 1);
}

static void
on_drained(void *ctx)
{
	struct tool *t = ctx;

	fprintf(stderr, "drained\n");
	loop_stop(t->loop);
}

static void
on_signal(void *ctx, uint32_t ready)
{
	struct tool *t = ctx;
	struct signalfd_siginfo info;

	(void)ready;
	if (read(t->signals, &info, sizeof info) == sizeof info)
		grpc_server_drain(t->server, t->patience_ms, on_drained, t);
}

static int
open_signals(struct tool *t, void (*on_ready)(void *ctx, uint32_t ready),
    void *ctx, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (t->signals < 0)
		return err_sys(e, "signalfd");
	return loop_watch(t->loop, t->signals, EPOLLIN, on_ready, ctx, e) ==
		       NULL
		   ? -1
		   : 0;
}

static int
serve(
    struct tool *t, int listener, const int *kept, size_t n_kept, struct err *e)
{
	struct pool *pool = pool_new("call", t->threads, e);
	struct grpc_server_options o = {
		.methods = tool_methods,
		.n_methods = n_tool_methods,
		.pool = pool,
		.on_open = on_open,
		.ctx = t,
	};

	t->loop = loop_new(e);
	if (pool == NULL || t->loop == NULL ||
	    open_signals(t, on_signal, t, e) < 0)
		return -1;
	t->server = grpc_server_new(t->loop, listener, &o, e);
	if (t->server == NULL)
		return -1;
	for (size_t i = 0; i < n_kept; i++)
		grpc_server_adopt(t->server, kept[i]);
	if (loop_run(t->loop, e) < 0)
		return -1;
	/* Methods may be asleep, and their peers wait no more. */
	fflush(NULL);
	_exit(0);
}

/* Whoever finds it is listened to. */
static int
open_listener(const char *path, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%.100s.new", path);
	unlink(a.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
	    listen(fd, 128) < 0 || rename(a.sun_path, path) < 0)
		return err_sys(e, "listen on %s", path);
	return fd;
}

/* --- keeping --- */

static int
note_pid(const char *path, pid_t pid, struct err *e)
{
	char name[128];
	FILE *f;

	snprintf(name, sizeof name, "%s.pid", path);
	f = fopen(name, "w");
	if (f == NULL)
		return err_sys(e, "%s", name);
	fprintf(f, "%d\n", pid);
	return fclose(f) == 0 ? 0 : err_sys(e, "%s", name);
}

/* What the child sends until it dies. */
static size_t
keep_connections(int child, int kept[KEPT_MAX])
{
	size_t n = 0;
	struct rights r;
	char byte;

	while (rights_receive(child, &byte, 1, 0, &r) > 0) {
		if (r.n == 1 && n < KEPT_MAX)
			kept[n++] = take_fd(&r.fds[0]);
		rights_close(&r);
	}
	return n;
}

static int
keep(struct tool *t, const char *path, int listener, struct err *e)
{
	int kept[KEPT_MAX], pair[2], status;
	size_t n = 0;

	for (;;) {
		pid_t pid;

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) <
		    0)
			return err_sys(e, "socketpair");
		t->generation++;
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(pair[0]);
			t->keeper = pair[1];
			return serve(t, dup(listener), kept, n, e);
		}
		close(pair[1]);
		for (size_t i = 0; i < n; i++)
			close(kept[i]);
		if (note_pid(path, pid, e) < 0)
			return -1;
		n = keep_connections(pair[0], kept);
		close(pair[0]);
		waitpid(pid, &status, 0);
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
	}
}

/* --- calling --- */

struct one {
	struct tool *tool;
	struct grpc_client_call call;
};

static void
on_done(struct grpc_client_call *call, const struct grpc_answer *a)
{
	struct one *one = container_of(call, struct one, call);
	struct tool *t = one->tool;

	if (a->n > 0)
		fwrite(a->message, 1, a->n, stdout);
	fprintf(stderr, "%d %s\n", a->status, a->text);
	if (a->status != GRPC_OK)
		t->status = 1;
	if (++t->n_done == t->count)
		loop_stop(t->loop);
}

static void
on_giving_up(void *ctx, uint32_t ready)
{
	struct one *calls = ctx;
	struct tool *t = calls->tool;
	struct signalfd_siginfo info;

	(void)ready;
	if (read(t->signals, &info, sizeof info) != sizeof info)
		return;
	for (uint32_t i = 0; i < t->count; i++)
		if (calls[i].call.exchange != NULL)
			grpc_client_cancel(&calls[i].call);
}

static int
read_input(struct buf *b, struct err *e)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(b, 64 << 10, e) < 0)
			return -1;
		n = read(0, b->data + b->len, 64 << 10);
		if (n < 0)
			return err_sys(e, "standard input");
		if (n == 0)
			return 0;
		b->len += n;
	}
}

static int
call(struct tool *t, const char *socket_path, const char *path, struct err *e)
{
	AUTO_BUF struct buf input = BUF_INIT(MIB(64));
	AUTO_FREE struct one *calls = calloc(t->count, sizeof *calls);
	struct grpc_client *client;

	t->loop = loop_new(e);
	if (calls == NULL || t->loop == NULL || read_input(&input, e) < 0)
		return -1;
	if (t->gives_up && open_signals(t, on_giving_up, calls, e) < 0)
		return -1;
	client = grpc_client_new(t->loop, socket_path, e);
	if (client == NULL)
		return -1;
	for (uint32_t i = 0; i < t->count; i++) {
		calls[i] = (struct one){ .tool = t };
		calls[i].call.path = path;
		calls[i].call.message = input.data;
		calls[i].call.n = input.len;
		calls[i].call.metadata = t->fields;
		calls[i].call.n_metadata = t->n_fields;
		calls[i].call.on_done = on_done;
		if (t->deadline_ms > 0)
			calls[i].call.deadline_ns =
			    clock_now_ns() + t->deadline_ms * NS_PER_MS;
		grpc_client_send(client, &calls[i].call);
	}
	if (loop_run(t->loop, e) < 0)
		return -1;
	grpc_client_free(client);
	loop_free(t->loop);
	return 0;
}

/* --- the command line --- */

enum { THREADS = 256, PATIENCE, COUNT, DEADLINE, CANCEL, FIELD };

static const struct option options[] = {
	{ "threads", required_argument, NULL, THREADS },
	{ "patience", required_argument, NULL, PATIENCE },
	{ "count", required_argument, NULL, COUNT },
	{ "deadline", required_argument, NULL, DEADLINE },
	{ "cancel", no_argument, NULL, CANCEL },
	{ "field", required_argument, NULL, FIELD },
	{ 0 },
};

static bool
add_field(struct tool *t, char *text)
{
	char *colon = strchr(text, ':');

	if (colon == NULL || t->n_fields == FIELDS_MAX)
		return false;
	*colon = 0;
	t->fields[t->n_fields++] = (struct grpc_field){ text, colon + 1 };
	return true;
}

static bool
parse_options(struct tool *t, int argc, char **argv)
{
	for (;;) {
		int o = getopt_long(argc, argv, "", options, NULL);
		unsigned long v =
		    o < 0 || optarg == NULL ? 0 : strtoul(optarg, NULL, 10);

		switch (o) {
		case -1:
			return true;
		case THREADS:
			t->threads = v;
			break;
		case PATIENCE:
			t->patience_ms = v;
			break;
		case COUNT:
			t->count = v;
			break;
		case DEADLINE:
			t->deadline_ms = v;
			break;
		case CANCEL:
			t->gives_up = true;
			break;
		case FIELD:
			if (add_field(t, optarg))
				break;
			return false;
		default:
			return false;
		}
	}
}

static int
run(struct tool *t, int n, char **words, struct err *e)
{
	bool keeps = n == 2 && strcmp(words[0], "keep") == 0;
	int listener;

	if (n == 3 && strcmp(words[0], "call") == 0)
		return call(t, words[1], words[2], e);
	if (!keeps && (n != 2 || strcmp(words[0], "serve") != 0))
		return err_set(e, EINVAL, "serve, keep or call");
	listener = open_listener(words[1], e);
	if (listener < 0)
		return -1;
	return keeps ? keep(t, words[1], listener, e)
		     : serve(t, listener, NULL, 0, e);
}

int
main(int argc, char **argv)
{
	struct tool t = { .threads = 4, .patience_ms = 300, .count = 1 };
	struct err e = ERR_INIT;

	if (!parse_options(&t, argc, argv))
		return 2;
	if (run(&t, argc - optind, argv + optind, &e) < 0) {
		fprintf(stderr, "grpctool: %s\n", e.msg);
		return 2;
	}
	return t.status;
}
