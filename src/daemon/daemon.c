#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/client_options.h"
#include "daemon/control.h"
#include "daemon/inheritance.h"
#include "daemon/login.h"
#include "daemon/loopback.h"
#include "daemon/metrics_server.h"
#include "daemon/mounts.h"
#include "daemon/rpc.h"
#include "daemon/secrets.h"
#include "daemon/serve.h"
#include "runtime/layer_store.h"
#include "runtime/snapshotter.h"
#include "mount/mount.h"
#include "mount/showing.h"
#include "layer/audits.h"
#include "layer/cache.h"
#include "layer/catalog.h"
#include "layer/companions.h"
#include "layer/publisher.h"
#include "layer/recordings.h"
#include "fetch/fetch.h"
#include "registry/registry.h"
#include "store/db.h"
#include "store/store.h"
#include "supervisor/agent.h"
#include "supervisor/sandbox.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/pool.h"

enum { JOB_THREADS = 16, MAKER_THREADS = 16 };

/* ---- the floors, in order ---- */

static int
open_store(struct daemon *d, const struct inheritance *i, struct err *e)
{
	if (i->root < 0)
		return err_set(e, EINVAL, "the supervisor gave no store");
	d->store = store_open(i->root, e);
	if (d->store == NULL)
		return err_wrap(e, "%s", d->root_path);
	d->db = db_open(i->root, e);
	return d->db == NULL ? -1 : 0;
}

static int
open_network(struct daemon *d, struct inheritance *i, struct err *e)
{
	const struct config *c = &d->config;
	struct registry_options r =
	    client_options(c, agent_is_root(d->agent), d->own_registries);
	struct fetcher_options f = {
		.decode_threads = c->decode_threads,
		.max_requests = c->max_requests,
		.idle_bytes_per_s = c->background_bytes_per_s,
		.guess_percent = c->guess_percent,
	};

	d->registry = registry_new(&r, e);
	if (d->registry == NULL)
		return -1;
	d->secrets = secrets_new(d->registry, take_fd(&i->secrets), e);
	if (d->secrets == NULL)
		return -1;
	d->fetcher = fetcher_new(d->store, &f, e);
	return d->fetcher == NULL ? -1 : 0;
}

static int
open_publisher(struct daemon *d, struct err *e)
{
	struct publisher_options o = {
		.delay_ms = d->config.publish_delay_ms,
		.has_aliases = d->config.publish_aliases != 0,
	};

	if (strcmp(d->config.publish_mode, "on") != 0)
		return 0;
	d->publisher = publisher_new(&o, e);
	return d->publisher == NULL ? -1 : 0;
}

static int
open_catalog(struct daemon *d, struct err *e)
{
	struct catalog_parts p = {
		.store = d->store,
		.db = d->db,
		.fetcher = d->fetcher,
		.registry = d->registry,
		.patience_ms = d->config.patience_ms,
		.record_ms = d->config.record_ms,
		.quiet_ms = d->config.quiet_ms,
		.trust = companions_parse_trust(d->config.index_trust),
		.companions_wait_ms = d->config.wait_ms,
	};

	d->makers = pool_new("maker", MAKER_THREADS, e);
	if (d->makers == NULL || open_publisher(d, e) < 0)
		return -1;
	p.makers = d->makers;
	p.publisher = d->publisher;
	d->catalog = catalog_new(&p, e);
	return d->catalog == NULL ? -1 : 0;
}

static int
open_mounts(struct daemon *d, struct inheritance *i, struct err *e)
{
	struct mount_server_options o = {
		.kernel = mount_parse_kernel(d->config.mount_kernel),
		.root = store_root(d->store),
		.requests = take_fd(&i->requests),
		.threads = d->config.fuse_threads,
		.patience_ms = d->config.patience_ms,
		.read_ahead_kb = d->config.read_ahead_kb,
	};

	d->server = mount_server_new(d->agent, &o, e);
	if (d->server == NULL)
		return -1;
	d->showings = showings_new(d->server, d->catalog, e);
	if (d->showings == NULL)
		return -1;
	d->mounts = mounts_new(d, e);
	return d->mounts == NULL ? -1 : 0;
}

static void
authorise(void *ctx, const struct reference *r)
{
	struct err e = ERR_INIT;

	if (login_apply(ctx, r, &e) < 0)
		log_warn("credential: %s", e.msg);
}

static int
open_snapshotter(struct daemon *d, struct err *e)
{
	struct snapshotter_parts p = {
		.db = d->db,
		.agent = d->agent,
		.catalog = d->catalog,
		.showings = d->showings,
		.run_path = d->run_path,
		.authorise = authorise,
		.ctx = d,
		.prepare_timeout_ms = d->config.prepare_timeout_ms,
		.whole_layer_bytes = d->config.whole_layer_bytes,
		.small_layer_bytes = d->config.small_layer_bytes,
	};

	d->snapshotter = snapshotter_new(&p, e);
	return d->snapshotter == NULL ? -1 : 0;
}

static int
open_layer_store(struct daemon *d, struct inheritance *i, struct err *e)
{
	const struct layer_store_parts p = {
		.db = d->db,
		.catalog = d->catalog,
		.server = d->server,
		.showings = d->showings,
		.loop = d->loop,
		.authorise = authorise,
		.ctx = d,
		.timeout_ms = d->config.prepare_timeout_ms,
		.whole_layer_bytes = d->config.whole_layer_bytes,
		.small_layer_bytes = d->config.small_layer_bytes,
	};
	struct held *earlier = inheritance_find(i, "fuse:" AGENT_STORE_ID);

	d->layer_store = layer_store_new(&p, earlier, e);
	return d->layer_store == NULL ? -1 : 0;
}

/* Where nothing can be mounted, images can still be pulled. */
static void
try_layer_store(struct daemon *d, struct inheritance *i)
{
	struct err e = ERR_INIT;

	if (open_layer_store(d, i, &e) < 0)
		log_warn("podman's layer store: %s", e.msg);
}

static void
offer_showings(struct daemon *d, struct inheritance *i)
{
	for (size_t k = 0; k < i->n_sessions; k++) {
		struct held *h = &i->sessions[k];

		if (!inheritance_is_mount(h) ||
		    strcmp(h->name, "fuse:" AGENT_DATA_ID) == 0 ||
		    (d->config.layer_store &&
			strcmp(h->name, "fuse:" AGENT_STORE_ID) == 0))
			continue;
		showings_add_held(d->showings, h);
		h->fd = -1;
	}
}

static int
open_cache(struct daemon *d, struct err *e)
{
	struct cache_options o = {
		.quota_bytes = d->config.quota_bytes,
		.min_free_percent = d->config.min_free_percent,
		.unused_days = d->config.unused_days,
	};

	d->cache = cache_new(d->catalog, &o, e);
	return d->cache == NULL ? -1 : 0;
}

/* Without a budget of the background's. */
#define AUDIT_BYTES_PER_S MIB(8)

static int
open_audits(struct daemon *d, struct err *e)
{
	uint64_t budget = d->config.background_bytes_per_s;

	d->audits =
	    audits_new(d->catalog, budget > 0 ? budget : AUDIT_BYTES_PER_S, e);
	return d->audits == NULL ? -1 : 0;
}

/* What earlier workers mounted goes on; what nobody wants is unmounted. */
static int
resume_mounts(struct daemon *d, struct inheritance *i, struct err *e)
{
	offer_showings(d, i);
	if (mounts_restore(d->mounts, e) < 0)
		return -1;
	if (i->snapshotter >= 0 && open_snapshotter(d, e) < 0)
		return -1;
	if (agent_is_root(d->agent) && d->config.layer_store)
		try_layer_store(d, i);
	showings_drop_unclaimed(d->showings);
	if (mount_server_begin(
		d->server, inheritance_find(i, "fuse:" AGENT_DATA_ID), e) < 0)
		return -1;
	mounts_remake(d->mounts);
	catalog_collect(d->catalog);
	return open_cache(d, e) < 0 ? -1 : open_audits(d, e);
}

static int
open_rpc(struct daemon *d, struct inheritance *i, struct err *e)
{
	if (d->snapshotter == NULL)
		return 0;
	d->rpc = rpc_new(d, &i->snapshotter, &i->cri, e);
	if (d->rpc == NULL)
		return -1;
	for (size_t k = 0; k < i->n_sessions; k++)
		if (rpc_is_connection(&i->sessions[k])) {
			rpc_adopt(d->rpc, &i->sessions[k]);
			i->sessions[k].fd = -1;
		}
	return 0;
}

static int
open_control(struct daemon *d, struct inheritance *i, struct err *e)
{
	if (i->listener < 0)
		return err_set(
		    e, EINVAL, "the supervisor gave no control socket");
	d->control = control_new(d, i->listener, e);
	if (d->control == NULL)
		return -1;
	i->listener = -1;
	return 0;
}

/* Images matter more than who watches them. */
static void
try_metrics(struct daemon *d, struct inheritance *i)
{
	const char *address = d->config.metrics_address;
	struct err e = ERR_INIT;

	if (i->metrics < 0 && *address == 0)
		return;
	d->metrics = metrics_server_new(d, &i->metrics, address, &e);
	if (d->metrics == NULL)
		log_warn("metrics: %s", e.msg);
}

static void
daemon_close(struct daemon *d)
{
	struct err e = ERR_INIT;

	/* Requests and calls that are under way defer their end. */
	if (d->loop != NULL)
		loop_close(d->loop);
	metrics_server_free(d->metrics);
	pool_free(d->jobs);
	/* Before views close: that would end a run. */
	if (d->catalog != NULL)
		recordings_stop(catalog_recordings(d->catalog));
	publisher_stop(d->publisher);
	control_free(d->control);
	if (d->snapshotter != NULL)
		snapshotter_cancel(d->snapshotter);
	rpc_free(d->rpc);
	snapshotter_free(d->snapshotter);
	mount_server_free(d->server);
	if (d->fetcher != NULL)
		fetcher_cancel(d->fetcher);
	layer_store_free(d->layer_store);
	mounts_free(d->mounts);
	showings_free(d->showings);
	audits_stop(d->audits);
	pool_free(d->makers);
	cache_stop(d->cache);
	if (d->catalog != NULL && catalog_settle(d->catalog, &e) < 0)
		log_warn("%s", e.msg);
	catalog_free(d->catalog);
	publisher_free(d->publisher);
	fetcher_free(d->fetcher);
	cache_free(d->cache);
	secrets_free(d->secrets);
	registry_free(d->registry);
	db_close(d->db);
	if (d->store != NULL && store_sync(d->store, &e) < 0)
		log_warn("%s", e.msg);
	store_close(d->store);
	loop_free(d->loop);
	agent_free(d->agent);
	config_release(&d->config);
}

int
daemon_set_log(const char *name, const struct config *c, struct err *e)
{
	int level, format;

	if (name == NULL)
		name = c->log_level;
	level = log_parse_level(name);
	if (level < 0)
		return err_set(e, EINVAL,
		    "log level \"%s\" is not error, warn, info or debug", name);
	log_set_level(level);
	format = log_parse_format(c->log_format);
	if (format < 0)
		return err_set(e, EINVAL,
		    "log format \"%s\" is not text or json", c->log_format);
	log_set_format(format);
	return 0;
}

static int
check_words(const struct config *c, struct err *e)
{
	const char *mode = c->publish_mode;

	if (mount_parse_kernel(c->mount_kernel) < 0)
		return err_set(e, EINVAL,
		    "[mount]: kernel \"%s\" is not auto, off or loop",
		    c->mount_kernel);
	if (companions_parse_trust(c->index_trust) < 0)
		return err_set(e, EINVAL,
		    "[index]: trust \"%s\" is not tag, always or never",
		    c->index_trust);
	if (strcmp(mode, "ask") != 0 && strcmp(mode, "on") != 0 &&
	    strcmp(mode, "off") != 0)
		return err_set(e, EINVAL,
		    "[publish]: mode \"%s\" is not ask, on or off", mode);
	return 0;
}

int
daemon_check(const struct config *c, struct err *e)
{
	AUTO_BUF struct buf ca = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	struct sockaddr_storage address;
	size_t len;

	if (check_words(c, e) < 0)
		return -1;
	if (*c->metrics_address != 0 &&
	    loopback_parse(c->metrics_address, &address, &len, e) < 0)
		return err_wrap(e, "[metrics]: address");
	if (*c->ca_file != 0 && fs_read_file(AT_FDCWD, c->ca_file, &ca, e) < 0)
		return err_wrap(e, "[registry]: ca_file");
	return 0;
}

static int
configure(struct daemon *d, const struct inheritance *i,
    const struct daemon_options *o, struct err *e)
{
	if (config_read(&d->config, i->config, e) < 0 ||
	    check_words(&d->config, e) < 0)
		return -1;
	return daemon_set_log(o->log_level, &d->config, e);
}

/* Before anything from outside is read.  A sanitizer does what the worker would
 * not. */
static int
enter_sandbox(struct daemon *d, struct err *e)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	(void)d;
	(void)e;
	return 0;
#else
	if (sandbox_hide(e) < 0)
		return -1;
	if (d->config.sandbox == 0 || sandbox_enter(e) == 0)
		return 0;
	if (e->code != ENOTSUP)
		return -1;
	log_warn("the worker runs without a sandbox: %s", e->msg);
	return 0;
#endif
}

static void
try_mounting(struct task *t)
{
	struct daemon *d = container_of(t, struct daemon, trial);
	const char *why;

	mount_server_kind(d->server, &why);
}

static int
daemon_open(struct daemon *d, struct inheritance *i,
    const struct daemon_options *o, struct err *e)
{
	d->agent = agent_new(o->agent_fd, e);
	if (d->agent == NULL || inheritance_take(i, d->agent, e) < 0 ||
	    configure(d, i, o, e) < 0 || enter_sandbox(d, e) < 0)
		return -1;
	metric_add(METRIC_worker_restarts, agent_life(d->agent) - 1);
	d->loop = loop_new(e);
	if (d->loop == NULL || open_store(d, i, e) < 0 ||
	    open_network(d, i, e) < 0 || open_catalog(d, e) < 0 ||
	    open_mounts(d, i, e) < 0)
		return -1;
	d->jobs = pool_new("job", JOB_THREADS, e);
	if (d->jobs == NULL || resume_mounts(d, i, e) < 0 ||
	    open_rpc(d, i, e) < 0 || open_control(d, i, e) < 0)
		return -1;
	try_metrics(d, i);
	/* Who waits for an earlier worker's answers is not kept waiting. */
	d->trial.run = try_mounting;
	pool_submit(d->jobs, &d->trial, 0);
	if (agent_ready(d->agent, e) < 0)
		return -1;
	if (d->rpc != NULL)
		rpc_take_greeted(d->rpc);
	return 0;
}

int
daemon_run(const struct daemon_options *o, struct err *e)
{
	struct daemon d = { .root_path = o->root_path,
		.run_path = o->run_path };
	struct inheritance i = INHERITANCE_INIT;
	int rc = daemon_open(&d, &i, o, e);

	if (rc == 0)
		rc = daemon_serve(&d, e);
	daemon_close(&d);
	inheritance_release(&i);
	return rc;
}
