/* layerfs convert: an image under another name, its layers zstd:chunked.  In this
 * process, with the user's own rights and logins: no daemon is asked. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "daemon/client_options.h"
#include "daemon/config.h"
#include "convert/convert.h"
#include "layer/profile.h"
#include "registry/credential.h"
#include "registry/manifest.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "codec/zstd_encoder.h"
#include "base/digest.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/lock.h"

struct command_state {
	struct session *session;
	struct conversion conversion;
	struct reference from, to;
	struct platform platform;
	struct profile *profile;
	char *platform_text;
	struct config config;
	char registries[LIMIT_PATH_BYTES];

	struct lock lock;
	struct progress progress; /* guarded by lock */
};

/* ---- the command line ---- */

static int
parse_number(const char *text, const char *what, int least, int most, int *out,
    struct err *e)
{
	char *end;
	long v;

	if (text == NULL)
		return 0;
	errno = 0;
	v = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != 0 || v < least || v > most)
		return err_set(e, EINVAL, "--%s wants a number from %d to %d",
		    what, least, most);
	*out = v;
	return 0;
}

static int
parse_platform(struct command_state *c, const char *text, struct err *e)
{
	char *rest;

	if (text == NULL)
		return 0;
	rest = c->platform_text = strdup(text);
	if (rest == NULL)
		return err_set(e, ENOMEM, "platform");
	c->platform.os = strsep(&rest, "/");
	c->platform.architecture = strsep(&rest, "/");
	c->platform.variant = rest;
	if (c->platform.architecture == NULL ||
	    *c->platform.architecture == 0 || *c->platform.os == 0)
		return err_set(e, EINVAL,
		    "--platform wants OS/ARCH[/VARIANT], like linux/arm64");
	c->conversion.platform = &c->platform;
	return 0;
}

static int
read_profile(struct command_state *c, const char *file, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_PROFILE_BYTES);

	if (file == NULL)
		return 0;
	if (fs_read_file(AT_FDCWD, file, &bytes, e) < 0)
		return -1;
	c->profile = profile_parse(bytes.data, bytes.len, e);
	c->conversion.profile = c->profile;
	return c->profile != NULL ? 0 : err_wrap(e, "%s", file);
}

static int
parse(struct command_state *c, const struct arguments *a, struct err *e)
{
	int level = ZSTD_LEVEL_DEFAULT;
	int jobs = min_u64(sysconf(_SC_NPROCESSORS_ONLN), CONVERT_JOBS_MAX);

	if (parse_number(a->values[OPTION_LEVEL], "level", ZSTD_LEVEL_MIN,
		ZSTD_LEVEL_MAX, &level, e) < 0 ||
	    parse_number(a->values[OPTION_JOBS], "jobs", 1, CONVERT_JOBS_MAX,
		&jobs, e) < 0 ||
	    parse_platform(c, a->values[OPTION_PLATFORM], e) < 0 ||
	    reference_parse(&c->from, a->operands[0], e) < 0 ||
	    reference_parse(&c->to, a->operands[1], e) < 0)
		return -1;
	c->conversion.from = &c->from;
	c->conversion.to = &c->to;
	c->conversion.level = level;
	c->conversion.jobs = jobs;
	c->conversion.is_forced = arguments_has(a, OPTION_FORCE);
	return 0;
}

/* ---- registries ---- */

/* Whoever reads what everybody may needs no login. */
static int
give_login(struct command_state *c, const struct reference *ref, struct err *e)
{
	AUTO_CREDENTIAL struct credential login = { 0 };
	struct err why;
	bool found = false;

	if (ref->is_layout)
		return 0;
	if (arguments_has(c->session->args, OPTION_PLAIN_HTTP) &&
	    registry_set_plain_http(c->conversion.registry, ref->host, e) < 0)
		return -1;
	if (credential_find(&login, &found, ref->host, ref->repository, &why) <
	    0)
		session_warn("your login: %s", why.msg);
	if (!found)
		return 0;
	return registry_set_credential(
	    c->conversion.registry, ref->host, ref->repository, &login, e);
}

static int
load_config(struct config *c, struct err *e)
{
	if (access(config_default_path, F_OK) != 0)
		return config_read(c, -1, e);
	return config_load(c, config_default_path, e);
}

static int
open_registries(struct command_state *c, struct err *e)
{
	struct registry_options o;

	if (load_config(&c->config, e) < 0)
		return -1;
	o = client_options(&c->config, geteuid() == 0, c->registries);
	c->conversion.registry = registry_new(&o, e);
	if (c->conversion.registry == NULL)
		return -1;
	return give_login(c, &c->from, e) < 0 ? -1 : give_login(c, &c->to, e);
}

/* ---- progress ---- */

static void
on_progress(
    void *ctx, const struct digest *layer, uint64_t done, uint64_t total)
{
	struct command_state *c = ctx;
	AUTO_DOC struct doc *event = doc_new_object();

	doc_set_string(event, "event", "progress");
	doc_set_string(event, "stage", "convert");
	doc_set_string(event, "layer", DIGEST_TEXT(layer));
	doc_set_int(event, "done", done);
	doc_set_int(event, "total", total);
	LOCK_SCOPE(&c->lock);
	progress_take(&c->progress, event);
}

/* ---- the result ---- */

static void
add_layer(struct table *t, const char *platform, const struct doc *l)
{
	const char *why = doc_string(doc_find(l, "why"));

	table_add(t, platform);
	table_add(t, SHORT_DIGEST(doc_string(doc_find(l, "from"))));
	table_add(t, SIZE_TEXT(doc_int(doc_find(l, "from_bytes"))));
	table_add(t, doc_string(doc_find(l, "way")));
	table_add(t, SIZE_TEXT(doc_int(doc_find(l, "bytes"))));
	table_add(t, why == NULL ? "" : why);
}

static void
print_layers(const struct doc *report)
{
	static const char *const heads[] = { "PLATFORM", "LAYER", "SIZE", "WAY",
		"BECOMES", "NO TABLE" };
	const struct doc *images = doc_find(report, "images");
	AUTO_TABLE struct table t;

	table_init(&t, heads, 6, 1 << 2 | 1 << 4);
	for (size_t i = 0; i < doc_count(images); i++) {
		const struct doc *m = doc_at(images, i);
		const struct doc *layers = doc_find(m, "layers");

		for (size_t k = 0; k < doc_count(layers); k++)
			add_layer(&t, doc_string(doc_find(m, "platform")),
			    doc_at(layers, k));
	}
	table_print(&t, stdout);
}

static void
print(const struct session *s, const struct doc *report)
{
	const char *digest = doc_string(doc_find(report, "digest"));
	int64_t left_out = doc_int(doc_find(report, "left_out"));

	if (!s->is_quiet)
		print_layers(report);
	if (digest != NULL)
		puts(digest);
	if (s->is_quiet)
		return;
	printf("%s, was %s", SIZE_TEXT(doc_int(doc_find(report, "bytes"))),
	    SIZE_TEXT(doc_int(doc_find(report, "from_bytes"))));
	if (digest == NULL)
		printf(", in about %" PRId64 " s",
		    doc_int(doc_find(report, "ms")) / 1000 + 1);
	putchar('\n');
	if (left_out > 0)
		printf("%" PRId64 " attestations were left out: they vouch for "
		       "the original\n",
		    left_out);
}

/* ---- all of it ---- */

static struct doc *
convert(struct command_state *c, struct err *e)
{
	const struct session *s = c->session;
	struct doc *report;

	if (read_profile(c, s->args->values[OPTION_PROFILE], e) < 0 ||
	    open_registries(c, e) < 0)
		return NULL;
	c->conversion.on_progress = on_progress;
	c->conversion.ctx = c;
	lock_init(&c->lock, RANK_DAEMON);
	progress_init(&c->progress, !s->is_quiet && !s->is_json);
	report = arguments_has(s->args, OPTION_ESTIMATE)
		     ? convert_estimate(&c->conversion, e)
		     : convert_image(&c->conversion, e);
	progress_release(&c->progress);
	lock_destroy(&c->lock);
	return report;
}

static void
release(struct command_state *c)
{
	registry_free(c->conversion.registry);
	config_release(&c->config);
	reference_release(&c->from);
	reference_release(&c->to);
	profile_free(c->profile);
	free(c->platform_text);
}

int
cmd_convert(struct session *s)
{
	CLEANUP(release) struct command_state c = { .session = s };
	AUTO_DOC struct doc *report = NULL;
	struct err e;

	if (parse(&c, s->args, &e) < 0)
		return session_misuse(s->args->command, &e);
	report = convert(&c, &e);
	if (report == NULL)
		return session_fail(s, &e, "convert");
	if (s->is_json)
		output_json(report);
	else
		print(s, report);
	return STATUS_DONE;
}
