#include "registry/registries_conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "registry/hosts.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/toml.h"

static int
no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "registries");
}

static void
rule_release(struct registries_rule *r)
{
	for (size_t i = 0; i < r->n_places; i++)
		free(r->places[i].location);
	free(r->places);
	free(r->prefix);
	*r = (struct registries_rule){ 0 };
}

void
registries_conf_release(struct registries_conf *c)
{
	for (size_t i = 0; i < c->n; i++)
		rule_release(&c->rules[i]);
	free(c->rules);
	*c = (struct registries_conf){ 0 };
}

/* ---- one [[registry]] ---- */

/* What becomes part of a URL. */
static bool
is_location(const char *s)
{
	return *s != 0 && *s != '/' && s[strlen(s) - 1] != '/' &&
	       s[strcspn(s, " \t\r\n?#@\\")] == 0 && strstr(s, "//") == NULL;
}

static int
add_place(struct registries_rule *r, const char *location, struct err *e)
{
	struct registries_place *p = &r->places[r->n_places];

	if (!is_location(location))
		return err_set(
		    e, EBADMSG, "\"%.80s\" is no location", location);
	p->location = strdup(location);
	if (p->location == NULL)
		return no_memory(e);
	r->n_places++;
	return 0;
}

static int
read_mirror(struct registries_rule *r, const struct doc *t, bool is_for_digests,
    struct err *e)
{
	struct registries_place *p = &r->places[r->n_places];
	const char *location, *from = "all";

	if (!doc_is_object(t))
		return err_set(e, EBADMSG, "a mirror that is no table");
	if (doc_get_string(t, "location", &location, e) < 0 ||
	    add_place(r, location, e) < 0 ||
	    doc_find_bool(t, "insecure", &p->is_insecure, e) < 0 ||
	    doc_find_string(t, "pull-from-mirror", &from, e) < 0)
		return -1;
	if (strcmp(from, "all") != 0 && strcmp(from, "digest-only") != 0 &&
	    strcmp(from, "tag-only") != 0)
		return err_set(
		    e, EBADMSG, "pull-from-mirror = \"%.40s\"", from);
	p->is_for_digests = is_for_digests || strcmp(from, "digest-only") == 0;
	return 0;
}

static int
read_places(struct registries_rule *r, const struct doc *t,
    const char *location, struct err *e)
{
	const struct doc *mirrors = doc_find(t, "mirror");
	size_t n = doc_count(mirrors);
	bool is_for_digests = false;

	if (mirrors != NULL && (!doc_is_array(mirrors) || n > LIMIT_MIRRORS))
		return err_set(e, EBADMSG,
		    "\"mirror\" is not at most %d tables", LIMIT_MIRRORS);
	r->places = calloc(n + 1, sizeof *r->places);
	if (r->places == NULL)
		return no_memory(e);
	if (doc_find_bool(t, "mirror-by-digest-only", &is_for_digests, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (read_mirror(r, doc_at(mirrors, i), is_for_digests, e) < 0)
			return -1;
	/* Of a prefix with a wildcard: whoever it is. */
	if (*location == '*') {
		r->places[r->n_places++] = (struct registries_place){ 0 };
	} else if (add_place(r, location, e) < 0) {
		return -1;
	}
	return doc_find_bool(
	    t, "insecure", &r->places[r->n_places - 1].is_insecure, e);
}

static int
read_rule(struct registries_rule *r, const struct doc *t, struct err *e)
{
	const char *location = "", *prefix = "";

	if (!doc_is_object(t))
		return err_set(e, EBADMSG, "a registry that is no table");
	if (doc_find_string(t, "location", &location, e) < 0 ||
	    doc_find_string(t, "prefix", &prefix, e) < 0)
		return -1;
	if (*prefix == 0)
		prefix = location;
	if (*location == 0)
		location = prefix;
	if (!is_location(prefix) ||
	    (strchr(prefix, '*') != NULL &&
		(strncmp(prefix, "*.", 2) != 0 || strchr(prefix, '/') != NULL)))
		return err_set(e, EBADMSG, "\"%.80s\" is no prefix", prefix);
	r->prefix = strdup(prefix);
	if (r->prefix == NULL)
		return no_memory(e);
	if (doc_find_bool(t, "blocked", &r->is_blocked, e) < 0 ||
	    read_places(r, t, location, e) < 0)
		return err_wrap(e, "registry \"%.80s\"", prefix);
	return 0;
}

/* ---- a file ---- */

static struct registries_rule *
find_prefix(struct registries_conf *c, const char *prefix)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->rules[i].prefix, prefix) == 0)
			return &c->rules[i];
	return NULL;
}

static int
set_rule(struct registries_conf *c, struct registries_rule *take, struct err *e)
{
	struct registries_rule *old = find_prefix(c, take->prefix), *more;

	if (old != NULL) {
		rule_release(old);
		*old = *take;
		*take = (struct registries_rule){ 0 };
		return 0;
	}
	if (c->n == LIMIT_REGISTRIES)
		return err_set(
		    e, EBADMSG, "over %d registries", LIMIT_REGISTRIES);
	more = reallocarray(c->rules, c->n + 1, sizeof *more);
	if (more == NULL)
		return no_memory(e);
	c->rules = more;
	c->rules[c->n++] = *take;
	*take = (struct registries_rule){ 0 };
	return 0;
}

static int
read_file(struct registries_conf *c, const struct doc *file, struct err *e)
{
	const struct doc *list = doc_find(file, "registry");

	if (list != NULL && !doc_is_array(list))
		return err_set(e, EBADMSG, "\"registry\" is no list of tables");
	for (size_t i = 0; i < doc_count(list); i++) {
		CLEANUP(rule_release) struct registries_rule r = { 0 };

		if (read_rule(&r, doc_at(list, i), e) < 0 ||
		    set_rule(c, &r, e) < 0)
			return -1;
	}
	return 0;
}

int
registries_conf_add(
    struct registries_conf *c, const char *text, size_t n, struct err *e)
{
	AUTO_REGISTRIES_CONF struct registries_conf own = { 0 };
	AUTO_DOC struct doc *file = NULL;

	if (n > LIMIT_CONFIG_FILE_BYTES)
		return err_set(
		    e, E2BIG, "over %d bytes", LIMIT_CONFIG_FILE_BYTES);
	file = toml_parse(text, n, e);
	if (file == NULL || read_file(&own, file, e) < 0)
		return -1;
	for (size_t i = 0; i < own.n; i++)
		if (set_rule(c, &own.rules[i], e) < 0)
			return -1;
	free(take_ptr(&own.rules));
	own.n = 0;
	return 0;
}

/* ---- whom a reference means ---- */

/* How much of "host/repository" the prefix stands for; 0: nothing.  It ends
 * where a part of the path does. */
static size_t
matched(const char *prefix, const char *host, const char *name)
{
	size_t n = strlen(prefix), h = strlen(host);

	if (strncmp(prefix, "*.", 2) == 0)
		return h > n - 1 &&
			       strcasecmp(host + h - (n - 1), prefix + 1) == 0
			   ? h
			   : 0;
	if (strncasecmp(prefix, name, n) != 0 ||
	    (name[n] != 0 && name[n] != '/'))
		return 0;
	return n;
}

const struct registries_rule *
registries_conf_find(
    const struct registries_conf *c, const char *host, const char *repository)
{
	const struct registries_rule *found = NULL;
	char name[2 * LIMIT_REFERENCE_BYTES];
	size_t longest = 0;

	snprintf(name, sizeof name, "%s/%s", host, repository);
	for (size_t i = 0; i < c->n; i++) {
		const struct registries_rule *r = &c->rules[i];

		if (matched(r->prefix, host, name) == 0 ||
		    strlen(r->prefix) <= longest)
			continue;
		found = r;
		longest = strlen(r->prefix);
	}
	return found;
}

/* The location in place of what the prefix stands for. */
static int
rewrite(const struct registries_place *p, const char *name, size_t n,
    char out[2 * LIMIT_REFERENCE_BYTES], struct err *e)
{
	int len = p->location == NULL
		      ? snprintf(out, 2 * LIMIT_REFERENCE_BYTES, "%s", name)
		      : snprintf(out, 2 * LIMIT_REFERENCE_BYTES, "%s%s",
			    p->location, name + n);

	if (len >= 2 * LIMIT_REFERENCE_BYTES || strchr(out, '/') == NULL)
		return err_set(e, EBADMSG, "registry \"%.80s\": no repository",
		    p->location != NULL ? p->location : name);
	return 0;
}

static unsigned
abilities_of(const struct registries_rule *r, const struct registries_place *p)
{
	/* The last is the registry, wherever it lies; the others are mirrors.
	 */
	bool is_mirror = p != &r->places[r->n_places - 1];

	return HOST_PULL | (p->is_for_digests ? 0 : HOST_RESOLVE) |
	       (is_mirror ? 0 : HOST_PUSH);
}

static int
add_hosts(struct host_list *l, const struct registries_place *p, unsigned can,
    const char *name, struct err *e)
{
	const char *slash = strchr(name, '/');
	struct host_place h = {
		.authority_len = slash - name,
		.name = name,
		.repository = slash + 1,
		.can = can,
	};

	if (!p->is_insecure)
		return host_list_add(l, &h, e);
	h.scheme = "https://";
	h.skip_verify = true;
	if (host_list_add(l, &h, e) < 0)
		return -1;
	h.scheme = "http://";
	return host_list_add(l, &h, e);
}

struct host_list *
registries_rule_hosts(const struct registries_rule *r, const char *host,
    const char *repository, struct err *e)
{
	char name[2 * LIMIT_REFERENCE_BYTES], at[2 * LIMIT_REFERENCE_BYTES];
	AUTO_HOST_LIST struct host_list *l =
	    host_list_new(host, 2 * r->n_places, e);
	size_t n;

	if (l == NULL)
		return NULL;
	snprintf(name, sizeof name, "%s/%s", host, repository);
	n = matched(r->prefix, host, name);
	if (r->is_blocked) {
		err_set(e, EACCES,
		    "registries.conf blocks \"%.80s\": see there", r->prefix);
		return NULL;
	}
	for (size_t i = 0; i < r->n_places; i++)
		if (rewrite(&r->places[i], name, n, at, e) < 0 ||
		    add_hosts(l, &r->places[i], abilities_of(r, &r->places[i]),
			at, e) < 0)
			return NULL;
	return take_ptr(&l);
}
