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
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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
#include <sys/xattr.h>
#include <unistd.h>

#include "mount/fake_view.h"
#include "mount/mount.h"
#include "layer/view.h"
#include "index/index.h"
#include "index/tree.h"
#include "index/writer.h"
#include "supervisor/agent.h"
#include "supervisor/supervisor.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/hmap.h"
#include "base/log.h"
#include "base/thread.h"

enum { LINE_MAX_BYTES = 256, GATE_MS = 20 };

static void __attribute__((format(printf, 1, 2), noreturn))
die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("mounttool: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

static void
check(int rc, const struct err *e)
{
	if (rc != 0)
		die("%s", e->msg);
}

/* ---- make ---- */

/* The first name of a file that has several. */
struct linked {
	struct hnode node; /* by inode number */
	char path[];
};

struct maker {
	struct tree *tree;
	struct hmap linked;
	int data;
	uint64_t warm, cold; /* where the next file goes */
};

static void
copy(struct maker *m, int fd, uint64_t at)
{
	char bytes[64 << 10];
	struct err e;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof bytes)) > 0) {
		check(fs_pwrite(m->data, bytes, n, at, &e), &e);
		at += n;
	}
}

static void
add_xattrs(struct maker *m, struct node *node, const char *full)
{
	char names[4096], value[4096];
	ssize_t n = llistxattr(full, names, sizeof names);
	struct err e;

	for (char *s = names; n > 0 && s < names + n; s += strlen(s) + 1) {
		ssize_t len = lgetxattr(full, s, value, sizeof value);
		if (len >= 0)
			check(tree_set_xattr(m->tree, node, s, value, len, &e),
			    &e);
	}
}

static void
add_one(struct maker *m, int dir, const char *name, const char *path,
    const struct stat *st)
{
	struct node_attr a = { .mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = st->st_mtim.tv_nsec,
		.rdev = st->st_rdev };
	uint64_t *next = strncmp(path, "cold/", 5) == 0 ? &m->cold : &m->warm;
	char full[PATH_MAX], target[PATH_MAX];
	struct err e;

	if (S_ISREG(st->st_mode)) {
		AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
		a.size = st->st_size;
		a.content = *next;
		copy(m, fd, *next);
		*next = align_up(*next + a.size, 4096);
	}
	struct node *node = tree_add(m->tree, path, strlen(path), &a, &e);
	if (node == NULL)
		die("%s", e.msg);
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dir, name, target, sizeof target);
		check(tree_set_target(m->tree, node, target, n, &e), &e);
	}
	snprintf(full, sizeof full, "/proc/self/fd/%d/%s", dir, name);
	add_xattrs(m, node, full);
}

/* True when it is another name of a file that is there already. */
static bool
add_as_link(struct maker *m, const char *path, const struct stat *st)
{
	struct err e;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return false;
	hmap_for_each_match(&m->linked, st->st_ino, n) {
		struct linked *l = container_of(n, struct linked, node);
		check(tree_add_hardlink(m->tree, path, strlen(path), l->path,
			  strlen(l->path), &e),
		    &e);
		return true;
	}
	struct linked *l = malloc(sizeof *l + strlen(path) + 1);
	strcpy(l->path, path);
	hmap_insert(&m->linked, &l->node, st->st_ino);
	return false;
}

static void
add_folder(struct maker *m, int dir, const char *prefix)
{
	DIR *d = fdopendir(dup(dir));
	struct dirent *entry;

	if (d == NULL)
		die("%s: %s", prefix, strerror(errno));
	while ((entry = readdir(d)) != NULL) {
		char path[PATH_MAX];
		struct stat st;
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		snprintf(path, sizeof path, "%s%s", prefix, name);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			die("%s: %s", path, strerror(errno));
		if (!add_as_link(m, path, &st))
			add_one(m, dir, name, path, &st);
		if (!S_ISDIR(st.st_mode))
			continue;
		AUTO_CLOSE int sub =
		    openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		strcat(path, "/");
		add_folder(m, sub, path);
	}
	closedir(d);
}

static void
forget_links(struct maker *m)
{
	struct hnode *n;

	while ((n = hmap_any(&m->linked)) != NULL) {
		hmap_remove(&m->linked, n);
		free(container_of(n, struct linked, node));
	}
	hmap_release(&m->linked);
}

static void
make(const char *folder, const char *store)
{
	const struct index_options o = { .data_blocks = 1 << 30 };
	struct err e;
	struct maker m = {
		.tree = tree_new(&e), .linked = HMAP_INIT, .cold = FAKE_COLD
	};
	int from = fs_open_dir(AT_FDCWD, folder, &e);
	int to = fs_open_dir(AT_FDCWD, store, &e);
	struct stat st;

	if (from < 0 || to < 0)
		die("%s", e.msg);
	m.data = openat(to, "data", O_RDWR | O_CREAT | O_TRUNC, 0644);
	int index = openat(to, "index", O_RDWR | O_CREAT | O_TRUNC, 0644);
	fstat(from, &st);
	add_one(&m, from, ".", "", &st);
	add_folder(&m, from, "");
	check(tree_finish(m.tree, &e), &e);
	check(index_write(m.tree, &o, index, &e), &e);
	/* EROFS reads whole blocks. */
	check(ftruncate(m.data, align_up(m.cold, 4096)), &e);
	tree_free(m.tree);
	forget_links(&m);
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

static void
take_held(struct worker *w, struct held *data)
{
	struct held h;
	struct err e;

	while (agent_next_held(w->agent, &h)) {
		if (strcmp(h.name, "control") == 0) {
			w->control = h.fd;
		} else if (strcmp(h.name, "fuse:" AGENT_DATA_ID) == 0) {
			*data = h;
		} else if (strcmp(h.name, "fuse:1") == 0 ||
			   strcmp(h.name, "erofs:1") == 0) {
			w->mount =
			    mount_resume(w->server, "1", w->view, &h, &e);
			if (w->mount == NULL)
				die("%s", e.msg);
			log_info("resumed %s", h.name);
		} else {
			close(h.fd);
		}
	}
}

static void
mount_or_resume(struct worker *w)
{
	struct held data = { .fd = -1 };
	struct err e;

	take_held(w, &data);
	check(
	    mount_server_begin(w->server, data.fd >= 0 ? &data : NULL, &e), &e);
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
	const struct mount_server_options o = { .requests = MOUNT_NO_REQUESTS,
		.kernel = w->kernel,
		.root = w->store_dir,
		.threads = 2,
		.patience_ms = w->patience_ms };
	pthread_t gate;
	struct err e;

	log_set_name("mounttool[worker]");
	w->agent = agent_new(fd, &e);
	if (w->agent == NULL ||
	    (w->server = mount_server_new(w->agent, &o, &e)) == NULL)
		die("%s", e.msg);
	open_view(w);
	mount_or_resume(w);
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
		make(argv[2], argv[3]);
	else if (argc >= 4 && strcmp(argv[1], "run") == 0)
		return run(argc, argv);
	else if (argc >= 4 && strcmp(argv[1], "ask") == 0)
		return ask(argc, argv);
	else
		die("usage: mounttool make|run|ask ... (see mounttool.c)");
	return 0;
}
