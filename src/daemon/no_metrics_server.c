/* In place of metrics_server.c where libmicrohttpd is not there. */
#include <errno.h>
#include <stddef.h>

#include "daemon/metrics_server.h"
#include "base/err.h"

struct metrics_server *
metrics_server_new(
    struct daemon *d, int *listener, const char *address, struct err *e)
{
	(void)d;
	(void)listener;
	(void)address;
	err_set(e, ENOTSUP, "this layerfsd was built without libmicrohttpd");
	return NULL;
}

void
metrics_server_free(struct metrics_server *s)
{
	(void)s;
}
