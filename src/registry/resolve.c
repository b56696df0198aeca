/* From a reference to the manifest of this machine's platform. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/inquiry.h"
#include "registry/layout.h"
#include "registry/manifest.h"
#include "base/awake.h"
#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/outpost.h"

enum { MAX_DEPTH = 2 }; /* an index in an index: layouts have that */

/* Where the documents of one reference come from. */
struct where {
	struct registry *registry;
	const struct reference *ref;
	struct outpost *layout; /* or NULL */
	bool is_start;
	uint32_t patience_ms; /* for all of them; 0: as long as it takes */
	struct awake *awake;
	uint64_t until_ns; /* of it */
};

/* ---- a document from a registry ---- */

/* On success the document, and who sent it is one of *tried. */
static int
fetch_from(const struct where *w, const char *path, bool by_tag,
    uint64_t *tried, struct buf *out, struct err *e)
{
	const struct repository at = { w->registry, w->ref->host,
		w->ref->repository };
	struct inquiry q;
	int rc;

	inquiry_init(&q, &at, LIMIT_MANIFEST_BYTES);
	q.exchange.path = path;
	q.exchange.needs = by_tag ? HOST_RESOLVE : HOST_PULL;
	q.exchange.tried = *tried;
	q.exchange.haste = w->patience_ms > 0 ? HASTE_ONCE_MORE : HASTE_NONE;
	inquiry_start(&q);
	if (w->is_start)
		preconnect(w->registry, w->ref->host, w->ref->repository);
	rc = inquiry_wait_awake(&q, w->awake, w->until_ns, e);
	*tried = q.exchange.tried | (uint64_t)1 << q.exchange.host;
	buf_release(out);
	*out = q.exchange.document;
	if (rc < 0 && q.is_late && e->code == ECANCELED)
		err_set(
		    e, ETIMEDOUT, "no answer in %u s", w->patience_ms / 1000);
	return rc;
}

static int
check_digest(const struct buf *text, const struct digest *want, struct err *e)
{
	struct digest is;

	digest_of(&is, text->data, text->len);
	if (digest_equal(&is, want))
		return 0;
	return err_set(e, EBADMSG,
	    "manifest %.19s: its bytes have the digest "
	    "%.19s",
	    DIGEST_TEXT(want), DIGEST_TEXT(&is));
}

/* A host that lies is left for the next. */
static int
fetch_digest(const struct where *w, const struct digest *d, struct buf *out,
    struct err *e)
{
	char path[sizeof "manifests/" + DIGEST_TEXT_SIZE];
	struct err lie = ERR_INIT;
	uint64_t tried = 0;

	snprintf(path, sizeof path, "manifests/%s", DIGEST_TEXT(d));
	while (fetch_from(w, path, false, &tried, out, e) == 0)
		if (check_digest(out, d, &lie) == 0)
			return 0;
	if (lie.code != 0)
		*e = lie;
	return -1;
}

/* Networks that want a login answer every question with a page of theirs, and
 * not all of them say what it is. */
static int
check_document(const struct buf *text, struct err *e)
{
	struct err no_json = ERR_INIT;
	AUTO_DOC struct doc *j =
	    doc_parse_json(text->data, text->len, &no_json);

	if (doc_find(j, "schemaVersion") != NULL ||
	    doc_find(j, "mediaType") != NULL)
		return 0;
	return err_set(e, EPROTO,
	    "what came is no manifest: is a proxy or a network login in "
	    "between?");
}

static int
fetch_tag(const struct where *w, struct buf *out, struct err *e)
{
	char path[sizeof "manifests/" + LIMIT_REFERENCE_BYTES];
	struct err lie = ERR_INIT;
	uint64_t tried = 0;

	snprintf(path, sizeof path, "manifests/%s", w->ref->tag);
	while (fetch_from(w, path, true, &tried, out, e) == 0)
		if (check_document(out, &lie) == 0)
			return 0;
	if (lie.code != 0)
		*e = lie;
	return -1;
}

/* ---- either ---- */

static int
get_document(const struct where *w, const struct digest *d, struct buf *out,
    struct err *e)
{
	if (!w->ref->is_layout)
		return fetch_digest(w, d, out, e);
	out->len = 0;
	return layout_read_blob(w->layout, d, out, e);
}

static int
get_first(const struct where *w, struct buf *out, struct err *e)
{
	struct descriptor d;
	int rc;

	if (w->ref->has_digest)
		return get_document(w, &w->ref->digest, out, e);
	if (!w->ref->is_layout)
		return fetch_tag(w, out, e);
	if (layout_find(w->layout, w->ref->tag, &d, e) < 0)
		return -1;
	rc = layout_read_blob(w->layout, &d.digest, out, e);
	descriptor_release(&d);
	return rc;
}

/* `text` is an index: replaces it by what it chooses. */
static int
descend(const struct where *w, const struct platform *p, struct buf *text,
    struct err *e)
{
	struct descriptor d;
	int rc;

	if (manifest_choose(text->data, text->len, p, &d, e) < 0)
		return -1;
	rc = get_document(w, &d.digest, text, e);
	if (rc == 0 && text->len != d.size)
		rc = err_set(e, EBADMSG,
		    "manifest %.19s has %zu bytes, its index says %ju",
		    DIGEST_TEXT(&d.digest), text->len, (uintmax_t)d.size);
	descriptor_release(&d);
	return rc;
}

static int
resolve(const struct where *w, const struct platform *p, struct manifest *out,
    struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	enum manifest_kind kind;

	if (get_first(w, &text, e) < 0)
		return -1;
	for (int depth = 0;; depth++) {
		if (manifest_kind(text.data, text.len, &kind, e) < 0)
			return -1;
		if (kind == MANIFEST_IMAGE)
			return manifest_parse(out, text.data, text.len, e);
		if (depth == MAX_DEPTH)
			return err_set(e, EBADMSG, "indexes in indexes");
		if (descend(w, p, &text, e) < 0)
			return -1;
	}
}

static int
where_init(struct where *w, struct registry *r,
    const struct registry_question *q, struct awake *awake, struct err *e)
{
	*w = (struct where){
		.registry = r,
		.ref = q->reference,
		.is_start = q->is_start,
		.patience_ms = q->patience_ms,
		.awake = awake,
		.until_ns = UINT64_MAX,
	};
	if (q->patience_ms > 0)
		w->until_ns = awake_now_ns(awake) + q->patience_ms * NS_PER_MS;
	if (!q->reference->is_layout)
		return 0;
	w->layout = layout_borrow(q->layout, e);
	return w->layout == NULL ? -1 : 0;
}

static void
where_release(struct where *w)
{
	outpost_free(w->layout);
}

int
registry_resolve(struct registry *r, const struct registry_question *q,
    struct manifest *out, struct err *e)
{
	CLEANUP(where_release) struct where w;
	struct awake awake = { 0 };

	if (where_init(&w, r, q, &awake, e) == 0 &&
	    resolve(&w, q->platform, out, e) == 0)
		return 0;
	return err_wrap(e, "%s", q->reference->name);
}

static int
read_document(const struct where *w, const struct digest *d, struct buf *out,
    struct err *e)
{
	return d != NULL ? get_document(w, d, out, e) : get_first(w, out, e);
}

int
registry_read_document(struct registry *r, const struct registry_question *q,
    const struct digest *d, struct buf *out, struct err *e)
{
	CLEANUP(where_release) struct where w;
	struct awake awake = { 0 };

	if (where_init(&w, r, q, &awake, e) == 0 &&
	    read_document(&w, d, out, e) == 0)
		return 0;
	return err_wrap(e, "%s", q->reference->name);
}
