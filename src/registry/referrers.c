#include "registry/referrers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/artifact.h"
#include "registry/client.h"
#include "registry/registry.h"
#include "net/url.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

void
referrers_release(struct referrers *r)
{
	for (size_t i = 0; i < r->n; i++) {
		descriptor_release(&r->list[i].descriptor);
		free(r->list[i].artifact_type);
	}
	free(r->list);
	*r = (struct referrers){ 0 };
}

/* ---- a list ---- */

static int
add(struct referrers *r, const struct doc *entry, const char *type,
    struct err *e)
{
	struct referrer *more, *one;
	const char *is = "";

	if (doc_is_object(entry) &&
	    doc_find_string(entry, "artifactType", &is, e) < 0)
		return -1;
	if (strcmp(is, type) != 0 && strcmp(is, ARTIFACT_EMPTY) != 0)
		return 0;
	if (r->n == LIMIT_REFERRERS)
		return err_set(e, E2BIG, "over %d referrers", LIMIT_REFERRERS);
	more = reallocarray(r->list, r->n + 1, sizeof *more);
	if (more == NULL)
		return err_set(e, ENOMEM, "referrers");
	r->list = more;
	one = &more[r->n];
	*one = (struct referrer){ 0 };
	if (descriptor_parse(&one->descriptor, entry, e) < 0)
		return -1;
	r->n++;
	one->artifact_type = strdup(is);
	return one->artifact_type == NULL ? err_set(e, ENOMEM, "referrers") : 0;
}

struct doc *
referrers_read_list(const void *p, size_t n, struct err *e)
{
	AUTO_DOC struct doc *j = doc_parse_json(p, n, e);
	struct doc *list;

	if (j == NULL)
		return NULL;
	if (!doc_is_object(j)) {
		err_set(e, EBADMSG, "a list of referrers is no object");
		return NULL;
	}
	if (doc_is_null(doc_find(j, "manifests")))
		doc_set(j, "manifests", doc_new_array());
	if (doc_get_array(j, "manifests", &list, e) < 0)
		return NULL;
	return take_ptr(&j);
}

int
referrers_parse(struct referrers *r, const void *p, size_t n, const char *type,
    struct err *e)
{
	AUTO_DOC struct doc *j = referrers_read_list(p, n, e);
	const struct doc *list = doc_find(j, "manifests");

	if (j == NULL)
		return -1;
	for (size_t i = 0; i < doc_count(list); i++)
		if (add(r, doc_at(list, i), type, e) < 0)
			return err_wrap(e, "referrer %zu", i + 1);
	return 0;
}

/* ---- asking ---- */

/* Without hosts it finds out by itself that there are none, and why. */
static void
start(struct referrers_search *s, struct inquiry *q)
{
	if (s->hosts != NULL)
		q->exchange.hosts = host_list_ref(s->hosts);
	inquiry_start(q);
}

void
referrers_begin(struct referrers_search *s, const struct repository *at,
    const struct digest *subject, const char *type)
{
	enum referrers_api api = registry_referrers_api(at->registry, at->host);
	AUTO_FREE char *escaped = url_escape(type);
	struct err unknown = ERR_INIT;

	s->type = type;
	s->asks_api = api != REFERRERS_API_ABSENT && escaped != NULL;
	s->asks_tag = api != REFERRERS_API_PRESENT;
	http_head_init(&s->answer);
	snprintf(s->api_path, sizeof s->api_path,
	    "referrers/%s?artifactType=%s", DIGEST_TEXT(subject),
	    escaped != NULL ? escaped : "");
	snprintf(s->tag_path, sizeof s->tag_path, "manifests/sha256-%s",
	    DIGEST_HEX(subject));
	inquiry_init(&s->api, at, LIMIT_MANIFEST_BYTES);
	inquiry_init(&s->tag, at, LIMIT_MANIFEST_BYTES);
	s->api.exchange.path = s->api_path;
	s->api.exchange.answer = &s->answer;
	s->tag.exchange.path = s->tag_path;
	s->api.exchange.needs = s->tag.exchange.needs = HOST_RESOLVE;
	s->api.exchange.haste = s->tag.exchange.haste = HASTE_ONCE_MORE;
	s->api.exchange.what = s->tag.exchange.what = "list of referrers";
	s->hosts =
	    registry_get_hosts(at->registry, at->host, at->path, &unknown);
	if (s->asks_api)
		start(s, &s->api);
	if (s->asks_tag)
		start(s, &s->tag);
}

/* ---- the API's answer ---- */

/* One more page, from the host that gave the first. */
static int
read_page(struct referrers_search *s, size_t host, uint64_t until_ns,
    struct referrers *out, struct err *e)
{
	const struct exchange *first = &s->api.exchange;
	const struct repository at = { first->registry, first->namespace,
		first->repository };
	AUTO_FREE char *url = take_ptr(&s->answer.link);
	struct inquiry q;
	int rc;

	inquiry_init(&q, &at, LIMIT_MANIFEST_BYTES);
	q.exchange.at = url;
	q.exchange.needs = HOST_RESOLVE;
	q.exchange.haste = HASTE_ONCE_MORE;
	q.exchange.what = first->what;
	q.exchange.answer = &s->answer;
	q.exchange.tried = ~((uint64_t)1 << host);
	start(s, &q);
	rc = inquiry_wait(&q, until_ns, e);
	if (rc == 0)
		rc = referrers_parse(out, q.exchange.document.data,
		    q.exchange.document.len, s->type, e);
	buf_release(&q.exchange.document);
	return rc;
}

static int
read_pages(struct referrers_search *s, uint64_t until_ns, struct referrers *out,
    struct err *e)
{
	const struct buf *text = &s->api.exchange.document;
	size_t host = s->api.exchange.host;

	if (referrers_parse(out, text->data, text->len, s->type, e) < 0)
		return -1;
	for (unsigned n = 1; s->answer.link != NULL; n++) {
		if (n == LIMIT_PAGES)
			return err_set(e, E2BIG, "over %d pages of referrers",
			    LIMIT_PAGES);
		if (read_page(s, host, until_ns, out, e) < 0)
			return -1;
	}
	return 0;
}

/* A registry that knows no such API says so in many ways. */
static bool
knows_no_api(const struct err *e)
{
	return e->code == ENOENT || e->code == EPROTO || e->code == ENOTSUP ||
	       e->code == EBADMSG;
}

/* 0: its answer is in `out`; 1: it has no such API. */
static int
end_api(struct referrers_search *s, uint64_t until_ns, struct referrers *out,
    struct err *e)
{
	const struct exchange *x = &s->api.exchange;
	int rc = inquiry_wait(&s->api, until_ns, e);

	if (rc == 0)
		rc = read_pages(s, until_ns, out, e);
	if (rc == 0)
		registry_note_referrers_api(
		    x->registry, x->namespace, REFERRERS_API_PRESENT);
	if (rc == 0 || !knows_no_api(e))
		return rc;
	registry_note_referrers_api(
	    x->registry, x->namespace, REFERRERS_API_ABSENT);
	referrers_release(out);
	return 1;
}

/* ---- the tag's ---- */

static int
end_tag(struct referrers_search *s, uint64_t until_ns, struct referrers *out,
    struct err *e)
{
	struct err none = ERR_INIT;
	const struct buf *text = &s->tag.exchange.document;

	if (inquiry_wait(&s->tag, until_ns, &none) == 0)
		return referrers_parse(out, text->data, text->len, s->type, e);
	if (none.code == ENOENT)
		return 0;
	*e = none;
	return -1;
}

static int
end_both(struct referrers_search *s, uint64_t until_ns, struct referrers *out,
    struct err *e)
{
	struct err ignored = ERR_INIT;
	struct referrers other = { 0 };
	int rc = s->asks_api ? end_api(s, until_ns, out, e) : 1;

	if (!s->asks_tag && rc == 1)
		return 0; /* it has forgotten the API: asked the next time */
	if (!s->asks_tag)
		return rc;
	if (rc == 1)
		return end_tag(s, until_ns, out, e);
	inquiry_cancel(&s->tag);
	end_tag(s, until_ns, &other, &ignored);
	referrers_release(&other);
	return rc;
}

int
referrers_end(struct referrers_search *s, uint64_t until_ns,
    struct referrers *out, struct err *e)
{
	const struct exchange *x = &s->api.exchange;
	int rc;

	*out = (struct referrers){ 0 };
	rc = end_both(s, until_ns, out, e);
	buf_release(&s->api.exchange.document);
	buf_release(&s->tag.exchange.document);
	http_head_release(&s->answer);
	host_list_unref(s->hosts);
	if (rc == 0)
		return 0;
	referrers_release(out);
	return err_wrap(e, "%s/%s: referrers", x->namespace, x->repository);
}

int
referrers_find(const struct repository *at, const struct digest *subject,
    const char *type, struct referrers *out, struct err *e)
{
	struct referrers_search s;

	referrers_begin(&s, at, subject, type);
	return referrers_end(&s, UINT64_MAX, out, e);
}
