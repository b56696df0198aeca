#include "daemon/metrics_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/exposition.h"
#include "daemon/process.h"
#include "mount/showing.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "fetch/usage.h"
#include "registry/registry.h"
#include "net/tally.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/metrics.h"

enum { NAME_SIZE = 80 };

/* What is looked up once for all families. */
struct sample {
	struct tally_row *hosts;
	size_t n_hosts;
	struct shown *shown;
	struct blob_usage *usages; /* of those */
	size_t n_shown;
	struct fetcher_usage fetcher;
	struct store_usage store;
	struct process process;
	unsigned requests;
	unsigned images, layers;
	int64_t quota_bytes;
};

/* ---- families ---- */

static void
write_build(struct exposition *x, const struct sample *s)
{
	const struct label version = { "version", PACKAGE_VERSION };

	(void)s;
	exposition_add(x, &version, 1, 1);
}

static void
write_host_requests(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_hosts; i++)
		for (int how = 0; how < TALLY_OUTCOMES; how++) {
			const struct label labels[] = {
				{ "host", s->hosts[i].host },
				{ "outcome", tally_outcome_names[how] },
			};

			exposition_add(x, labels, 2, s->hosts[i].requests[how]);
		}
}

static void
write_host_bytes(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_hosts; i++) {
		const struct label host = { "host", s->hosts[i].host };

		exposition_add(x, &host, 1, s->hosts[i].bytes);
	}
}

static void
write_host_failing(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_hosts; i++) {
		const struct label host = { "host", s->hosts[i].host };
		int64_t since_s = s->hosts[i].failing_since_s;

		exposition_add(
		    x, &host, 1, since_s == 0 ? 0 : clock_wall_s() - since_s);
	}
}

static const char *const priorities[USAGE_PRIORITIES] = { "now", "soon",
	"idle" };

static void
write_by_priority(struct exposition *x, const uint64_t n[USAGE_PRIORITIES])
{
	for (int p = 0; p < USAGE_PRIORITIES; p++) {
		const struct label priority = { "priority", priorities[p] };

		exposition_add(x, &priority, 1, n[p]);
	}
}

static void
write_fetch_running(struct exposition *x, const struct sample *s)
{
	write_by_priority(x, s->fetcher.running);
}

static void
write_fetch_queued(struct exposition *x, const struct sample *s)
{
	write_by_priority(x, s->fetcher.queued);
}

/* ---- what is shown ---- */

/* The first of its kind stands for all. */
static bool
is_first_of_kind(const struct sample *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(s->shown[k].kind, s->shown[i].kind) == 0)
			return false;
	return true;
}

static void
write_mounts(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_shown; i++) {
		const struct label kind = { "kind", s->shown[i].kind };
		unsigned n = 0;

		if (!is_first_of_kind(s, i))
			continue;
		for (size_t k = i; k < s->n_shown; k++)
			n += strcmp(s->shown[k].kind, s->shown[i].kind) == 0;
		exposition_add(x, &kind, 1, n);
	}
}

static void
write_of_mount(
    struct exposition *x, const struct sample *s, size_t i, double value)
{
	const struct label labels[] = {
		{ "id", s->shown[i].id },
		{ "reference", s->shown[i].image->label },
	};

	exposition_add(x, labels, 2, value);
}

static void
write_mount_reads(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_shown; i++)
		write_of_mount(x, s, i, s->shown[i].reads);
}

static void
write_mount_errors(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_shown; i++)
		write_of_mount(x, s, i, s->shown[i].errors);
}

static void
write_mount_fetched(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_shown; i++)
		write_of_mount(x, s, i, s->usages[i].bytes);
}

static void
write_mount_waiting(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_shown; i++)
		write_of_mount(x, s, i, s->usages[i].waiting);
}

static void
write_mount_oldest(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_shown; i++)
		write_of_mount(
		    x, s, i, (double)s->usages[i].oldest_wait_ns / NS_PER_S);
}

static void
write_mount_unreachable(struct exposition *x, const struct sample *s)
{
	for (size_t i = 0; i < s->n_shown; i++) {
		int64_t since_s = s->usages[i].failing_since_s;

		write_of_mount(
		    x, s, i, since_s == 0 ? 0 : clock_wall_s() - since_s);
	}
}

/* ---- the worker's process ---- */

static void
write_heap(struct exposition *x, const struct sample *s)
{
	const struct label small = { "size", "small" };
	const struct label large = { "size", "large" };

	exposition_add(x, &small, 1, s->process.heap_bytes);
	exposition_add(x, &large, 1, s->process.mapped_bytes);
}

/* ---- one number ---- */

#define WRITE_ONE(name, number)                                                \
	static void write_##name(struct exposition *x, const struct sample *s) \
	{                                                                      \
		exposition_add(x, NULL, 0, (number));                          \
	}

WRITE_ONE(http_requests, s->requests)
WRITE_ONE(fetch_resting, s->fetcher.resting)
WRITE_ONE(waiting, s->fetcher.waiting)
WRITE_ONE(oldest_wait, (double)s->fetcher.oldest_wait_ns / NS_PER_S)
WRITE_ONE(images, s->images)
WRITE_ONE(layers, s->layers)
WRITE_ONE(objects, s->store.objects)
WRITE_ONE(data_bytes, s->store.data_bytes)
WRITE_ONE(present_bytes, s->store.present_bytes)
WRITE_ONE(free_bytes, s->store.free_bytes)
WRITE_ONE(quota, s->quota_bytes)
WRITE_ONE(open_fds, s->process.open_fds)
WRITE_ONE(max_fds, s->process.max_fds)
WRITE_ONE(resident, s->process.resident_bytes)
WRITE_ONE(threads, s->process.threads)
WRITE_ONE(start, s->process.started_s)

/* Beside METRICS and TIMINGS.  The process's have the names that other
 * programs give them. */
static const struct {
	const char *name, *type, *help;
	void (*write)(struct exposition *x, const struct sample *s);
} families[] = {
	{ "layerfs_build_info", "gauge", "1, with the daemon's version",
	    write_build },
	{ "layerfs_host_requests_total", "counter",
	    "HTTP requests by host and outcome: done, refused (4xx, also where "
	    "it asked for a login), failed, abandoned",
	    write_host_requests },
	{ "layerfs_host_bytes_total", "counter",
	    "bytes of response bodies received, by host", write_host_bytes },
	{ "layerfs_host_failing_seconds", "gauge",
	    "for how long a host has failed every request; 0: the last one was "
	    "answered",
	    write_host_failing },
	{ "layerfs_http_in_flight", "gauge",
	    "HTTP requests under way or waiting for a connection",
	    write_http_requests },
	{ "layerfs_fetch_in_flight", "gauge",
	    "range requests under way, by priority: now (a reader waits), "
	    "soon, idle",
	    write_fetch_running },
	{ "layerfs_fetch_queued", "gauge",
	    "chunks that wait for a request, by priority", write_fetch_queued },
	{ "layerfs_fetch_resting", "gauge",
	    "chunks that no source gave, until they are tried again",
	    write_fetch_resting },
	{ "layerfs_reads_waiting", "gauge", "reads that wait for bytes now",
	    write_waiting },
	{ "layerfs_read_oldest_wait_seconds", "gauge",
	    "for how long the first of them has waited", write_oldest_wait },
	{ "layerfs_mounts", "gauge",
	    "images and layers that are shown, by kind of mount",
	    write_mounts },
	{ "layerfs_mount_reads_total", "counter",
	    "reads that the kernel asked for, by mount", write_mount_reads },
	{ "layerfs_mount_errors_total", "counter",
	    "reads answered with an error, by mount", write_mount_errors },
	{ "layerfs_mount_fetched_bytes_total", "counter",
	    "bytes fetched of the image's layers, by mount; layers that "
	    "several "
	    "images have count for each",
	    write_mount_fetched },
	{ "layerfs_mount_waiting", "gauge",
	    "reads that wait for bytes of the image's layers, by mount",
	    write_mount_waiting },
	{ "layerfs_mount_oldest_wait_seconds", "gauge",
	    "for how long the first of them has waited, by mount",
	    write_mount_oldest },
	{ "layerfs_mount_unreachable_seconds", "gauge",
	    "for how long nothing could be fetched of the image, by mount; 0: "
	    "it can",
	    write_mount_unreachable },
	{ "layerfs_images", "gauge", "images that are known here",
	    write_images },
	{ "layerfs_layers", "gauge", "layers that are here", write_layers },
	{ "layerfs_objects", "gauge", "files' contents that have a place",
	    write_objects },
	{ "layerfs_store_data_bytes", "gauge",
	    "bytes of disk that contents occupy", write_data_bytes },
	{ "layerfs_store_present_bytes", "gauge",
	    "bytes of contents that are here", write_present_bytes },
	{ "layerfs_store_free_bytes", "gauge",
	    "bytes free on the store's file system", write_free_bytes },
	{ "layerfs_store_quota_bytes", "gauge",
	    "bytes of contents that the configuration allows; 0: no quota",
	    write_quota },
	{ "process_open_fds", "gauge", "descriptors that the worker has open",
	    write_open_fds },
	{ "process_max_fds", "gauge", "descriptors that it may have",
	    write_max_fds },
	{ "process_resident_memory_bytes", "gauge", "the worker's memory",
	    write_resident },
	{ "layerfs_heap_bytes", "gauge",
	    "bytes of the worker's heap that are in use, by size of the "
	    "pieces: small, large; what only grows is a leak",
	    write_heap },
	{ "process_threads", "gauge", "the worker's threads", write_threads },
	{ "process_start_time_seconds", "gauge",
	    "when the worker started, since 1970", write_start },
};

enum { N_FAMILIES = sizeof families / sizeof *families };

/* ---- looking up ---- */

static int
count_image(void *ctx, const struct known_image *k)
{
	unsigned *n = ctx;

	(void)k;
	++*n;
	return 0;
}

static int
take_shown(struct sample *s, struct daemon *d, struct err *e)
{
	s->shown = showings_list(d->showings, &s->n_shown);
	s->usages = calloc(s->n_shown + 1, sizeof *s->usages);
	if (s->usages == NULL)
		return err_set(e, ENOMEM, "metrics");
	for (size_t i = 0; i < s->n_shown; i++)
		image_usage(
		    s->shown[i].image, s->shown[i].layer, &s->usages[i]);
	return 0;
}

static int
take_sample(struct sample *s, struct daemon *d, struct err *e)
{
	s->hosts = tally_copy(registry_tally(d->registry), &s->n_hosts);
	s->requests = registry_count_requests(d->registry);
	fetcher_get_usage(d->fetcher, &s->fetcher);
	store_usage(d->store, &s->store);
	s->quota_bytes = d->config.quota_bytes;
	s->layers = catalog_count_layers(d->catalog);
	if (take_shown(s, d, e) < 0 ||
	    catalog_each_known(d->catalog, count_image, &s->images, e) < 0)
		return -1;
	return process_look(&s->process, e);
}

static void
sample_release(struct sample *s)
{
	shown_free(s->shown, s->n_shown);
	free(s->usages);
	free(s->hosts);
}

#define AUTO_SAMPLE CLEANUP(sample_release)

/* ---- writing ---- */

static const char *
counter_name(enum metric m, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "layerfs_%s_total", metric_name(m));
	return out;
}

static const char *
timing_full_name(enum timing t, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "layerfs_%s_seconds", timing_name(t));
	return out;
}

int
metrics_page_write(struct daemon *d, struct buf *out, struct err *e)
{
	AUTO_SAMPLE struct sample s = { 0 };
	struct timing_counts counts;
	struct exposition x;
	char name[NAME_SIZE];

	if (take_sample(&s, d, e) < 0)
		return -1;
	exposition_init(&x, out);
	for (int m = 0; m < METRIC_COUNT; m++) {
		exposition_begin(
		    &x, counter_name(m, name), "counter", metric_help(m));
		exposition_add(&x, NULL, 0, metric_get(m));
	}
	for (int t = 0; t < TIMING_COUNT; t++) {
		timing_get(t, &counts);
		exposition_begin(
		    &x, timing_full_name(t, name), "histogram", timing_help(t));
		exposition_add_timing(&x, &counts);
	}
	for (size_t i = 0; i < N_FAMILIES; i++) {
		exposition_begin(
		    &x, families[i].name, families[i].type, families[i].help);
		families[i].write(&x, &s);
	}
	return exposition_end(&x, e);
}

void
metrics_page_print_table(void)
{
	char name[NAME_SIZE];

	for (int m = 0; m < METRIC_COUNT; m++)
		printf(
		    "%s counter %s\n", counter_name(m, name), metric_help(m));
	for (int t = 0; t < TIMING_COUNT; t++)
		printf("%s histogram %s\n", timing_full_name(t, name),
		    timing_help(t));
	for (size_t i = 0; i < N_FAMILIES; i++)
		printf("%s %s %s\n", families[i].name, families[i].type,
		    families[i].help);
}
