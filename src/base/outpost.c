#include "base/outpost.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/awake.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/close_all_but.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/scout.h"

enum { IDLE_MS = 2000, SLICE_MS = 100 };

struct question {
	uint64_t off;
	size_t most;
	bool is_open;
	char name[LIMIT_PATH_BYTES];
};

/* The first one, which nobody asked for, says who it is. */
struct answer {
	pid_t pid;
	int failure; /* errno */
	bool is_of_folder;
	bool is_regular;
	uint64_t size;
	size_t n;
};

struct outpost {
	int dir;
	char *folder;
	int (*open)(int dir, const char *name);
	uint32_t patience_ms;
	uint8_t *bytes; /* the child puts them here, */
	size_t used;    /* so many at most so far: it may be secret */

	int sock; /* -1: there is no child */
	pid_t pid;
	bool is_asked; /* it has yet to answer, */
	bool is_late;  /* and was waited for long enough */
	struct awake awake;
};

/* ---- the child ---- */

struct post {
	const struct outpost *of;
	int dir, fd;
	struct stat st;
};

static int
open_file(struct post *p, const char *name, struct answer *a)
{
	if (p->fd >= 0)
		close(take_fd(&p->fd));
	if (p->dir < 0 && p->of->folder != NULL)
		p->dir =
		    open(p->of->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	a->is_of_folder = p->dir < 0 && p->of->folder != NULL;
	if (!a->is_of_folder)
		p->fd = p->of->open(p->dir, name);
	return p->fd < 0 ? -1 : fstat(p->fd, &p->st);
}

static void
look(struct post *p, const struct question *q, struct answer *a)
{
	ssize_t n = 0;

	if ((!q->is_open || p->fd < 0) && open_file(p, q->name, a) < 0) {
		a->failure = errno;
		return;
	}
	a->is_regular = S_ISREG(p->st.st_mode);
	a->size = p->st.st_size;
	if (a->is_regular)
		n = pread(p->fd, p->of->bytes, q->most, q->off);
	a->failure = n < 0 ? errno : 0;
	a->n = n < 0 ? 0 : n;
}

static bool
receive_question(int sock, int patience_ms, struct question *q)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	return poll(&p, 1, patience_ms) > 0 &&
	       recv(sock, q, sizeof *q, 0) == sizeof *q;
}

static void
man_post(const struct outpost *o, int sock)
{
	struct post p = { .of = o, .dir = o->dir, .fd = -1 };
	struct answer a = { .pid = getpid() };
	int patience_ms = -1; /* for the first, however busy its parent is */
	struct question q;

	if (o->dir < 0)
		close_all_but(sock);
	else
		close_all_but_two(sock, o->dir);
	while (send(sock, &a, sizeof a, MSG_NOSIGNAL) == sizeof a &&
	       receive_question(sock, patience_ms, &q)) {
		patience_ms = IDLE_MS;
		a = (struct answer){ 0 };
		look(&p, &q, &a);
	}
	_exit(0);
}

/* ---- its parent ---- */

static void
hang_up(struct outpost *o)
{
	cleanup_close(&o->sock);
	o->sock = -1;
	o->pid = 0;
	o->is_asked = o->is_late = false;
}

/* The process between ends at once: nobody here has to wait for the child some day. */
static int
start(struct outpost *o, struct err *e)
{
	AUTO_CLOSE int theirs = -1;
	pid_t between;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(e, "socketpair");
	o->sock = pair[0];
	theirs = pair[1];
	between = fork();
	if (between == 0) {
		if (fork() == 0)
			man_post(o, theirs);
		_exit(0);
	}
	if (between < 0) {
		err_sys(e, "fork");
		hang_up(o);
		return -1;
	}
	while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
		;
	o->is_asked = true;
	return 0;
}

/* False: it has not come in time, or nobody wants it any more. */
static bool
await_answer(struct outpost *o, const _Atomic bool *is_cancelled)
{
	struct pollfd p = { .fd = o->sock, .events = POLLIN };
	uint64_t now_ns = awake_now_ns(&o->awake);
	uint64_t until_ns = now_ns + o->patience_ms * NS_PER_MS;

	for (; !o->is_late && now_ns < until_ns;
	     now_ns = awake_now_ns(&o->awake)) {
		if (poll(&p, 1, SLICE_MS) > 0)
			return true;
		if (is_cancelled != NULL && *is_cancelled)
			return false;
	}
	o->is_late = poll(&p, 1, 0) <= 0;
	return !o->is_late;
}

static int
lost(struct outpost *o, struct err *e)
{
	hang_up(o);
	return err_set(e, EIO, "the process that reads there died");
}

static int
hear(struct outpost *o, const struct outpost_look *k, struct answer *a,
    struct err *e)
{
	if (!await_answer(o, k->is_cancelled))
		return o->is_late ? err_set(e, ETIMEDOUT,
					"%s: " SCOUT_NO_ANSWER, k->name)
				  : err_set(e, ECANCELED, "cancelled");
	if (recv(o->sock, a, sizeof *a, MSG_DONTWAIT) != sizeof *a)
		return lost(o, e);
	o->is_asked = o->is_late = false;
	if (a->pid != 0)
		o->pid = a->pid;
	return 0;
}

static int
ask(struct outpost *o, const struct outpost_look *k, struct err *e)
{
	struct question q = { .off = k->off, .is_open = k->is_open };

	q.most = k->most == 0 ? OUTPOST_BYTES : min_u64(k->most, OUTPOST_BYTES);
	if (strlen(k->name) >= sizeof q.name)
		return err_set(e, ENAMETOOLONG, "%.100s...", k->name);
	strcpy(q.name, k->name);
	if (send(o->sock, &q, sizeof q, MSG_NOSIGNAL) != sizeof q)
		return lost(o, e);
	o->is_asked = true;
	return 0;
}

/* An answer that nobody waited for comes first. */
static int
exchange(struct outpost *o, const struct outpost_look *k, struct answer *a,
    struct err *e)
{
	if (o->sock < 0 && start(o, e) < 0)
		return -1;
	if (o->is_asked && hear(o, k, a, e) < 0)
		return -1;
	return ask(o, k, e) < 0 ? -1 : hear(o, k, a, e);
}

int
outpost_read(struct outpost *o, struct outpost_look *k, struct err *e)
{
	struct answer a;
	bool had_child = o->sock >= 0;
	int rc = exchange(o, k, &a, e);

	/* It was about to end when it was asked; a new one is not. */
	if (rc < 0 && had_child && o->sock < 0)
		rc = exchange(o, k, &a, e);
	if (rc < 0)
		return -1;
	errno = a.failure;
	if (a.failure != 0)
		return err_sys(e, "%s", a.is_of_folder ? o->folder : k->name);
	if (!a.is_regular)
		return err_set(e, EPROTO, "%s is no regular file", k->name);
	k->size = a.size;
	k->bytes = o->bytes;
	k->n = a.n;
	o->used = max_u64(o->used, a.n);
	return 0;
}

int
outpost_read_file(
    struct outpost *o, const char *name, struct buf *out, struct err *e)
{
	struct outpost_look k = { .name = name };

	do {
		if (outpost_read(o, &k, e) < 0)
			return -1;
		if (buf_append(out, k.bytes, k.n, e) < 0)
			return err_wrap(e, "%s", name);
		k.off += k.n;
		k.is_open = true;
	} while (k.n > 0);
	if (k.off < k.size)
		return err_set(
		    e, EBADMSG, "%s: it ends at %ju", name, (uintmax_t)k.off);
	return 0;
}

/* ---- life ---- */

struct outpost *
outpost_new(const struct outpost_place *p, struct err *e)
{
	struct outpost *o = calloc(1, sizeof *o);

	if (o == NULL ||
	    (p->folder != NULL && (o->folder = strdup(p->folder)) == NULL)) {
		free(o);
		err_set(e, ENOMEM, "a process that reads files");
		return NULL;
	}
	o->bytes = mmap(NULL, OUTPOST_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (o->bytes == MAP_FAILED) {
		err_sys(e, "a process that reads files");
		free(o->folder);
		free(o);
		return NULL;
	}
	o->open = p->open;
	o->patience_ms =
	    p->patience_ms > 0 ? p->patience_ms : OUTPOST_PATIENCE_MS;
	o->dir = p->dir;
	o->sock = -1;
	return o;
}

/* One that waits for nobody sees that its socket is closed. */
static void
kill_if_it_hangs(const struct outpost *o)
{
	struct pollfd p = { .fd = o->sock };

	if (o->is_asked && o->pid > 0 && poll(&p, 1, 0) == 0)
		kill(o->pid, SIGKILL);
}

void
outpost_free(struct outpost *o)
{
	if (o == NULL)
		return;
	kill_if_it_hangs(o);
	hang_up(o);
	explicit_bzero(o->bytes, o->used);
	munmap(o->bytes, OUTPOST_BYTES);
	if (o->dir >= 0)
		close(o->dir);
	free(o->folder);
	free(o);
}
