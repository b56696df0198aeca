/* regtool: the registry client by hand, for the behaviour tests.
 *
 *	regtool [OPTION...] resolve REF
 *	regtool [OPTION...] cat REF LAYER OFFSET LENGTH   (LENGTH 0: to the end)
 *	regtool [OPTION...] whole REF LAYER OFFSET LENGTH (in memory first)
 *	regtool [OPTION...] config REF
 *	regtool [OPTION...] bench REF LAYER BYTES COUNT IN-FLIGHT
 *
 *	--ca FILE, --hosts DIR, --user NAME:PASSWORD, --identity-token TOKEN,
 *	--auth-file FILE, --plain, --retries N, --stall MS, --connections N,
 *	--platform OS/ARCH[/VARIANT], --idle, --pause, --cancel
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/credential.h"
#include "registry/manifest.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "registry/source.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/metrics.h"
#include "base/thread.h"

struct tool {
	struct registry_options options;
	const char *hosts_dirs[2];
	const char *auth_file;
	char *user;
	char *identity_token;
	bool is_plain;
	bool is_idle;
	bool pauses;  /* every third piece is taken at its second coming */
	bool cancels; /* every other read ends early */
	struct platform platform;

	struct registry *registry;
	struct reference ref;
	struct manifest manifest;
	struct source *source;
};

static int
give_credential(struct tool *t, struct err *e)
{
	AUTO_CREDENTIAL struct credential c = { 0 };
	bool found = t->user != NULL || t->identity_token != NULL;

	if (t->user != NULL) {
		char *colon = strchr(t->user, ':');

		c.username = strndup(t->user, colon - t->user);
		c.password = strdup(colon + 1);
	}
	if (t->identity_token != NULL)
		c.identity_token = strdup(t->identity_token);
	if (t->auth_file != NULL &&
	    (setenv("REGISTRY_AUTH_FILE", t->auth_file, 1) < 0 ||
		credential_find(&c, &found, t->ref.host, t->ref.repository, e) <
		    0))
		return -1;
	return found ? registry_set_credential(
			   t->registry, t->ref.host, "", &c, e)
		     : 0;
}

static int
open_source(struct tool *t, struct err *e)
{
	int dir;

	if (!t->ref.is_layout)
		t->source = source_new_registry(
		    t->registry, t->ref.host, t->ref.repository, e);
	else if ((dir = fs_open_dir(AT_FDCWD, t->ref.repository, e)) >= 0)
		t->source = source_new_layout(dir, t->ref.name, e);
	return t->source == NULL ? -1 : 0;
}

static int
open_image(struct tool *t, const char *text, struct err *e)
{
	AUTO_CLOSE int layout = -1;

	if (reference_parse(&t->ref, text, e) < 0)
		return -1;
	t->registry = registry_new(&t->options, e);
	if (t->registry == NULL)
		return -1;
	if (t->ref.is_layout) {
		layout = fs_open_dir(AT_FDCWD, t->ref.repository, e);
		if (layout < 0)
			return -1;
	} else if (give_credential(t, e) < 0) {
		return -1;
	}
	if (t->is_plain &&
	    registry_set_plain_http(t->registry, t->ref.host, e) < 0)
		return -1;
	if (registry_resolve(t->registry, &t->ref, layout, &t->platform,
		&t->manifest, e) < 0)
		return -1;
	return open_source(t, e);
}

static void
close_image(struct tool *t)
{
	source_unref(t->source);
	manifest_release(&t->manifest);
	reference_release(&t->ref);
	registry_free(t->registry);
}

static int
resolve(struct tool *t, char **args, struct err *e)
{
	(void)args, (void)e;
	printf("%s\n%s\n%s\n", t->ref.name, DIGEST_TEXT(&t->manifest.digest),
	    t->manifest.media_type);
	for (size_t i = 0; i < t->manifest.n_layers; i++)
		printf("%s %ju %s\n",
		    DIGEST_TEXT(&t->manifest.layers[i].digest),
		    (uintmax_t)t->manifest.layers[i].size,
		    t->manifest.layers[i].media_type);
	return 0;
}

static int
config(struct tool *t, char **args, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_BYTES);

	(void)args;
	if (source_read_verified(t->source, &t->manifest.config, &text, e) < 0)
		return -1;
	fwrite(text.data, 1, text.len, stdout);
	return 0;
}

/* ---- many reads at once, or one with pauses ---- */

struct crowd {
	struct tool *tool;
	const struct descriptor *layer;
	FILE *out;
	uint64_t bytes; /* of each read */
	uint64_t until; /* of the layer */
	struct lock lock;
	struct cond changed;
	/* guarded by lock */
	uint64_t next_off;
	unsigned left; /* to start */
	unsigned running;
	uint64_t received;
	unsigned cancelled;
	struct err failure;
};

struct one {
	struct source_read read;
	struct crowd *crowd;
	unsigned calls;
	/* guarded by the crowd's lock */
	bool wants_resume;
	bool wants_cancel;
};

static enum source_verdict
on_bytes(struct source_read *r, const void *p, size_t n)
{
	struct one *o = container_of(r, struct one, read);
	struct crowd *c = o->crowd;
	LOCK_SCOPE(&c->lock);

	if (c->tool->pauses && ++o->calls % 3 == 0) {
		o->wants_resume = true;
		cond_broadcast(&c->changed);
		return SOURCE_PAUSE;
	}
	if (c->tool->cancels && o->read.off / c->bytes % 2 == 1) {
		o->wants_cancel = true;
		cond_broadcast(&c->changed);
		return SOURCE_PAUSE;
	}
	c->received += n;
	if (c->out != NULL)
		fwrite(p, 1, n, c->out);
	return SOURCE_CONTINUE;
}

static void
on_done(struct source_read *r, const struct err *failure)
{
	struct one *o = container_of(r, struct one, read);
	struct crowd *c = o->crowd;
	LOCK_SCOPE(&c->lock);

	if (failure != NULL && failure->code == ECANCELED && c->tool->cancels)
		c->cancelled++;
	else if (failure != NULL && c->failure.code == 0)
		c->failure = *failure;
	o->wants_resume = o->wants_cancel = false;
	r->len = 0; /* free to be used again */
	c->running--;
	cond_broadcast(&c->changed);
}

static void
start_one(struct crowd *c, struct one *o)
{
	o->read = (struct source_read){ .blob = c->layer->digest,
		.blob_size = c->layer->size,
		.off = c->next_off,
		.len = min_u64(c->bytes, c->until - c->next_off),
		.priority = c->tool->is_idle ? SOURCE_IDLE : SOURCE_NOW,
		.on_bytes = on_bytes,
		.on_done = on_done };
	o->crowd = c;
	c->next_off += c->bytes;
	if (c->next_off >= c->until)
		c->next_off = 0;
	c->left--;
	c->running++;
}

/* Under the lock: on_done takes it, so the read is still there. */
static void
nudge(struct crowd *c, struct one *o)
{
	if (o->wants_cancel)
		source_cancel(c->tool->source, &o->read);
	else if (o->wants_resume)
		source_resume(c->tool->source, &o->read);
	o->wants_cancel = o->wants_resume = false;
}

/* One that is free for another read; NULL when none is, or none is left. */
static struct one *
look_around(struct crowd *c, struct one *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		nudge(c, &all[i]);
		if (all[i].read.len == 0 && c->left > 0 &&
		    c->failure.code == 0) {
			start_one(c, &all[i]);
			return &all[i];
		}
	}
	return NULL;
}

static void
run_crowd(struct crowd *c, unsigned in_flight)
{
	struct one *all = calloc(in_flight, sizeof *all);

	lock_acquire(&c->lock);
	while (c->running > 0 || (c->left > 0 && c->failure.code == 0)) {
		struct one *o = look_around(c, all, in_flight);

		if (o == NULL) {
			cond_wait(&c->changed, &c->lock);
			continue;
		}
		lock_release(&c->lock);
		source_read(c->tool->source, &o->read);
		lock_acquire(&c->lock);
	}
	lock_release(&c->lock);
	free(all);
}

static int
run(struct crowd *c, unsigned in_flight, struct err *e)
{
	lock_init(&c->lock, RANK_DAEMON);
	cond_init(&c->changed);
	run_crowd(c, in_flight);
	cond_destroy(&c->changed);
	lock_destroy(&c->lock);
	if (c->failure.code == 0)
		return 0;
	*e = c->failure;
	return -1;
}

static int
pick_layer(struct crowd *c, struct tool *t, const char *number, struct err *e)
{
	size_t i = strtoul(number, NULL, 10);

	*c = (struct crowd){ .tool = t };
	if (i >= t->manifest.n_layers)
		return err_set(e, EINVAL, "no layer %zu", i);
	c->layer = &t->manifest.layers[i];
	c->until = c->layer->size;
	return 0;
}

static int
cat(struct tool *t, char **args, struct err *e)
{
	struct crowd c;

	if (pick_layer(&c, t, args[0], e) < 0)
		return -1;
	c.next_off = strtoull(args[1], NULL, 10);
	c.bytes = strtoull(args[2], NULL, 10);
	if (c.bytes == 0)
		c.bytes = c.until - c.next_off;
	c.left = 1;
	c.out = stdout;
	return run(&c, 1, e);
}

static int
whole(struct tool *t, char **args, struct err *e)
{
	AUTO_BUF struct buf out = BUF_INIT(LIMIT_TOC_COMPRESSED_BYTES);
	struct crowd c;

	if (pick_layer(&c, t, args[0], e) < 0 ||
	    source_read_all(t->source, &c.layer->digest, c.layer->size,
		strtoull(args[1], NULL, 10), strtoull(args[2], NULL, 10), &out,
		e) < 0)
		return -1;
	fwrite(out.data, 1, out.len, stdout);
	return 0;
}

static int
bench(struct tool *t, char **args, struct err *e)
{
	struct crowd c;
	uint64_t start;
	double s;

	if (pick_layer(&c, t, args[0], e) < 0)
		return -1;
	c.bytes = strtoull(args[1], NULL, 10);
	c.left = strtoul(args[2], NULL, 10);
	start = clock_now_ns();
	if (run(&c, strtoul(args[3], NULL, 10), e) < 0)
		return -1;
	s = (clock_now_ns() - start) / 1e9;
	printf("%s reads: %.0f/s, %.1f MB/s\n", args[2],
	    strtoul(args[2], NULL, 10) / s, c.received / 1e6 / s);
	if (t->cancels)
		printf("%u cancelled\n", c.cancelled);
	return 0;
}

static const struct {
	const char *name;
	int n_args; /* after REF */
	int (*run)(struct tool *t, char **args, struct err *e);
} commands[] = {
	{ "resolve", 0, resolve },
	{ "config", 0, config },
	{ "cat", 3, cat },
	{ "whole", 3, whole },
	{ "bench", 4, bench },
};

static const struct option options[] = {
	{ "ca", required_argument, NULL, 'c' },
	{ "hosts", required_argument, NULL, 'h' },
	{ "user", required_argument, NULL, 'u' },
	{ "identity-token", required_argument, NULL, 't' },
	{ "auth-file", required_argument, NULL, 'a' },
	{ "plain", no_argument, NULL, 'p' },
	{ "retries", required_argument, NULL, 'r' },
	{ "stall", required_argument, NULL, 's' },
	{ "connections", required_argument, NULL, 'n' },
	{ "platform", required_argument, NULL, 'P' },
	{ "idle", no_argument, NULL, 'i' },
	{ "pause", no_argument, NULL, 'z' },
	{ "cancel", no_argument, NULL, 'x' },
	{ NULL, 0, NULL, 0 },
};

static void
set_platform(struct tool *t, char *text)
{
	t->platform.os = strsep(&text, "/");
	t->platform.architecture = strsep(&text, "/");
	t->platform.variant = strsep(&text, "/");
}

static bool
take_option(struct tool *t, int o)
{
	switch (o) {
	case 'c':
		t->options.ca_file = optarg;
		return true;
	case 'h':
		t->hosts_dirs[0] = optarg;
		return true;
	case 'u':
		t->user = optarg;
		return strchr(optarg, ':') != NULL;
	case 't':
		t->identity_token = optarg;
		return true;
	case 'a':
		t->auth_file = optarg;
		return true;
	case 'p':
		t->is_plain = true;
		return true;
	case 'r':
		t->options.max_retries = atoi(optarg);
		return true;
	case 's':
		t->options.stall_timeout_ms = atoi(optarg);
		return true;
	case 'n':
		t->options.max_connections = atoi(optarg);
		return true;
	case 'P':
		set_platform(t, optarg);
		return true;
	case 'i':
		t->is_idle = true;
		return true;
	case 'z':
		t->pauses = true;
		return true;
	case 'x':
		t->cancels = true;
		return true;
	default:
		return false;
	}
}

static int
usage(void)
{
	fprintf(stderr,
	    "usage: regtool [OPTION...] resolve|config|cat|whole|bench "
	    "REF [ARGUMENT...]\n");
	return 2;
}

static int
run_command(struct tool *t, int argc, char **argv)
{
	struct err e = ERR_INIT;
	int rc = -1;

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(commands[i].name, argv[0]) != 0)
			continue;
		if (argc != 2 + commands[i].n_args)
			return usage();
		if (open_image(t, argv[1], &e) == 0)
			rc = commands[i].run(t, argv + 2, &e);
		close_image(t);
		if (rc < 0)
			fprintf(
			    stderr, "%s: %s\n", strerrorname_np(e.code), e.msg);
		return rc < 0;
	}
	return usage();
}

int
main(int argc, char **argv)
{
	struct tool t = { .platform = platform_of_machine() };
	int o;

	t.options.hosts_dirs = t.hosts_dirs;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_option(&t, o))
			return usage();
	return argc - optind < 2
		   ? usage()
		   : run_command(&t, argc - optind, argv + optind);
}
