/* regtool: the registry client by hand, for the behaviour tests.
 *
 *	regtool [OPTION...] resolve REF
 *	regtool [OPTION...] cat REF LAYER OFFSET LENGTH   (LENGTH 0: to the end)
 *	regtool [OPTION...] parts REF LAYER FIRST-END,FIRST-END...  (in one read)
 *	regtool [OPTION...] whole REF LAYER OFFSET LENGTH (in memory first)
 *	regtool [OPTION...] config REF
 *	regtool [OPTION...] bench REF LAYER BYTES COUNT IN-FLIGHT
 *
 *	those of tool.h, --registries FILE, --plain, --stall MS, --connections N,
 *	--platform OS/ARCH[/VARIANT], --idle (nobody waits: nothing is asked twice
 *	because it is late), --pause, --cancel
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/client.h"
#include "registry/manifest.h"
#include "registry/source.h"
#include "registry/tool.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/metrics.h"
#include "base/thread.h"

struct regtool {
	struct tool tool;
	bool is_plain;
	bool is_idle;
	bool pauses;  /* every third piece is taken at its second coming */
	bool cancels; /* every other read ends early */
	struct platform platform;

	struct manifest manifest;
	struct source *source;
};

static struct regtool *
of(struct tool *t)
{
	return container_of(t, struct regtool, tool);
}

static int
open_source(struct tool *t, struct err *e)
{
	struct source *s = NULL;
	int dir;

	if (!t->ref.is_layout)
		s = source_new_registry(
		    t->registry, t->ref.host, t->ref.repository, e);
	else if ((dir = fs_open_dir(AT_FDCWD, t->ref.repository, e)) >= 0)
		s = source_new_layout(dir, t->ref.name, e);
	of(t)->source = s;
	return s == NULL ? -1 : 0;
}

static int
open_image(struct tool *t, struct err *e)
{
	struct registry_question q = { .reference = &t->ref,
		.platform = &of(t)->platform };
	AUTO_CLOSE int layout = -1;

	if (t->ref.is_layout) {
		layout = fs_open_dir(AT_FDCWD, t->ref.repository, e);
		if (layout < 0)
			return -1;
	}
	if (of(t)->is_plain &&
	    registry_set_plain_http(t->registry, t->ref.host, e) < 0)
		return -1;
	if (of(t)->is_idle)
		t->registry->hedge_credit = 0;
	q.layout = layout;
	if (registry_resolve(t->registry, &q, &of(t)->manifest, e) < 0)
		return -1;
	return open_source(t, e);
}

static void
close_image(struct tool *t)
{
	source_unref(of(t)->source);
	manifest_release(&of(t)->manifest);
}

static int
resolve(struct tool *t, char **args, struct err *e)
{
	const struct manifest *m = &of(t)->manifest;

	(void)args, (void)e;
	printf("%s\n%s\n%s\n", t->ref.name, DIGEST_TEXT(&m->digest),
	    m->media_type);
	for (size_t i = 0; i < m->n_layers; i++)
		printf("%s %ju %s\n", DIGEST_TEXT(&m->layers[i].digest),
		    (uintmax_t)m->layers[i].size, m->layers[i].media_type);
	return 0;
}

static int
config(struct tool *t, char **args, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_BYTES);

	(void)args;
	if (source_read_verified(
		of(t)->source, &of(t)->manifest.config, &text, e) < 0)
		return -1;
	fwrite(text.data, 1, text.len, stdout);
	return 0;
}

/* ---- many reads at once, or one with pauses ---- */

struct crowd {
	struct regtool *tool;
	const struct descriptor *layer;
	FILE *out;
	uint64_t bytes;                          /* of each read */
	uint64_t until;                          /* of the layer */
	struct source_gap gaps[SOURCE_MAX_GAPS]; /* of a read */
	unsigned n_gaps;
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

/* Gaps may come, and are left out here. */
static void
write_wanted(struct crowd *c, uint64_t at, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool is_wanted = true;

		for (unsigned k = 0; k < c->n_gaps; k++)
			if (at + i >= c->gaps[k].off && at + i < c->gaps[k].end)
				is_wanted = false;
		if (is_wanted)
			putc_unlocked(p[i], c->out);
	}
}

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
		write_wanted(c, r->at, p, n);
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
		.gaps = c->gaps,
		.n_gaps = c->n_gaps,
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

	*c = (struct crowd){ .tool = of(t) };
	if (i >= of(t)->manifest.n_layers)
		return err_set(e, EINVAL, "no layer %zu", i);
	c->layer = &of(t)->manifest.layers[i];
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

/* What was shown of several ranges at once, and how many bytes came in all, go to
 * stderr. */
static int
parts(struct tool *t, char **args, struct err *e)
{
	uint64_t first, end, last_end = 0;
	char *text = args[1], *one;
	struct crowd c;

	if (pick_layer(&c, t, args[0], e) < 0)
		return -1;
	while ((one = strsep(&text, ",")) != NULL &&
	       sscanf(one, "%ju-%ju", &first, &end) == 2) {
		if (last_end == 0)
			c.next_off = first;
		else if (c.n_gaps < SOURCE_MAX_GAPS)
			c.gaps[c.n_gaps++] =
			    (struct source_gap){ last_end, first };
		last_end = end;
	}
	c.bytes = last_end - c.next_off;
	c.left = 1;
	c.out = stdout;
	if (run(&c, 1, e) < 0)
		return -1;
	fprintf(stderr, "%ju bytes\n", (uintmax_t)c.received);
	return 0;
}

static int
whole(struct tool *t, char **args, struct err *e)
{
	AUTO_BUF struct buf out = BUF_INIT(LIMIT_TOC_COMPRESSED_BYTES);
	struct source_part part = { .off = strtoull(args[1], NULL, 10),
		.len = strtoull(args[2], NULL, 10) };
	struct crowd c;

	if (pick_layer(&c, t, args[0], e) < 0)
		return -1;
	part.blob = &c.layer->digest;
	part.blob_size = c.layer->size;
	if (source_read_all(of(t)->source, &part, &out, e) < 0)
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
	if (of(t)->cancels)
		printf("%u cancelled\n", c.cancelled);
	return 0;
}

static const struct tool_command commands[] = {
	{ "resolve", 0, resolve },
	{ "config", 0, config },
	{ "cat", 3, cat },
	{ "parts", 2, parts },
	{ "whole", 3, whole },
	{ "bench", 4, bench },
	{ NULL, 0, NULL },
};

static const struct option options[] = {
	{ "registries", required_argument, NULL, 'R' },
	{ "plain", no_argument, NULL, 'p' },
	{ "stall", required_argument, NULL, 's' },
	{ "connections", required_argument, NULL, 'n' },
	{ "platform", required_argument, NULL, 'P' },
	{ "idle", no_argument, NULL, 'i' },
	{ "pause", no_argument, NULL, 'z' },
	{ "cancel", no_argument, NULL, 'x' },
	{ NULL, 0, NULL, 0 },
};

static void
set_platform(struct platform *p, char *text)
{
	p->os = strsep(&text, "/");
	p->architecture = strsep(&text, "/");
	p->variant = strsep(&text, "/");
}

static bool
take_option(struct tool *t, int letter)
{
	switch (letter) {
	case 'R':
		t->options.registries_conf = optarg;
		return true;
	case 'p':
		of(t)->is_plain = true;
		return true;
	case 's':
		t->options.stall_timeout_ms = atoi(optarg);
		return true;
	case 'n':
		t->options.max_connections = atoi(optarg);
		return true;
	case 'P':
		set_platform(&of(t)->platform, optarg);
		return true;
	case 'i':
		of(t)->is_idle = true;
		return true;
	case 'z':
		of(t)->pauses = true;
		return true;
	case 'x':
		of(t)->cancels = true;
		return true;
	default:
		return false;
	}
}

static const struct tool_program program = {
	.usage = "regtool [OPTION...] resolve|config|cat|parts|whole|bench "
		 "REF [ARGUMENT...]",
	.options = options,
	.take_option = take_option,
	.commands = commands,
	.begin = open_image,
	.end = close_image,
};

int
main(int argc, char **argv)
{
	struct regtool t = { .platform = platform_of_machine() };

	return tool_main(&t.tool, &program, argc, argv);
}
