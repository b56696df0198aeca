/* mounttool: a daemon of its own for the tests of supervisor and mount: shows a
 * folder through FUSE.  Behind the index lies a plain file (fake_view.c).
 *
 *	mounttool make FOLDER STORE     index and contents of FOLDER, into STORE
 *	mounttool run STORE RUN [--target PATH] [--patience MS]
 *	    [--kernel auto|off|loop]
 *	    Supervisor and worker, until SIGTERM.  Mounts STORE as RUN/m/1 (or on
 *	    PATH) and prints that path.  Files below FOLDER/cold are missing until
 *	    STORE/gate exists.
 *	mounttool ask RUN overlay ID [UPPER WORK]
 *	mounttool ask RUN clone ID TARGET    and mounts the copy on TARGET
 *	mounttool ask RUN unmount ID
 *	mounttool ask RUN waiting            how many reads wait
 *	mounttool ask RUN make "NUMBER UID GID"     a snapshot
 *	mounttool ask RUN remove|measure NUMBER
 *	mounttool ask RUN map "NUMBER PLACE 1|LOWER FIRST"    the mount or the
 *	    snapshot LOWER, for the ids 0 to 65535 that are FIRST and on outside
 *
 * A request is one line on RUN/control.sock, its descriptors beside it; the
 * answer is one line, "ok ..." or "error ...".
 */
#include "mount/mounttool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mount/fake_view.h"
#include "mount/mount.h"
#include "layer/view.h"
#include "index/index.h"
#include "supervisor/agent.h"
#include "supervisor/supervisor.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/thread.h"

enum { LINE_MAX_BYTES = 256, GATE_MS = 20 };

void
die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("mounttool: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void
check(int rc, const struct err *e)
{
	if (rc != 0)
		die("%s", e->msg);
}

/* ---- the worker ---- */

struct worker {
	const char *store;
	const char *run;
	const char *target;
	uint32_t patience_ms;
	enum mount_kernel kernel;
	struct agent *agent;
	struct mount_server *server;
	struct view *view;
	struct mount *mount;
	int control;
	int store_dir;
};

/* What waits for the gate. */
static void *
watch_gate(void *arg)
{
	struct worker *w = arg;

	for (;; usleep(GATE_MS * 1000))
		if (faccessat(w->store_dir, "gate", F_OK, 0) == 0)
			fake_view_deliver(w->view);
	return NULL;
}

static void
on_gone(void *ctx, struct mount *m)
{
	(void)ctx;
	log_info("gone: %s", mount_id(m));
}

static void
open_view(struct worker *w)
{
	struct err e;
	int data, index;

	data = openat(w->store_dir, "data", O_RDONLY | O_CLOEXEC);
	index = openat(w->store_dir, "index", O_RDONLY | O_CLOEXEC);
	struct index *x = index_open(index, &e);
	if (x == NULL)
		die("%s", e.msg);
	w->view = fake_view_new(x, data, "mounttool");
}

/* What an earlier worker had; -1: it had none. */
struct earlier {
	struct held mount, data;
	int requests;
};

static void
take_held(struct worker *w, struct earlier *l)
{
	struct held h;

	l->mount.fd = l->data.fd = l->requests = -1;
	while (agent_next_held(w->agent, &h)) {
		if (strcmp(h.name, "control") == 0)
			w->control = h.fd;
		else if (strcmp(h.name, "requests:0") == 0)
			l->requests = h.fd;
		else if (strcmp(h.name, "fuse:" AGENT_DATA_ID) == 0)
			l->data = h;
		else if (strcmp(h.name, "fuse:1") == 0 ||
			 strcmp(h.name, "erofs:1") == 0)
			l->mount = h;
		else
			close(h.fd);
	}
}

static void
resume(struct worker *w, struct held *h)
{
	struct err e;

	w->mount = mount_resume(w->server, "1", w->view, h, &e);
	if (w->mount == NULL)
		die("%s", e.msg);
	log_info("resumed %s", h->name);
}

static void
mount_or_resume(struct worker *w, struct earlier *l)
{
	struct held *data = l->data.fd >= 0 ? &l->data : NULL;
	struct err e;

	if (l->mount.fd >= 0)
		resume(w, &l->mount);
	check(mount_server_begin(w->server, data, &e), &e);
	if (w->mount == NULL) {
		w->mount = mount_new(
		    w->server, "1", w->view, "layerfs:test", w->target, &e);
		if (w->mount == NULL)
			die("%s", e.msg);
		if (w->target != NULL)
			printf("%s\n", w->target);
		else
			printf("%s/m/1\n", w->run);
		fflush(stdout);
	}
	mount_on_gone(w->mount, on_gone, NULL);
}

static int
do_overlay(struct worker *w, const char *id, const int *fds, struct err *e)
{
	const char *const lowers[] = { "1" };
	const struct agent_overlay_options o = { lowers, 1, fds[0], fds[1] };

	return agent_mount_overlay(w->agent, id, &o, e);
}

static int
do_map(struct worker *w, uint64_t number, struct err *e)
{
	struct agent_map m = { .number = number, .uids = { .n = 1 } };

	m.place = atoi(strtok(NULL, " "));
	m.lower = atoi(strtok(NULL, " "));
	m.id = m.lower == 1 ? "1" : NULL;
	m.uids.ranges[0] =
	    (struct agent_id_range){ 0, atoi(strtok(NULL, " ")), 65536 };
	m.gids = m.uids;
	return agent_map_lower(w->agent, &m, e);
}

static int
do_snapshot(struct worker *w, const char *verb, uint64_t number, char *out,
    struct err *e)
{
	uint64_t bytes, inodes;

	if (strcmp(verb, "make") == 0) {
		struct agent_snapshot_options o = { .with_work = true };

		o.uid = atoi(strtok(NULL, " "));
		o.gid = atoi(strtok(NULL, " "));
		return agent_make_snapshot(w->agent, number, &o, e);
	}
	if (strcmp(verb, "map") == 0)
		return do_map(w, number, e);
	if (strcmp(verb, "remove") == 0)
		return agent_remove_snapshot(w->agent, number, e);
	if (agent_measure_snapshot(w->agent, number, &bytes, &inodes, e) != 0)
		return -1;
	snprintf(out, LINE_MAX_BYTES, "ok %ju %ju", (uintmax_t)bytes,
	    (uintmax_t)inodes);
	return 0;
}

static int
do_request(struct worker *w, char *line, const int *fds, char *out, int *fd,
    struct err *e)
{
	const char *verb = strtok(line, " "), *id = strtok(NULL, " ");

	if (strcmp(verb, "waiting") == 0) {
		snprintf(
		    out, LINE_MAX_BYTES, "ok %u", fake_view_waiting(w->view));
		return 0;
	}
	strcpy(out, "ok");
	if (strcmp(verb, "overlay") == 0)
		return do_overlay(w, id, fds, e);
	if (strcmp(verb, "clone") == 0)
		return agent_clone_mount(w->agent, id, fd, e);
	if (strcmp(verb, "unmount") != 0)
		return do_snapshot(w, verb, atoi(id), out, e);
	if (strcmp(id, "1") != 0)
		return agent_unmount(w->agent, id, e);
	mount_remove(w->mount);
	return 0;
}

static ssize_t
send_line(int sock, const char *line, const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} c = { 0 };
	struct iovec iov = { (void *)line, strlen(line) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		h.msg_control = &c;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		CMSG_FIRSTHDR(&h)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&h)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&h)->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), fds, n_fds * sizeof(int));
	}
	return sendmsg(sock, &h, MSG_NOSIGNAL);
}

static ssize_t
receive_line(int sock, char line[LINE_MAX_BYTES], int fds[2])
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} c = { 0 };
	struct iovec iov = { line, LINE_MAX_BYTES - 1 };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &c,
		.msg_controllen = sizeof c };
	ssize_t n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);

	fds[0] = fds[1] = -1;
	line[n > 0 ? n : 0] = '\0';
	if (n > 0 && CMSG_FIRSTHDR(&h) != NULL)
		memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&h)),
		    CMSG_FIRSTHDR(&h)->cmsg_len - CMSG_LEN(0));
	return n;
}

static void
serve_one(struct worker *w)
{
	AUTO_CLOSE int sock = accept4(w->control, NULL, NULL, SOCK_CLOEXEC);
	char line[LINE_MAX_BYTES], out[LINE_MAX_BYTES] = "";
	int fds[2], fd = -1;
	struct err e;

	if (sock < 0 || receive_line(sock, line, fds) <= 0)
		return;
	if (do_request(w, line, fds, out, &fd, &e) != 0)
		snprintf(out, sizeof out, "error %d %.200s", e.code, e.msg);
	send_line(sock, out, &fd, fd >= 0);
	cleanup_close(&fd);
	cleanup_close(&fds[0]);
	cleanup_close(&fds[1]);
}

static int
work(struct worker *w, int fd)
{
	struct mount_server_options o = { .kernel = w->kernel,
		.root = w->store_dir,
		.threads = 2,
		.patience_ms = w->patience_ms };
	struct earlier l;
	pthread_t gate;
	struct err e;

	log_set_name("mounttool[worker]");
	w->agent = agent_new(fd, &e);
	if (w->agent == NULL)
		die("%s", e.msg);
	take_held(w, &l);
	o.requests = l.requests;
	w->server = mount_server_new(w->agent, &o, &e);
	if (w->server == NULL)
		die("%s", e.msg);
	open_view(w);
	mount_or_resume(w, &l);
	check(thread_start(&gate, "gate", watch_gate, w, &e), &e);
	for (;;) {
		struct pollfd p[2] = { { .fd = w->control, .events = POLLIN },
			{ .fd = agent_fd(w->agent) } };
		if (poll(p, 2, -1) > 0 && p[1].revents != 0)
			return 0;
		serve_one(w);
	}
}

/* ---- run ---- */

static int
run(int argc, char **argv)
{
	struct worker w = { .patience_ms = 10000 };
	char self[PATH_MAX] = "";
	struct supervisor_options o = { .worker_path = self,
		.worker_argv = argv };
	int fd = -1;
	struct err e;

	for (int i = 4; i < argc; i++) {
		if (strcmp(argv[i], "--target") == 0)
			w.target = argv[++i];
		else if (strcmp(argv[i], "--patience") == 0)
			w.patience_ms = atoi(argv[++i]);
		else if (strcmp(argv[i], "--kernel") == 0)
			w.kernel = mount_parse_kernel(argv[++i]);
		else if (sscanf(argv[i], "--worker-fd=%d", &fd) != 1)
			die("%s?", argv[i]);
	}
	w.store = o.root = argv[2];
	w.store_dir = fs_open_dir(AT_FDCWD, argv[2], &e);
	w.run = o.run = argv[3];
	if (fd >= 0)
		return work(&w, fd);
	log_set_name("mounttool");
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		die("/proc/self/exe: %s", strerror(errno));
	check(supervisor_run(&o, &e), &e);
	return 0;
}

/* ---- ask ---- */

static int
ask(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_clone = strcmp(argv[3], "clone") == 0;
	char line[LINE_MAX_BYTES], answer[LINE_MAX_BYTES];
	int fds[2];
	unsigned n = 0;

	snprintf(a.sun_path, sizeof a.sun_path, "%s/control.sock", argv[2]);
	if (connect(sock, (struct sockaddr *)&a, sizeof a) != 0)
		die("%s: %s", a.sun_path, strerror(errno));
	snprintf(line, sizeof line, "%s %s", argv[3], argc > 4 ? argv[4] : "");
	for (int i = 5; i < argc && !is_clone; i++)
		fds[n++] = open(argv[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	send_line(sock, line, fds, n);
	receive_line(sock, answer, fds);
	puts(answer);
	if (strncmp(answer, "ok", 2) != 0)
		return EXIT_FAILURE;
	if (is_clone && move_mount(fds[0], "", AT_FDCWD, argv[5],
			    MOVE_MOUNT_F_EMPTY_PATH) != 0)
		die("move_mount: %s", strerror(errno));
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		make_store(argv[2], argv[3]);
	else if (argc >= 4 && strcmp(argv[1], "run") == 0)
		return run(argc, argv);
	else if (argc >= 4 && strcmp(argv[1], "ask") == 0)
		return ask(argc, argv);
	else
		die("usage: mounttool make|run|ask ... (see mounttool.c)");
	return 0;
}
