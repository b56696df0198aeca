#include "registry/helper.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/awake.h"
#include "base/err.h"

extern char **environ;

static const char not_found[] = "credentials not found";

static bool
is_name(const char *s)
{
	if (*s == 0 || *s == '.' || strlen(s) > 64)
		return false;
	for (; *s != 0; s++)
		if (!isascii(*s) || (!isalnum(*s) && strchr("._-", *s) == NULL))
			return false;
	return true;
}

/* Its stdin is a file in memory: writing to a pipe could block or raise
 * SIGPIPE. */
static int
open_question(const char *server, struct err *e)
{
	AUTO_CLOSE int fd = memfd_create("server", MFD_CLOEXEC);
	size_t n = strlen(server);

	if (fd < 0 || write(fd, server, n) != (ssize_t)n ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "question");
	return take_fd(&fd);
}

/* A helper starts with no signal blocked or ignored, whatever we do. */
static int
set_signals(posix_spawnattr_t *a)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	return posix_spawnattr_setflags(
		   a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) |
	       posix_spawnattr_setsigmask(a, &none) |
	       posix_spawnattr_setsigdefault(a, &all);
}

static int
spawn(pid_t *pid, const char *program, int in, int out, struct err *e)
{
	char *argv[] = { (char *)program, "get", NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	errno = posix_spawn_file_actions_adddup2(&files, in, 0);
	if (errno == 0)
		errno = posix_spawn_file_actions_adddup2(&files, out, 1);
	if (errno == 0)
		errno = posix_spawn_file_actions_addopen(
		    &files, 2, "/dev/null", O_WRONLY, 0);
	if (errno == 0)
		errno = set_signals(&attributes);
	if (errno == 0)
		errno = posix_spawnp(
		    pid, program, &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return errno == 0 ? 0 : err_sys(e, "run %s", program);
}

static int
read_some(int fd, struct buf *out, struct err *e)
{
	ssize_t n;

	if (buf_reserve(out, 1, e) < 0)
		return -1;
	do
		n = read(fd, out->data + out->len, out->cap - out->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "read");
	out->len += n;
	return n > 0;
}

static int
read_answer(int fd, unsigned timeout_ms, struct buf *out, struct err *e)
{
	struct awake awake = { 0 };
	uint64_t now = awake_now_ns(&awake);
	uint64_t until = now + timeout_ms * NS_PER_MS;
	int more = 1;

	for (; more > 0; now = awake_now_ns(&awake)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (now >= until)
			return err_set(
			    e, ETIMEDOUT, "no answer for %u ms", timeout_ms);
		if (poll(&p, 1,
			min_u64(until - now, AWAKE_TICK_NS) / NS_PER_MS + 1) >
		    0)
			more = read_some(fd, out, e);
	}
	return more;
}

static int
wait_for(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int
run(const char *program, const char *server, unsigned timeout_ms,
    struct buf *out, int *status, struct err *e)
{
	AUTO_CLOSE int question = open_question(server, e);
	AUTO_CLOSE int in = -1;
	AUTO_CLOSE int answer = -1;
	int p[2], rc;
	pid_t pid;

	if (question < 0)
		return -1;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	in = p[0];
	answer = p[1];
	if (spawn(&pid, program, question, answer, e) < 0)
		return -1;
	close(take_fd(&answer));
	rc = read_answer(in, timeout_ms, out, e);
	if (rc < 0)
		kill(pid, SIGKILL);
	*status = wait_for(pid);
	return rc;
}

int
helper_get(const char *name, const char *server, unsigned timeout_ms,
    struct buf *out, bool *found, struct err *e)
{
	char program[96];
	size_t at = out->len;
	int status;

	*found = false;
	if (!is_name(name))
		return err_set(
		    e, EINVAL, "\"%.64s\" is no helper's name", name);
	snprintf(program, sizeof program, "docker-credential-%s", name);
	if (run(program, server, timeout_ms, out, &status, e) < 0)
		return e->code == ENOENT
			   ? err_set(e, ENOENT, "%s is not in PATH", program)
			   : err_wrap(e, "%s", program);
	*found = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (*found || memmem(out->data + at, out->len - at, not_found,
			  strlen(not_found)) != NULL)
		return 0;
	return err_set(
	    e, EACCES, "%s failed: run it by hand to see why", program);
}
