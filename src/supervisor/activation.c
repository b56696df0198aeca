#include "supervisor/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

/* One string of the environment may have MAX_ARG_STRLEN bytes. */
enum { FIRST = 3, FDS_MAX = 1 << 20, NAMES_MAX = 128 << 10 };

#define NO_NAME "none"

static void
forget(void)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

/* How many there are for this process. */
static int
count(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *n = getenv("LISTEN_FDS");

	if (pid == NULL || n == NULL || atol(pid) != getpid())
		return 0;
	return atoi(n) > 0 && atoi(n) < FDS_MAX ? atoi(n) : 0;
}

static int
add(struct activation *a, int fd, const char *name, size_t len, struct err *e)
{
	struct given *g = &a->all[a->n];

	g->name = strndup(name, len);
	if (g->name == NULL)
		return err_set(e, ENOMEM, "descriptors that were given");
	g->fd = fd;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	a->n++;
	return 0;
}

static int
take_all(struct activation *a, int n, struct err *e)
{
	const char *names = getenv("LISTEN_FDNAMES");

	if (names == NULL)
		names = "";
	a->all = calloc(n, sizeof *a->all);
	if (a->all == NULL)
		return err_set(e, ENOMEM, "descriptors that were given");
	for (int i = 0; i < n; i++) {
		size_t len = strcspn(names, ":");
		bool is_none =
		    len == strlen(NO_NAME) && memcmp(names, NO_NAME, len) == 0;

		if (!is_none && add(a, FIRST + i, names, len, e) != 0)
			return -1;
		names += len + (names[len] == ':');
	}
	return 0;
}

int
activation_take(struct activation *a, struct err *e)
{
	int n = count();
	int rc;

	*a = ACTIVATION_NONE;
	rc = n == 0 ? 0 : take_all(a, n, e);
	forget();
	return rc;
}

int
activation_find(struct activation *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->all[i].fd >= 0 && strcmp(a->all[i].name, name) == 0)
			return take_fd(&a->all[i].fd);
	return -1;
}

static bool
is_listener(int fd)
{
	int yes = 0;
	socklen_t n = sizeof yes;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) == 0 && yes;
}

int
activation_find_listener(struct activation *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->all[i].fd >= 0 && is_listener(a->all[i].fd))
			return take_fd(&a->all[i].fd);
	return -1;
}

void
activation_release(struct activation *a)
{
	for (size_t i = 0; i < a->n; i++) {
		cleanup_close(&a->all[i].fd);
		free(a->all[i].name);
	}
	free(a->all);
	*a = ACTIVATION_NONE;
}

/* ---- giving ---- */

static int
last_number(const struct given *all, size_t n)
{
	int last = FIRST - 1;

	for (size_t i = 0; i < n; i++)
		if (all[i].fd > last)
			last = all[i].fd;
	return last;
}

static int
join_names(
    struct buf *out, const char *const *by_number, int last, struct err *e)
{
	for (int fd = FIRST; fd <= last; fd++) {
		const char *name =
		    by_number[fd] != NULL ? by_number[fd] : NO_NAME;

		if (buf_printf(out, e, "%s%s", fd > FIRST ? ":" : "", name) !=
		    0)
			return err_wrap(e, "too many descriptors to pass on");
	}
	return 0;
}

static int
set_names(const struct given *all, size_t n, int last, struct err *e)
{
	AUTO_BUF struct buf names = BUF_INIT(NAMES_MAX);
	AUTO_FREE const char **by_number = calloc(last + 1, sizeof *by_number);

	if (by_number == NULL)
		return err_set(e, ENOMEM, "pass descriptors on");
	for (size_t i = 0; i < n; i++)
		by_number[all[i].fd] = all[i].name;
	if (join_names(&names, by_number, last, e) != 0)
		return -1;
	return setenv("LISTEN_FDNAMES", buf_str(&names), 1) == 0
		   ? 0
		   : err_sys(e, "pass descriptors on");
}

static int
set_number(const char *name, intmax_t value, struct err *e)
{
	char text[24];

	snprintf(text, sizeof text, "%jd", value);
	return setenv(name, text, 1) == 0 ? 0
					  : err_sys(e, "pass descriptors on");
}

int
activation_pass(const struct given *all, size_t n, struct err *e)
{
	int last = last_number(all, n);

	if (set_names(all, n, last, e) != 0 ||
	    set_number("LISTEN_FDS", last - FIRST + 1, e) != 0 ||
	    set_number("LISTEN_PID", getpid(), e) != 0) {
		forget();
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		fcntl(all[i].fd, F_SETFD, 0);
	return 0;
}

void
activation_withdraw(const struct given *all, size_t n)
{
	forget();
	for (size_t i = 0; i < n; i++)
		fcntl(all[i].fd, F_SETFD, FD_CLOEXEC);
}
