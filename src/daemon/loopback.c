#include "daemon/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"

enum { BACKLOG = 16 };

static bool
parse_v4(const char *host, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *a = (struct sockaddr_in *)out;

	a->sin_family = AF_INET;
	a->sin_port = htons(port);
	return inet_pton(AF_INET, host, &a->sin_addr) == 1 &&
	       ntohl(a->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool
parse_v6(const char *host, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *a = (struct sockaddr_in6 *)out;

	a->sin6_family = AF_INET6;
	a->sin6_port = htons(port);
	return inet_pton(AF_INET6, host, &a->sin6_addr) == 1 &&
	       IN6_IS_ADDR_LOOPBACK(&a->sin6_addr);
}

static bool
parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	*port = (uint16_t)v;
	return *text >= '0' && *text <= '9' && *end == 0 && v > 0 &&
	       v <= UINT16_MAX;
}

int
loopback_parse(
    const char *text, struct sockaddr_storage *out, size_t *len, struct err *e)
{
	char host[INET6_ADDRSTRLEN + 1];
	const char *rest = NULL;
	bool is_v6 = sscanf(text, "[%46[^]]]", host) == 1;
	uint16_t port;

	memset(out, 0, sizeof *out);
	*len = is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	if (is_v6 || sscanf(text, "%46[0-9.]", host) == 1)
		rest = text + strlen(host) + (is_v6 ? 2 : 0);
	if (rest != NULL && rest[0] == ':' && parse_port(rest + 1, &port) &&
	    (is_v6 ? parse_v6(host, port, out) : parse_v4(host, port, out)))
		return 0;
	return err_set(e, EINVAL,
	    "\"%s\" is no loopback address with a port, like 127.0.0.1:9464 or "
	    "[::1]:9464",
	    text);
}

int
loopback_listen(const char *text, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_storage a;
	const int on = 1;
	size_t len;

	if (loopback_parse(text, &a, &len, e) < 0)
		return -1;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, "make a socket");
	/* The worker before this one had connections there. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&a, len) != 0 ||
	    listen(fd, BACKLOG) != 0)
		return err_sys(e, "listen on %s", text);
	return take_fd(&fd);
}
