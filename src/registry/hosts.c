#include "registry/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "registry/reference.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/toml.h"

static const char docker_host[] = "docker.io";
static const char docker_server[] = "https://registry-1.docker.io";

static void
free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

static void
host_release(struct host *h)
{
	free(h->base);
	free(h->authority);
	free(h->repository);
	free_texts(h->headers, h->n_headers);
	free_texts(h->ca_files, h->n_ca_files);
	free(h->client_cert);
	free(h->client_key);
	buf_release(&h->ca_pem);
}

struct host_list *
host_list_ref(struct host_list *l)
{
	l->refs++;
	return l;
}

void
host_list_unref(struct host_list *l)
{
	if (l == NULL || --l->refs > 0)
		return;
	for (size_t i = 0; i < l->n; i++)
		host_release(&l->hosts[i]);
	free(l->hosts);
	free(l->namespace);
	free(l);
}

static int
no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "hosts");
}

struct host_list *
host_list_new(const char *namespace, size_t n, struct err *e)
{
	AUTO_HOST_LIST struct host_list *l = calloc(1, sizeof *l);

	if (l != NULL) {
		l->refs = 1;
		l->namespace = strdup(namespace);
		l->hosts = calloc(n, sizeof *l->hosts);
	}
	if (l == NULL || l->namespace == NULL || l->hosts == NULL) {
		no_memory(e);
		return NULL;
	}
	return take_ptr(&l);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* The URL of the API: with a scheme, with /v2 unless the path is final. */
static int
set_base(struct host *h, const char *url, bool is_final, struct err *e)
{
	const char *scheme = "", *end = url + strlen(url);

	if (strstr(url, "://") == NULL)
		scheme =
		    reference_host_is_loopback(url) ? "http://" : "https://";
	if (strpbrk(url, "?#") != NULL)
		return err_set(e, EBADMSG, "a host's URL with ? or #");
	while (end > url && end[-1] == '/')
		end--;
	if (asprintf(&h->base, "%s%.*s", scheme, (int)(end - url), url) < 0) {
		h->base = NULL;
		return no_memory(e);
	}
	if (!is_final && !ends_with(h->base, "/v2")) {
		AUTO_FREE char *plain = h->base;

		if (asprintf(&h->base, "%s/v2", plain) < 0) {
			h->base = NULL;
			return no_memory(e);
		}
	}
	if (url_origin(h->base, &h->origin, e) < 0) {
		e->code = EBADMSG;
		return err_wrap(e, "host \"%.80s\"", url);
	}
	return 0;
}

/* libcurl forgives too few and too many slashes; here they would hide who is
 * meant. */
static int
set_authority(struct host *h, struct err *e)
{
	const char *s = strstr(h->base, "://");

	if (s == NULL || s[3] == '/')
		return err_set(e, EBADMSG, "a host's URL without a host");
	h->authority = strndup(s + 3, strcspn(s + 3, "/"));
	return h->authority == NULL ? no_memory(e) : 0;
}

/* What the namespace means without a file. */
static const char *
upstream_of(const char *namespace)
{
	return strcmp(namespace, docker_host) == 0 ? docker_server : namespace;
}

static bool
is_upstream(const struct host *h, const char *namespace)
{
	const char *up = upstream_of(namespace);
	const char *sep = strstr(up, "://");

	return strcasecmp(h->authority, sep != NULL ? sep + 3 : up) == 0;
}

static int
add_host(struct host_list *l, const char *url, bool is_final, struct err *e)
{
	struct host *h = &l->hosts[l->n++];

	buf_init(
	    &h->ca_pem, (LIMIT_HOST_CAS + 1) * (size_t)LIMIT_CONFIG_FILE_BYTES);
	h->can = HOST_PULL | HOST_RESOLVE;
	if (set_base(h, url, is_final, e) < 0 || set_authority(h, e) < 0)
		return -1;
	h->is_proxy = !is_upstream(h, l->namespace);
	if (!h->is_proxy)
		h->can |= HOST_PUSH;
	return 0;
}

struct host_list *
hosts_default(const char *namespace, bool is_plain, struct err *e)
{
	AUTO_HOST_LIST struct host_list *l = host_list_new(namespace, 1, e);
	AUTO_FREE char *plain = NULL;
	const char *url = upstream_of(namespace);

	if (l == NULL)
		return NULL;
	if (is_plain && strstr(url, "://") == NULL) {
		if (asprintf(&plain, "http://%s", url) < 0) {
			plain = NULL;
			no_memory(e);
			return NULL;
		}
		url = plain;
	}
	if (add_host(l, url, false, e) < 0)
		return NULL;
	l->hosts[0].may_be_tls = !is_plain && !l->hosts[0].origin.is_https;
	return take_ptr(&l);
}

int
host_list_add(struct host_list *l, const struct host_place *p, struct err *e)
{
	struct host *h = &l->hosts[l->n];
	AUTO_FREE char *url = NULL;

	if (asprintf(&url, "%s%.*s", p->scheme != NULL ? p->scheme : "",
		p->authority_len, p->name) < 0) {
		url = NULL;
		return no_memory(e);
	}
	if (add_host(l, p->scheme != NULL ? url : upstream_of(url), false, e) <
	    0)
		return -1;
	h->can = p->can;
	h->has_no_ns = true;
	h->tls.skip_verify = p->skip_verify;
	h->may_be_tls = p->scheme == NULL && !h->origin.is_https;
	h->repository = strdup(p->repository);
	return h->repository == NULL ? no_memory(e) : 0;
}

/* ---- the table of one host ---- */

static int
append_text(char ***texts, size_t *n, size_t max, char *take, struct err *e)
{
	char **more;

	if (take == NULL)
		return no_memory(e);
	more = *n < max ? realloc(*texts, (*n + 2) * sizeof *more) : NULL;
	if (more == NULL) {
		free(take);
		return *n < max ? no_memory(e)
				: err_set(e, EBADMSG, "over %zu values", max);
	}
	more[(*n)++] = take;
	more[*n] = NULL;
	*texts = more;
	return 0;
}

static char *
path_in(const char *folder, const char *name)
{
	char *out;

	if (*name == '/')
		return strdup(name);
	return asprintf(&out, "%s/%s", folder, name) < 0 ? NULL : out;
}

static int
add_ca(struct host *h, const struct doc *v, const char *folder, struct err *e)
{
	if (!doc_is_string(v))
		return err_set(e, EBADMSG, "\"ca\" is not a file name");
	return append_text(&h->ca_files, &h->n_ca_files, LIMIT_HOST_CAS,
	    path_in(folder, doc_string(v)), e);
}

static int
read_ca(struct host *h, const struct doc *t, const char *folder, struct err *e)
{
	const struct doc *v = doc_find(t, "ca");

	if (v == NULL)
		return 0;
	if (!doc_is_array(v))
		return add_ca(h, v, folder, e);
	for (size_t i = 0; i < doc_count(v); i++)
		if (add_ca(h, doc_at(v, i), folder, e) < 0)
			return -1;
	return 0;
}

/* "both.pem", ["both.pem"] or [["cert.pem", "key.pem"]]: the first is taken,
 * for libcurl presents one. */
static int
read_client(
    struct host *h, const struct doc *t, const char *folder, struct err *e)
{
	const struct doc *v = doc_find(t, "client"), *key = NULL;

	if (v == NULL)
		return 0;
	if (doc_is_array(v))
		v = doc_at(v, 0);
	if (doc_is_array(v)) {
		key = doc_at(v, 1);
		v = doc_at(v, 0);
	}
	if (!doc_is_string(v) || (key != NULL && !doc_is_string(key)))
		return err_set(
		    e, EBADMSG, "\"client\" is not [[\"cert\", \"key\"]]");
	h->client_cert = path_in(folder, doc_string(v));
	if (key != NULL && *doc_string(key) != 0)
		h->client_key = path_in(folder, doc_string(key));
	else
		h->client_key = path_in(folder, doc_string(v));
	return h->client_cert == NULL || h->client_key == NULL ? no_memory(e)
							       : 0;
}

static int
read_can(struct host *h, const struct doc *t, struct err *e)
{
	const struct doc *v = doc_find(t, "capabilities");

	if (v == NULL)
		return 0;
	if (!doc_is_array(v))
		return err_set(e, EBADMSG, "\"capabilities\" is no list");
	h->can = 0;
	for (size_t i = 0; i < doc_count(v); i++) {
		const char *s = doc_string(doc_at(v, i));

		if (s != NULL && strcasecmp(s, "pull") == 0)
			h->can |= HOST_PULL;
		else if (s != NULL && strcasecmp(s, "resolve") == 0)
			h->can |= HOST_RESOLVE;
		else if (s != NULL && strcasecmp(s, "push") == 0)
			h->can |= HOST_PUSH;
		else
			return err_set(e, EBADMSG, "an unknown capability");
	}
	return 0;
}

/* The characters of a field name, and a value in one line. */
static bool
is_header(const char *name, const char *value)
{
	return *name != 0 && strpbrk(name, ":\r\n\t ") == NULL &&
	       strpbrk(value, "\r\n") == NULL;
}

static int
add_header(struct host *h, const char *name, const struct doc *v, struct err *e)
{
	const char *value = doc_string(v);
	char *line;

	if (value == NULL || !is_header(name, value))
		return err_set(e, EBADMSG, "a bad header");
	if (asprintf(&line, "%s: %s", name, value) < 0)
		line = NULL;
	return append_text(
	    &h->headers, &h->n_headers, LIMIT_HOST_HEADERS, line, e);
}

static int
read_headers(struct host *h, const struct doc *t, struct err *e)
{
	struct doc *o = doc_find(t, "header");

	if (o == NULL)
		return 0;
	if (!doc_is_object(o))
		return err_set(e, EBADMSG, "\"header\" is no table");
	doc_for_each(o, name, v) {
		if (!doc_is_array(v) && add_header(h, name, v, e) < 0)
			return -1;
		for (size_t i = 0; doc_is_array(v) && i < doc_count(v); i++)
			if (add_header(h, name, doc_at(v, i), e) < 0)
				return -1;
	}
	return 0;
}

/* One number and one unit of Go's durations. */
static int
read_dial_timeout(struct host *h, const struct doc *t, struct err *e)
{
	static const struct {
		const char *name;
		uint32_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 } };
	const char *text = NULL;
	size_t digits;

	if (doc_find_string(t, "dial_timeout", &text, e) < 0)
		return -1;
	if (text == NULL)
		return 0;
	digits = strspn(text, "0123456789");
	for (size_t i = 0; i < 3 && digits > 0 && digits < 5; i++)
		if (strcmp(text + digits, units[i].name) == 0) {
			h->connect_timeout_ms = atoi(text) * units[i].ms;
			return 0;
		}
	return err_set(e, EBADMSG,
	    "dial_timeout \"%.20s\" is not as \"500ms\", \"2s\" or \"1m\"",
	    text);
}

/* The top level may hold the same keys, for `server`. */
static int
read_host(struct host_list *l, const char *url, const struct doc *t,
    const char *folder, struct err *e)
{
	struct host *h = &l->hosts[l->n];
	bool is_final = false;

	if (!doc_is_object(t))
		return err_set(e, EBADMSG, "host \"%.80s\" is no table", url);
	if (doc_find_bool(t, "override_path", &is_final, e) < 0 ||
	    add_host(l, url, is_final, e) < 0 ||
	    doc_find_bool(t, "skip_verify", &h->tls.skip_verify, e) < 0 ||
	    read_can(h, t, e) < 0 || read_ca(h, t, folder, e) < 0 ||
	    read_client(h, t, folder, e) < 0 || read_headers(h, t, e) < 0 ||
	    read_dial_timeout(h, t, e) < 0)
		return err_wrap(e, "host \"%.80s\"", url);
	return 0;
}

static int
read_hosts(
    struct host_list *l, struct doc *file, const char *folder, struct err *e)
{
	const char *server = upstream_of(l->namespace);
	struct doc *hosts = doc_find(file, "host");

	if (hosts != NULL) {
		doc_for_each(hosts, url, table) {
			if (read_host(l, url, table, folder, e) < 0)
				return -1;
		}
	}
	if (doc_find_string(file, "server", &server, e) < 0)
		return -1;
	return read_host(l, server, file, folder, e);
}

struct host_list *
hosts_parse(const char *namespace, const char *text, size_t n,
    const char *folder, struct err *e)
{
	AUTO_DOC struct doc *file = NULL;
	AUTO_HOST_LIST struct host_list *l = NULL;
	struct doc *hosts;
	size_t n_hosts;

	if (n > LIMIT_CONFIG_FILE_BYTES) {
		err_set(e, E2BIG, "over %d bytes", LIMIT_CONFIG_FILE_BYTES);
		return NULL;
	}
	file = toml_parse(text, n, e);
	if (file == NULL)
		return NULL;
	hosts = doc_find(file, "host");
	n_hosts = hosts != NULL ? doc_count(hosts) : 0;
	if (n_hosts > LIMIT_HOSTS || (hosts != NULL && !doc_is_object(hosts))) {
		err_set(e, EBADMSG, "\"host\" is not at most %d tables",
		    LIMIT_HOSTS);
		return NULL;
	}
	l = host_list_new(namespace, n_hosts + 1, e);
	if (l == NULL || read_hosts(l, file, folder, e) < 0)
		return NULL;
	return take_ptr(&l);
}

/* ---- what is read from disk ---- */

static int
load_ca(struct host *h, const struct buf *also, struct err *e)
{
	if (also != NULL && also->len > 0 &&
	    (buf_append(&h->ca_pem, also->data, also->len, e) < 0 ||
		buf_append_str(&h->ca_pem, "\n", e) < 0))
		return -1;
	for (size_t i = 0; i < h->n_ca_files; i++)
		if (fs_read_file(AT_FDCWD, h->ca_files[i], &h->ca_pem, e) < 0 ||
		    buf_append_str(&h->ca_pem, "\n", e) < 0)
			return -1;
	h->tls.ca_pem = (const char *)h->ca_pem.data;
	h->tls.ca_pem_len = h->ca_pem.len;
	h->tls.client_cert = h->client_cert;
	h->tls.client_key = h->client_key;
	return 0;
}

int
hosts_load_ca(struct host_list *l, const struct buf *also, struct err *e)
{
	for (size_t i = 0; i < l->n; i++)
		if (load_ca(&l->hosts[i], also, e) < 0)
			return -1;
	return 0;
}
