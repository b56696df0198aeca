#include "cli/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/progress.h"
#include "cli/request.h"
#include "cli/start.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

void
session_init(struct session *s, const struct arguments *args)
{
	*s = (struct session){
		.args = args,
		.is_json = arguments_has(args, OPTION_JSON),
		.is_quiet = arguments_has(args, OPTION_QUIET),
	};
}

void
session_release(struct session *s)
{
	client_close(take_ptr(&s->client));
}

/* The folder of the socket; made where a daemon is to be started in it. */
static int
open_run(struct session *s, enum session_connect how, struct err *e)
{
	int run = places_open_run(
	    &s->places, s->args->values[OPTION_RUN], how == SESSION_START, e);

	if (run >= 0)
		return run;
	if (how == SESSION_FIND && e->code == ENOENT)
		return err_set(e, ECONNREFUSED, "no daemon answers");
	return err_wrap(e, "the daemon's folder");
}

int
session_connect(struct session *s, enum session_connect how, struct err *e)
{
	AUTO_CLOSE int run = open_run(s, how, e);

	if (run >= 0)
		s->client = client_connect(run, e);
	if (run >= 0 && s->client == NULL && e->code == ECONNREFUSED &&
	    how == SESSION_START) {
		s->client = start_daemon(&s->places, run, e);
		return s->client == NULL ? err_wrap(e, "start layerfsd") : 0;
	}
	if (s->client != NULL)
		return 0;
	if (e->code == ECONNREFUSED)
		s->hint = "`layerfs mount` and `layerfs pull` start one";
	return err_wrap(e, "%s", s->places.run);
}

static bool
asks_for_layout(const struct request *r)
{
	const char *reference = doc_string(doc_find(r->doc, "reference"));

	return reference != NULL && strncmp(reference, "oci:", 4) == 0;
}

/* What to do about what the daemon refused.  EACCES has many reasons (a login, a
 * certificate, the configuration), each of which says itself what to do; so does who
 * reads a layout that does not answer. */
static const char *
hint_for(const struct request *r, int code)
{
	static const struct {
		int code;
		const char *hint;
	} hints[] = {
		{ EBUSY, "`layerfs ls` shows where it is mounted" },
		{ ENOSPC, "`layerfs images` and `layerfs rm` make room" },
		{ ETIMEDOUT, "see whether the registry can be reached" },
		{ EAGAIN, "try again" },
	};

	if (code == ETIMEDOUT && asks_for_layout(r))
		return NULL;
	for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
		if (hints[i].code == code)
			return hints[i].hint;
	return NULL;
}

static void
on_event(void *ctx, const struct doc *event)
{
	progress_take(ctx, event);
}

struct doc *
session_call(struct session *s, const struct request *r, struct err *e)
{
	struct progress progress;
	struct doc *result;
	bool is_refusal;

	s->hint = NULL;
	progress_init(&progress, !s->is_quiet && !s->is_json);
	result = client_call(s->client, r->doc, r->fds, r->n_fds, on_event,
	    &progress, &is_refusal, e);
	progress_release(&progress);
	if (result == NULL && is_refusal)
		s->hint = hint_for(r, e->code);
	else if (result == NULL && e->code == ECONNRESET)
		s->hint = "its log says why (the journal, or layerfsd.log "
			  "beside its socket)";
	if (!r->has_login_failure)
		return result;
	if (result == NULL && e->code == EACCES)
		s->hint = "your login could not be read (see above)";
	session_warn("your login: %s", r->login_failure.msg);
	return result;
}

struct doc *
session_ask(
    struct session *s, enum session_connect how, const char *op, struct err *e)
{
	AUTO_REQUEST struct request r;

	request_init(&r, op);
	if (session_connect(s, how, e) < 0)
		return NULL;
	return session_call(s, &r, e);
}

int
session_fail(struct session *s, const struct err *e, const char *what, ...)
{
	AUTO_BUF struct buf text = BUF_INIT(4 * LIMIT_PATH_BYTES);
	struct err full;
	va_list ap;
	char about[2 * LIMIT_PATH_BYTES];

	va_start(ap, what);
	vsnprintf(about, sizeof about, what, ap);
	va_end(ap);
	buf_printf(&text, &full, "%s: %s%s%s", about, e->msg,
	    s->hint == NULL ? "" : "; ", s->hint == NULL ? "" : s->hint);
	fputs("layerfs: ", stderr);
	output_print_safe(stderr, buf_str(&text));
	fputc('\n', stderr);
	s->hint = NULL;
	return STATUS_FAILED;
}

int
session_misuse(const struct command *c, const struct err *e)
{
	fputs("layerfs: ", stderr);
	output_print_safe(stderr, e->msg);
	fprintf(stderr, "; see `layerfs help%s%s`\n", c == NULL ? "" : " ",
	    c == NULL ? "" : c->name);
	return STATUS_USAGE;
}

void
session_warn(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fputs("layerfs: warning: ", stderr);
	output_print_safe(stderr, text);
	fputc('\n', stderr);
}
