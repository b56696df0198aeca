#include "registry/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/client.h"
#include "registry/race.h"
#include "base/clock.h"
#include "base/err.h"

enum {
	DEFAULT_CONNECT_TIMEOUT_MS = 10000,
	DEFAULT_STALL_TIMEOUT_MS = 20000,
	DEFAULT_RETRIES = 4,
	DEFAULT_CONNECTIONS = 16,
};

static uint32_t
or_default(uint32_t v, uint32_t otherwise)
{
	return v != 0 ? v : otherwise;
}

struct registry *
registry_new(const struct registry_options *o, struct err *e)
{
	struct http_options h = {
		.connect_timeout_ms = or_default(
		    o->connect_timeout_ms, DEFAULT_CONNECT_TIMEOUT_MS),
		.stall_timeout_ms =
		    or_default(o->stall_timeout_ms, DEFAULT_STALL_TIMEOUT_MS),
		.max_host_connections =
		    or_default(o->max_connections, DEFAULT_CONNECTIONS),
		.user_agent = "layerfs/" PACKAGE_VERSION,
	};
	struct registry *r = calloc(1, sizeof *r);

	if (r == NULL) {
		err_set(e, ENOMEM, "the registry client");
		return NULL;
	}
	if (hosts_dir_init(&r->hosts, o->hosts_dirs, o->registries_conf,
		o->ca_file, e) < 0) {
		free(r);
		return NULL;
	}
	r->max_retries = or_default(o->max_retries, DEFAULT_RETRIES);
	r->max_connections = h.max_host_connections;
	r->jitter = clock_now_ns();
	r->hedge_credit = RACE_FIRST_CREDIT;
	lock_init(&r->lock, RANK_SOURCE);
	credentials_init(&r->credentials);
	tokens_init(&r->tokens, r);
	preconnects_init(&r->preconnects);
	r->http = http_new(&h, e);
	if (r->http == NULL) {
		registry_free(r);
		return NULL;
	}
	return r;
}

/* A job that ends what lives on the http thread, there. */
struct ending {
	struct http_job job;
	struct registry *registry;
};

static void
end_on_thread(struct http_job *j)
{
	struct ending *d = container_of(j, struct ending, job);

	preconnects_release(&d->registry->preconnects);
	tokens_release(&d->registry->tokens);
	redirects_release(&d->registry->redirects);
	origins_release(&d->registry->origins);
}

void
registry_free(struct registry *r)
{
	struct ending d = { .job.run = end_on_thread, .registry = r };

	if (r == NULL)
		return;
	if (r->http != NULL) {
		list_init(&d.job.link);
		http_submit(r->http, &d.job);
		http_free(r->http);
	}
	hosts_dir_release(&r->hosts);
	credentials_release(&r->credentials);
	lock_destroy(&r->lock);
	free(r);
}

struct tally *
registry_tally(struct registry *r)
{
	return http_tally(r->http);
}

unsigned
registry_count_requests(const struct registry *r)
{
	return http_count_requests(r->http);
}

int
registry_set_credential(struct registry *r, const char *host,
    const char *repository, const struct credential *c, struct err *e)
{
	LOCK_SCOPE(&r->lock);
	return credentials_set(&r->credentials, host, repository, c, e);
}

int
registry_set_plain_http(struct registry *r, const char *host, struct err *e)
{
	LOCK_SCOPE(&r->lock);
	return hosts_dir_set_plain(&r->hosts, host, e);
}

struct host_list *
registry_get_hosts(struct registry *r, const char *namespace,
    const char *repository, struct err *e)
{
	LOCK_SCOPE(&r->lock);
	return hosts_dir_get(&r->hosts, namespace, repository, e);
}

int
registry_find_credential(struct registry *r, const char *host,
    const char *repository, struct credential *out, bool *found,
    unsigned *generation, struct err *e)
{
	LOCK_SCOPE(&r->lock);
	*generation = r->credentials.generation;
	return credentials_find(
	    &r->credentials, host, repository, out, found, e);
}

unsigned
registry_credential_generation(struct registry *r)
{
	LOCK_SCOPE(&r->lock);
	return r->credentials.generation;
}

enum referrers_api
registry_referrers_api(struct registry *r, const char *host)
{
	LOCK_SCOPE(&r->lock);
	return referrers_memory_find(&r->referrers, host, clock_now_ns());
}

void
registry_note_referrers_api(
    struct registry *r, const char *host, enum referrers_api api)
{
	LOCK_SCOPE(&r->lock);
	referrers_memory_note(&r->referrers, host, api, clock_now_ns());
}
