#include "net/grpctool_methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

/* The request as text. */
static void
copy_request(struct grpc_call *c, char *to, size_t size)
{
	size_t n;
	const uint8_t *p = grpc_call_request(c, &n);

	n = min_u64(n, size - 1);
	if (n > 0)
		memcpy(to, p, n);
	to[n] = 0;
}

static void
run_echo(void *ctx, struct grpc_call *c)
{
	size_t n;
	const uint8_t *p = grpc_call_request(c, &n);

	(void)ctx;
	grpc_call_reply(c, p, n);
}

static void
run_stream(void *ctx, struct grpc_call *c)
{
	char text[64];
	unsigned count = 0;
	size_t size = 0;
	AUTO_FREE uint8_t *message = NULL;
	struct err e = ERR_INIT;

	(void)ctx;
	copy_request(c, text, sizeof text);
	sscanf(text, "%u %zu", &count, &size);
	message = calloc(1, size + 1);
	for (unsigned i = 0; i < count; i++) {
		memset(message, 'a' + i % 26, size);
		if (grpc_call_send(c, message, size, &e) < 0) {
			fprintf(stderr, "stream stopped at %u: %s\n", i, e.msg);
			grpc_call_finish(c, GRPC_ABORTED, e.msg);
			return;
		}
	}
	grpc_call_finish(c, GRPC_OK, NULL);
}

static void
run_sleep(void *ctx, struct grpc_call *c)
{
	char text[32];
	unsigned ms;

	(void)ctx;
	copy_request(c, text, sizeof text);
	ms = strtoul(text, NULL, 10);
	fprintf(stderr, "asleep %s\n", text);
	for (unsigned i = 0; i < ms && !grpc_call_is_cancelled(c); i += 5)
		usleep(5000);
	if (grpc_call_is_cancelled(c)) {
		fprintf(stderr, "cancelled %s\n", text);
		grpc_call_finish(c, GRPC_CANCELLED, NULL);
	} else {
		grpc_call_reply(c, text, strlen(text));
	}
}

static void
run_fail(void *ctx, struct grpc_call *c)
{
	char text[4096], *rest;
	unsigned status;

	(void)ctx;
	copy_request(c, text, sizeof text);
	status = strtoul(text, &rest, 10);
	grpc_call_finish(c, status, rest + (*rest == ' '));
}

static void
run_metadata(void *ctx, struct grpc_call *c)
{
	AUTO_BUF struct buf lines = BUF_INIT(MIB(1));
	struct err e;
	size_t n;
	const struct grpc_field *f = grpc_call_metadata(c, &n);

	(void)ctx;
	for (size_t i = 0; i < n; i++)
		if (buf_printf(&lines, &e, "%s: %s\n", f[i].name, f[i].value) <
		    0)
			break;
	grpc_call_reply(c, lines.data, lines.len);
}

/* Only the supervisor's signal ends the first. */
static void
outlive(const struct tool *t)
{
	if (tool_generation(t) == 1) {
		fprintf(stderr, "blocked\n");
		pause();
	}
}

static void
run_outlive(void *ctx, struct grpc_call *c)
{
	const struct tool *t = ctx;
	char text[16];

	outlive(t);
	snprintf(text, sizeof text, "%u", tool_generation(t));
	grpc_call_reply(c, text, strlen(text));
}

static void
run_prepare(void *ctx, struct grpc_call *c)
{
	outlive(ctx);
	grpc_call_reply(c, NULL, 0);
}

const struct grpc_method tool_methods[] = {
	{ "/test.Tool/Echo", run_echo },
	{ "/test.Tool/Stream", run_stream },
	{ "/test.Tool/Sleep", run_sleep },
	{ "/test.Tool/Fail", run_fail },
	{ "/test.Tool/Metadata", run_metadata },
	{ "/test.Tool/Outlive", run_outlive },
	{ "/containerd.services.snapshots.v1.Snapshots/Prepare", run_prepare },
};

const size_t n_tool_methods = sizeof tool_methods / sizeof *tool_methods;
