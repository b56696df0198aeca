/* critool SOCKET UPSTREAM - the CRI proxy by hand, for the behaviour tests; a
 * line of standard output for each credential: "IMAGE USERNAME PASSWORD" or
 * "IMAGE token TOKEN".  Ends with SIGTERM.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/cri_proxy.h"
#include "registry/credential.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/pool.h"

static void
on_credential(void *ctx, const char *image, const struct credential *c)
{
	(void)ctx;
	if (c->identity_token != NULL)
		printf("%s token %s\n", image, c->identity_token);
	else
		printf("%s %s %s\n", image, c->username, c->password);
	fflush(stdout);
}

static int
open_listener(const char *path, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
	    listen(fd, 128) < 0)
		return err_sys(e, "listen on %s", path);
	return fd;
}

static int
serve(const char *path, const char *upstream, struct err *e)
{
	struct loop *l = loop_new(e);
	struct cri_proxy_options o = {
		.upstream = upstream,
		.pool = pool_new("call", 4, e),
		.on_credential = on_credential,
	};
	int listener = open_listener(path, e);

	if (l == NULL || o.pool == NULL || listener < 0 ||
	    cri_proxy_new(l, listener, &o, e) == NULL)
		return -1;
	return loop_run(l, e);
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT;

	if (argc != 3) {
		fprintf(stderr, "critool SOCKET UPSTREAM\n");
		return 2;
	}
	if (serve(argv[1], argv[2], &e) < 0)
		fprintf(stderr, "critool: %s\n", e.msg);
	return 1;
}
