#include "cli/start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cli/output.h"
#include "base/awake.h"
#include "base/err.h"
#include "base/fs.h"

#define LOG_NAME "layerfsd.log"
#define LOCK_NAME "start.lock"

enum {
	PATIENCE_MS = 10000,
	LOOK_AGAIN_MS = 20,
	LOG_SHOWN_BYTES = 4096,
	LOG_SHOWN_LINES = 8,
};

/* What the child says through the pipe, which exec closes. */
struct word {
	pid_t pid;     /* the daemon's; 0 when this is a failure */
	int exec_code; /* errno of an exec that failed */
};

/* The daemon to be: nothing of the command is left in it but this. */
static void
become_daemon(char *const argv[], int log, int pipe_end)
{
	struct word failure = { 0 };
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	/* What this process inherited (a script's descriptors) would stay open
	 * for as long as the daemon lives. */
	if (nothing >= 0 && dup2(nothing, STDIN_FILENO) == STDIN_FILENO &&
	    dup2(log, STDOUT_FILENO) == STDOUT_FILENO &&
	    dup2(log, STDERR_FILENO) == STDERR_FILENO && chdir("/") == 0) {
		close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
		execv(argv[0], argv);
	}
	failure.exec_code = errno;
	if (write(pipe_end, &failure, sizeof failure) < 0)
		_exit(126);
	_exit(127);
}

/* The child between: a session of its own, so that no terminal's signals reach
 * the daemon, and gone at once, so that init inherits it. */
static void
fork_again(char *const argv[], int log, int pipe_end)
{
	struct word born = { 0 };

	setsid();
	born.pid = fork();
	if (born.pid == 0)
		become_daemon(argv, log, pipe_end);
	if (born.pid < 0)
		born = (struct word){ .exec_code = errno };
	if (write(pipe_end, &born, sizeof born) < 0)
		_exit(126);
	_exit(0);
}

/* Reads both words, until exec or _exit closed the pipe. */
static int
learn_pid(int pipe_end, const char *program, pid_t *pid, struct err *e)
{
	struct word w;
	ssize_t got;

	for (;;) {
		got = read(pipe_end, &w, sizeof w);
		if (got < 0 && errno == EINTR)
			continue;
		if (got != sizeof w)
			break;
		if (w.pid == 0) {
			errno = w.exec_code;
			return err_sys(e, "run %s", program);
		}
		*pid = w.pid;
	}
	return *pid != 0 ? 0 : err_set(e, EIO, "run %s: no daemon", program);
}

static int
spawn(char *const argv[], int log, pid_t *pid, struct err *e)
{
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	int ends[2];
	pid_t between;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	ours = ends[0];
	theirs = ends[1];
	between = fork();
	if (between == 0)
		fork_again(argv, log, theirs);
	if (between < 0)
		return err_sys(e, "fork");
	close(take_fd(&theirs));
	while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
		;
	return learn_pid(ours, argv[0], pid, e);
}

/* Until something may have changed; true when the daemon is dead. */
static bool
wait_a_little(int pidfd)
{
	struct pollfd death = { .fd = pidfd, .events = POLLIN };

	return poll(&death, 1, LOOK_AGAIN_MS) > 0;
}

static struct client *
wait_for_socket(int run, pid_t pid, struct err *e)
{
	/* Linux 5.3; before it a dead daemon is only noticed by its silence. */
	AUTO_CLOSE int pidfd = syscall(SYS_pidfd_open, pid, 0);
	struct awake awake = { 0 };
	uint64_t until_ns = awake_now_ns(&awake) + PATIENCE_MS * NS_PER_MS;
	bool is_dead = pidfd < 0 && errno == ESRCH;

	for (;;) {
		struct client *c = client_connect(run, e);

		if (c != NULL || e->code != ECONNREFUSED)
			return c;
		if (is_dead) {
			err_set(e, ECONNREFUSED, "the daemon ended at once");
			return NULL;
		}
		if (awake_now_ns(&awake) >= until_ns) {
			err_set(e, ETIMEDOUT,
			    "the daemon opened no socket within %d s",
			    PATIENCE_MS / 1000);
			return NULL;
		}
		is_dead = wait_a_little(pidfd);
	}
}

/* Shows what the daemon wrote since `from`: its last lines. */
static void
show_log(int log, const char *run, off_t from)
{
	char text[LOG_SHOWN_BYTES + 1], *line = text;
	struct stat st;
	unsigned lines = 0;
	ssize_t n;

	if (fstat(log, &st) < 0 || st.st_size <= from)
		return;
	if (st.st_size - from > LOG_SHOWN_BYTES)
		from = st.st_size - LOG_SHOWN_BYTES;
	n = pread(log, text, LOG_SHOWN_BYTES, from);
	if (n <= 0)
		return;
	text[n] = 0;
	for (char *p = text + n - 1; p > text; p--)
		if (p[-1] == '\n' && ++lines == LOG_SHOWN_LINES) {
			line = p;
			break;
		}
	fprintf(stderr, "%s/%s:\n", run, LOG_NAME);
	for (char *rest = line; (line = strsep(&rest, "\n")) != NULL;)
		if (line[0] != 0) {
			fputs("  ", stderr);
			output_print_safe(stderr, line);
			fputc('\n', stderr);
		}
}

static struct client *
start_locked(const struct places *places, int run, struct err *e)
{
	char program[LIMIT_PATH_BYTES], root[LIMIT_PATH_BYTES];
	char *const argv[] = { program, "--root", root, "--run",
		(char *)places->run, NULL };
	AUTO_CLOSE int log = -1;
	struct client *c;
	struct stat st;
	pid_t pid = 0;

	if (places_find_daemon(program, e) < 0 || places_find_root(root, e) < 0)
		return NULL;
	log = openat(run, LOG_NAME,
	    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log < 0 || fstat(log, &st) < 0) {
		err_sys(e, "open %s", LOG_NAME);
		return NULL;
	}
	if (spawn(argv, log, &pid, e) < 0)
		return NULL;
	c = wait_for_socket(run, pid, e);
	if (c == NULL)
		show_log(log, places->run, st.st_size);
	return c;
}

struct client *
start_daemon(const struct places *places, int run, struct err *e)
{
	AUTO_CLOSE int lock = openat(
	    run, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct client *c;

	if (lock < 0) {
		err_sys(e, "open %s", LOCK_NAME);
		return NULL;
	}
	while (flock(lock, LOCK_EX) < 0)
		if (errno != EINTR) {
			err_sys(e, "lock %s", LOCK_NAME);
			return NULL;
		}
	/* Whoever held the lock before us may have started it. */
	c = client_connect(run, e);
	if (c != NULL || e->code != ECONNREFUSED)
		return c;
	return start_locked(places, run, e);
}
