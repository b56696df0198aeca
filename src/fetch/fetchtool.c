/* fetchtool: pulls an image's layers into a store and checks every file.
 *
 *	fetchtool STORE-DIR REF          (STORE-DIR: an empty folder)
 *	fetchtool --pull STORE-DIR REF   only pulls, all layers at once
 *
 * A layer with a table of contents is filled through it, any other is pulled as
 * a stream; then a quarter of its files is dropped and wanted again, as readers
 * do.  For trying and measuring by hand.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fetch/fetch.h"
#include "format/format.h"
#include "registry/manifest.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "store/map.h"
#include "store/store.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/metrics.h"
#include "base/pool.h"

enum { PULL_THREADS = 8 }; /* as the daemon has makers */

struct tool {
	struct store *store;
	struct fetcher *fetcher;
	struct registry *registry;
	struct source *source;
	struct reference ref;
	struct manifest manifest;

	struct lock lock; /* guards what follows */
	struct cond changed;
	unsigned waiting;
	unsigned failed;
	struct err failure;
};

struct waited {
	struct want want;
	struct fill fill;
	struct tool *tool;
};

/* ---- waiting ---- */

static void
note(struct tool *t, const struct err *failure)
{
	LOCK_SCOPE(&t->lock);

	if (failure != NULL && t->failed++ == 0)
		t->failure = *failure;
	t->waiting--;
	cond_signal(&t->changed);
}

static void
want_done(struct want *w, const struct err *failure)
{
	note(container_of(w, struct waited, want)->tool, failure);
}

static void
fill_done(struct fill *w, const struct err *failure)
{
	note(container_of(w, struct waited, fill)->tool, failure);
}

static int
wait_below(struct tool *t, unsigned n, struct err *e)
{
	LOCK_SCOPE(&t->lock);

	while (t->waiting >= n)
		cond_wait(&t->changed, &t->lock);
	if (t->failed == 0)
		return 0;
	*e = t->failure;
	return -1;
}

static void
expect_one(struct tool *t)
{
	LOCK_SCOPE(&t->lock);

	t->waiting++;
}

/* ---- a layer ---- */

static int
read_table(struct tool *t, const struct descriptor *d, const struct format *f,
    struct toc_place *place, bool is_in_tail, struct contents *out,
    struct err *e)
{
	AUTO_BUF struct buf toc = BUF_INIT(LIMIT_TOC_COMPRESSED_BYTES);
	uint64_t n = min_u64(f->tail_bytes, d->size);
	struct source_part part = { .blob = &d->digest,
		.blob_size = d->size,
		.off = d->size - n,
		.len = n };

	if (is_in_tail &&
	    (source_read_all(t->source, &part, &toc, e) < 0 ||
		f->locate_in_tail(d, toc.data, toc.len, place, e) < 0))
		return -1;
	toc.len = 0;
	part.off = place->blob_off;
	part.len = place->blob_len;
	if (source_read_all(t->source, &part, &toc, e) < 0)
		return -1;
	return f->parse(d, place, toc.data, toc.len, out, e);
}

static struct map *
keep_map(struct tool *t, const struct descriptor *d, struct contents *c,
    struct err *e)
{
	AUTO_CLOSE int fd = memfd_create("map", MFD_CLOEXEC);
	struct map *m;

	if (store_place(t->store, c->map, e) < 0 ||
	    map_write(c->map, &d->digest, d->size, fd, e) < 0 ||
	    (m = map_open(fd, e)) == NULL)
		return NULL;
	return store_add_map(t->store, m, e) < 0 ? NULL : m;
}

static int
stream_layer(struct tool *t, const struct descriptor *d, struct contents *c,
    const char **format, struct err *e)
{
	const struct stream_pull pull = {
		.fetcher = t->fetcher,
		.sources = &t->source,
		.n_sources = 1,
		.layer = d,
	};

	return fetch_stream(&pull, c, format, e);
}

static int
fill_layer(struct tool *t, struct blob *b, uint64_t size, struct err *e)
{
	struct waited w = { .tool = t,
		.fill = {
		    .blob_end = size,
		    .priority = SOURCE_SOON,
		    .on_done = fill_done,
		} };

	expect_one(t);
	blob_fill(b, &w.fill);
	return wait_below(t, 1, e);
}

static bool
is_right(const struct chunk *c, const uint8_t *p)
{
	struct digest d;

	if (c->codec == CHUNK_ZEROS)
		return p[0] == 0 && memcmp(p, p + 1, c->len - 1) == 0;
	digest_of(&d, p, c->len);
	return digest_equal(&d, &c->digest);
}

/* By chunk: only of a file in one piece does the object's digest say what its
 * bytes are. */
static int
check_objects(struct tool *t, const struct map *m, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(GIB(4));

	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		struct object o;
		struct chunk c;

		map_object(m, i, &o);
		bytes.len = 0;
		if (buf_reserve(&bytes, o.size, e) < 0 ||
		    store_read(t->store, bytes.data, o.size, o.data_off, e) < 0)
			return err_wrap(e, "file %u", i);
		for (uint32_t k = 0; k < o.n_chunks; k++) {
			map_chunk(m, o.first_chunk + k, &c);
			if (!is_right(&c, bytes.data + c.object_off))
				return err_set(
				    e, EBADMSG, "file %u is wrong", i);
		}
	}
	return 0;
}

/* Every fourth file goes and is wanted again, 32 wants at a time. */
static int
want_files(struct tool *t, struct blob *b, const struct map *m, struct err *e)
{
	uint32_t n = map_n_objects(m);
	AUTO_FREE struct waited *w = calloc(n + 1, sizeof *w);
	struct object o;

	for (uint32_t i = 0; i < n; i += 4) {
		map_object(m, i, &o);
		if (store_drop(t->store, o.data_off, o.size, e) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < n; i += 4) {
		map_object(m, i, &o);
		w[i].tool = t;
		w[i].want = (struct want){ .data_off = o.data_off,
			.len = o.size,
			.patience_ms = 10000,
			.on_done = want_done };
		expect_one(t);
		blob_want(b, &w[i].want);
		if (wait_below(t, 32, e) < 0)
			break;
	}
	return wait_below(t, 1, e);
}

static void
report(const char *what, uint64_t bytes, uint64_t start_ns, uint64_t requests)
{
	double s = (double)(clock_now_ns() - start_ns) / NS_PER_S;

	printf("  %-8s %7.3f s  %7.1f MB/s of the blob  %5ju requests\n", what,
	    s, (double)bytes / 1e6 / s,
	    (uintmax_t)(metric_get(METRIC_http_requests) - requests));
}

static int
use_layer(
    struct tool *t, const struct descriptor *d, struct map *m, struct err *e)
{
	struct blob *b = blob_new(t->fetcher, m, NULL, e);
	uint64_t start = clock_now_ns();
	uint64_t requests = metric_get(METRIC_http_requests), freed;
	int rc = -1;

	if (b == NULL || blob_add_source(b, t->source, e) < 0 ||
	    fill_layer(t, b, d->size, e) < 0)
		goto out;
	report("fill", d->size, start, requests);
	if (check_objects(t, m, e) < 0)
		goto out;
	start = clock_now_ns();
	requests = metric_get(METRIC_http_requests);
	if (want_files(t, b, m, e) < 0)
		goto out;
	report("wants", d->size, start, requests);
	rc = check_objects(t, m, e);
out:
	blob_unref(b);
	store_remove_map(t->store, m, &freed, &(struct err){ 0 });
	map_close(m);
	return rc;
}

static int
pull_layer(struct tool *t, const struct descriptor *d, struct err *e)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct toc_place place = { 0 };
	enum locate_result where = LOCATE_NONE;
	const struct format *f = format_locate(d, &place, &where, e);
	uint64_t start = clock_now_ns();
	uint64_t requests = metric_get(METRIC_http_requests);
	const char *name = f != NULL ? f->name : "";
	struct map *m;

	if (where == LOCATE_FAILED ||
	    (f != NULL
		    ? read_table(t, d, f, &place, where == LOCATE_TAIL, &c, e)
		    : stream_layer(t, d, &c, &name, e)) < 0 ||
	    (m = keep_map(t, d, &c, e)) == NULL)
		return -1;
	printf("%s %ju bytes, %s, %u files\n", DIGEST_TEXT(&d->digest),
	    (uintmax_t)d->size, name, map_n_objects(m));
	report(f != NULL ? "table" : "stream", f != NULL ? 0 : d->size, start,
	    requests);
	return use_layer(t, d, m, e);
}

/* ---- only pulling ---- */

struct pulled_layer {
	struct task task;
	struct tool *tool;
	const struct descriptor *layer;
};

static void
pull_task(struct task *task)
{
	struct pulled_layer *l = container_of(task, struct pulled_layer, task);
	AUTO_CONTENTS struct contents c = { 0 };
	const char *format;
	struct err e = ERR_INIT;
	int rc = stream_layer(l->tool, l->layer, &c, &format, &e);

	note(l->tool, rc < 0 ? &e : NULL);
}

static double
cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Whatever their format: as if nobody vouched for a table of contents. */
static int
pull_all(struct tool *t, struct err *e)
{
	struct pool *pool = pool_new("maker", PULL_THREADS, e);
	size_t n = t->manifest.n_layers;
	AUTO_FREE struct pulled_layer *all = calloc(n + 1, sizeof *all);
	uint64_t bytes = 0, start = clock_now_ns(), requests;
	int rc;

	if (pool == NULL)
		return -1;
	requests = metric_get(METRIC_http_requests);
	t->waiting = n;
	for (size_t i = 0; i < n; i++) {
		bytes += t->manifest.layers[i].size;
		all[i] = (struct pulled_layer){ .task.run = pull_task,
			.tool = t,
			.layer = &t->manifest.layers[i] };
		pool_submit(pool, &all[i].task, 0);
	}
	rc = wait_below(t, 1, e);
	report("pull", bytes, start, requests);
	printf("  %7.3f s of CPU\n", cpu_seconds());
	pool_free(pool);
	return rc;
}

/* ---- the image ---- */

/* The folder of an oci: reference, else -1. */
static int
open_layout(const struct tool *t, struct err *e)
{
	return t->ref.is_layout ? fs_open_dir(AT_FDCWD, t->ref.repository, e)
				: -1;
}

static int
open_source(struct tool *t, struct err *e)
{
	const struct platform p = platform_of_machine();
	AUTO_CLOSE int layout = open_layout(t, e);
	const struct registry_question q = {
		.reference = &t->ref, .layout = layout, .platform = &p
	};

	if (t->ref.is_layout && layout < 0)
		return -1;
	if (registry_resolve(t->registry, &q, &t->manifest, e) < 0)
		return -1;
	if (t->ref.is_layout) {
		t->source = source_new_layout(layout, t->ref.name, e);
		if (t->source != NULL)
			layout = -1;
	} else {
		t->source = source_new_registry(
		    t->registry, t->ref.host, t->ref.repository, e);
	}
	return t->source != NULL ? 0 : -1;
}

static int
open_tool(struct tool *t, const char *dir, const char *ref, struct err *e)
{
	const struct registry_options ro = { 0 };
	const struct fetcher_options fo = { 0 };
	AUTO_CLOSE int root = fs_open_dir(AT_FDCWD, dir, e);

	lock_init(&t->lock, RANK_LEAF);
	cond_init(&t->changed);
	if (root < 0 || (t->store = store_open(root, e)) == NULL ||
	    store_maps_loaded(t->store, e) < 0 ||
	    (t->fetcher = fetcher_new(t->store, &fo, e)) == NULL ||
	    (t->registry = registry_new(&ro, e)) == NULL ||
	    reference_parse(&t->ref, ref, e) < 0)
		return -1;
	return open_source(t, e);
}

static int
pull_each(struct tool *t, struct err *e)
{
	for (size_t i = 0; i < t->manifest.n_layers; i++)
		if (pull_layer(t, &t->manifest.layers[i], e) < 0)
			return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	struct tool t = { 0 };
	struct err e = ERR_INIT;
	bool only_pulls = argc > 1 && strcmp(argv[1], "--pull") == 0;
	int rc;

	if (argc != 3 + only_pulls) {
		fprintf(stderr, "usage: fetchtool [--pull] STORE-DIR REF\n");
		return 2;
	}
	argv += only_pulls;
	rc = open_tool(&t, argv[1], argv[2], &e);
	if (rc == 0)
		rc = only_pulls ? pull_all(&t, &e) : pull_each(&t, &e);
	if (rc < 0)
		fprintf(stderr, "fetchtool: %s: %s\n", argv[2], e.msg);
	fetcher_free(t.fetcher);
	source_unref(t.source);
	manifest_release(&t.manifest);
	reference_release(&t.ref);
	registry_free(t.registry);
	store_close(t.store);
	return rc < 0;
}
