/* layerfs mount: the daemon makes the mount, this process, with the rights of
 * whoever called it, puts it in place. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/request.h"
#include "cli/session.h"
#include "cli/target.h"
#include "cli/upper_folders.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/patience.h"

static int
set_layer(struct request *r, const char *text, struct err *e)
{
	char *end;
	unsigned long n;
	struct digest d;

	if (strchr(text, ':') != NULL) {
		if (digest_parse(&d, text, e) < 0)
			return err_wrap(e, "--layer");
		doc_set_string(r->doc, "layer", text);
		return 0;
	}
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != 0 || n >= LIMIT_LAYERS)
		return err_set(e, EINVAL,
		    "--layer %s is neither a number below %d nor a digest",
		    text, LIMIT_LAYERS);
	doc_set_int(r->doc, "layer", n);
	return 0;
}

static int
set_patience(struct request *r, const char *text, struct err *e)
{
	uint32_t ms;

	if (text == NULL)
		return 0;
	if (patience_parse(text, &ms, e) < 0)
		return err_wrap(e, "--unreachable");
	doc_set_string(r->doc, "unreachable", text);
	return 0;
}

/* Where the mount goes, and what it may not do there. */
struct place {
	int target;
	char path[LIMIT_PATH_BYTES];
	uint64_t attributes; /* MOUNT_ATTR_ */
};

static void
place_release(struct place *p)
{
	cleanup_close(&p->target);
}

static int
check_options(struct request *r, struct place *p, const struct arguments *a,
    struct err *e)
{
	const char *list = a->values[OPTION_MOUNT_OPTIONS];

	if (list != NULL && target_parse_options(list, &p->attributes, e) < 0)
		return err_wrap(e, "--options");
	if (arguments_has(a, OPTION_UPPER) && !arguments_has(a, OPTION_RW))
		return err_set(e, EINVAL, "--upper needs --rw");
	if (set_patience(r, a->values[OPTION_UNREACHABLE], e) < 0)
		return -1;
	if (arguments_has(a, OPTION_RW))
		doc_set_bool(r->doc, "rw", true);
	if (arguments_has(a, OPTION_LAYER))
		return set_layer(r, a->values[OPTION_LAYER], e);
	return 0;
}

static int
add_upper(struct request *r, const char *text, struct err *e)
{
	int pair[2];

	if (upper_folders_open(text, pair, e) < 0)
		return -1;
	request_take_fd(r, pair[0]);
	request_take_fd(r, pair[1]);
	return 0;
}

static int
confirm(struct session *s, const char *id, struct err *e)
{
	AUTO_REQUEST struct request r;
	AUTO_DOC struct doc *done = NULL;

	request_init(&r, "attached");
	doc_set_string(r.doc, "id", id);
	done = session_call(s, &r, e);
	return done == NULL ? -1 : 0;
}

/* The daemon undoes the mount when the connection closes before it is
 * confirmed; what is in place already is ours to take away. */
static int
attach(struct session *s, const struct place *p, const struct doc *result,
    struct err *e)
{
	AUTO_CLOSE int mount = client_take_fd(s->client);
	const char *id;
	struct err ignored;

	if (doc_get_string(result, "id", &id, e) < 0)
		return -1;
	if (mount < 0)
		return err_set(e, EPROTO, "the daemon sent no mount");
	if (target_restrict(mount, p->attributes, e) < 0 ||
	    target_attach(p->target, mount, e) < 0)
		return -1;
	if (confirm(s, id, e) < 0) {
		target_withdraw(mount, &ignored);
		return -1;
	}
	return 0;
}

/* Whoever presses ^C gets a mount or none, not one that nobody knows of. */
static int
attach_undisturbed(struct session *s, const struct place *p,
    const struct doc *result, struct err *e)
{
	sigset_t ends, before;
	int failed;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	failed = attach(s, p, result, e);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return failed;
}

/* What a user's own daemon mounts has no rights to take away: fusermount3 makes
 * all of its mounts nosuid and nodev. */
static struct doc *
mount_at(
    struct session *s, struct request *r, const struct place *p, struct err *e)
{
	AUTO_DOC struct doc *result = NULL;
	const char *mode;

	doc_set_string(r->doc, "target", p->path);
	if (session_connect(s, SESSION_START, e) < 0)
		return NULL;
	result = session_call(s, r, e);
	if (result == NULL || doc_get_string(result, "mode", &mode, e) < 0)
		return NULL;
	if (strcmp(mode, "attach") == 0 &&
	    attach_undisturbed(s, p, result, e) < 0)
		return NULL;
	return take_ptr(&result);
}

/* No registry answered: what was known is shown, and it may lack something. */
static void
warn_of_age(const struct doc *result, const char *reference)
{
	int64_t resolved_s = doc_int(doc_find(result, "resolved"));
	int64_t missing = doc_int(doc_find(result, "missing_bytes"));
	size_t layers = doc_count(doc_find(result, "missing_layers"));

	if (!doc_bool(doc_find(result, "stale")))
		return;
	session_warn("%s is what it meant %s: %s", reference,
	    AGE_TEXT(clock_wall_s() - resolved_s),
	    doc_string(doc_find(result, "why")));
	if (missing > 0)
		session_warn("%s of %s are not here, in %zu of %jd layers: see "
			     "`layerfs explain`",
		    SIZE_TEXT(missing), reference, layers,
		    (intmax_t)doc_int(doc_find(result, "layers")));
}

static void
show(const struct session *s, const struct doc *result, const char *path)
{
	if (!s->is_quiet)
		warn_of_age(result, s->args->operands[0]);
	if (s->is_json)
		output_json(result);
	else
		output_print_safe(stdout, path), putchar('\n');
}

int
cmd_mount(struct session *s)
{
	const struct arguments *a = s->args;
	const char *text = a->operands[0], *folder = a->operands[1];
	AUTO_REQUEST struct request r;
	AUTO_DOC struct doc *result = NULL;
	CLEANUP(place_release) struct place p = { .target = -1 };
	struct err e;

	request_init(&r, "mount");
	if (check_options(&r, &p, a, &e) < 0)
		return session_misuse(a->command, &e);
	p.target = target_open(folder, p.path, &e);
	if (p.target < 0)
		return session_fail(s, &e, "mount on %s", folder);
	if (request_set_image(&r, a, text, &e) < 0)
		return session_fail(s, &e, "mount %s", text);
	if (arguments_has(a, OPTION_UPPER) &&
	    add_upper(&r, a->values[OPTION_UPPER], &e) < 0)
		return session_fail(
		    s, &e, "mount with --upper %s", a->values[OPTION_UPPER]);
	result = mount_at(s, &r, &p, &e);
	if (result == NULL)
		return session_fail(s, &e, "mount %s on %s", text, folder);
	show(s, result, p.path);
	return STATUS_DONE;
}
