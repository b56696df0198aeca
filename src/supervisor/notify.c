#include "supervisor/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/activation.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rights.h"

/* A queue that is full is systemd's, which may be busy: mounts wait for it. */
enum { PATIENCE_S = 5, LINES_MAX = ACTIVATION_NAME_SIZE + 64 };

/* "@NAME" is an abstract one. */
static int
parse_address(
    const char *text, struct sockaddr_un *a, socklen_t *len, struct err *e)
{
	size_t n = strlen(text);

	if ((*text != '/' && *text != '@') || n >= sizeof a->sun_path)
		return err_set(
		    e, EINVAL, "NOTIFY_SOCKET is no socket: %s", text);
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, text, n);
	*len = offsetof(struct sockaddr_un, sun_path) + n;
	if (*text == '@')
		a->sun_path[0] = '\0';
	return 0;
}

int
notify_open(struct notify *n, struct err *e)
{
	const char *text = getenv("NOTIFY_SOCKET");
	struct timeval patience = { .tv_sec = PATIENCE_S };
	AUTO_CLOSE int sock = -1;
	struct sockaddr_un a;
	socklen_t len;

	*n = NOTIFY_NONE;
	if (text == NULL || *text == '\0')
		return 0;
	if (parse_address(text, &a, &len, e) != 0)
		return -1;
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&a, len) != 0)
		return err_sys(e, "connect to NOTIFY_SOCKET %s", text);
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	n->sock = take_fd(&sock);
	return 0;
}

void
notify_close(struct notify *n)
{
	cleanup_close(&n->sock);
	*n = NOTIFY_NONE;
}

static bool
send_lines(struct notify *n, const char *lines, int fd)
{
	size_t len = strlen(lines);
	ssize_t put;

	if (n->sock < 0)
		return false;
	put = rights_send(
	    n->sock, lines, len, n->is_deaf ? MSG_DONTWAIT : 0, &fd, fd >= 0);
	n->is_deaf = put < 0 && errno == EAGAIN;
	if (put == (ssize_t)len)
		return true;
	log_warn("systemd does not listen: %s", strerror(errno));
	return false;
}

void
notify_say(struct notify *n, const char *lines)
{
	send_lines(n, lines, -1);
}

/* Which RELOADING is meant, and so which READY ends it, is told by the time. */
void
notify_reloading(struct notify *n)
{
	char lines[LINES_MAX];

	snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	    clock_now_ns() / 1000);
	send_lines(n, lines, -1);
}

bool
notify_store(struct notify *n, const char *name, int fd)
{
	char lines[LINES_MAX];

	snprintf(lines, sizeof lines, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	return send_lines(n, lines, fd);
}

void
notify_remove(struct notify *n, const char *name)
{
	char lines[LINES_MAX];

	snprintf(lines, sizeof lines, "FDSTOREREMOVE=1\nFDNAME=%s", name);
	send_lines(n, lines, -1);
}

bool
notify_is_name(const char *name)
{
	size_t n = strlen(name);

	for (const char *p = name; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 127 || *p == ':')
			return false;
	return n > 0 && n < ACTIVATION_NAME_SIZE;
}
