/* From a reference to the manifest of this machine's platform. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/exchange.h"
#include "registry/layout.h"
#include "registry/manifest.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/limits.h"

enum { MAX_DEPTH = 2 }; /* an index in an index: layouts have that */

/* Where the documents of one reference come from. */
struct where {
	struct registry *registry;
	const struct reference *ref;
	int layout;
};

/* ---- a document from a registry, waiting for it ---- */

struct fetch {
	struct exchange exchange;
	struct err failure;
	struct lock lock;
	struct cond ended;
	/* guarded by lock */
	bool is_done;
};

static void
wake(struct exchange *x, const struct err *failure)
{
	struct fetch *f = container_of(x, struct fetch, exchange);

	if (failure != NULL)
		f->failure = *failure;
	LOCK_SCOPE(&f->lock);
	f->is_done = true;
	cond_signal(&f->ended);
}

/* On success the document; *host is the one that sent it. */
static int
fetch_from(const struct where *w, const char *path, bool by_tag, size_t *host,
    struct buf *out, struct err *e)
{
	struct fetch f = { .exchange = { .registry = w->registry,
			       .namespace = w->ref->host,
			       .repository = w->ref->repository,
			       .path = path,
			       .needs = by_tag ? HOST_RESOLVE : HOST_PULL,
			       .host = *host,
			       .class = HTTP_URGENT,
			       .on_done = wake } };

	assert(!http_is_own_thread(w->registry->http));
	buf_init(&f.exchange.document, LIMIT_MANIFEST_BYTES);
	lock_init(&f.lock, RANK_LEAF);
	cond_init(&f.ended);
	exchange_start(&f.exchange);
	lock_acquire(&f.lock);
	while (!f.is_done)
		cond_wait(&f.ended, &f.lock);
	lock_release(&f.lock);
	cond_destroy(&f.ended);
	lock_destroy(&f.lock);
	*host = f.exchange.host;
	buf_release(out);
	*out = f.exchange.document;
	if (f.failure.code == 0)
		return 0;
	*e = f.failure;
	return -1;
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

/* A host that lies about a digest is left for the next. */
static int
fetch_digest(const struct where *w, const struct digest *d, struct buf *out,
    struct err *e)
{
	char path[sizeof "manifests/" + DIGEST_TEXT_SIZE];
	struct err lie = ERR_INIT;

	snprintf(path, sizeof path, "manifests/%s", DIGEST_TEXT(d));
	for (size_t host = 0;; host++) {
		if (fetch_from(w, path, false, &host, out, e) < 0)
			break;
		if (check_digest(out, d, &lie) == 0)
			return 0;
	}
	if (lie.code != 0)
		*e = lie;
	return -1;
}

static int
fetch_tag(const struct where *w, struct buf *out, struct err *e)
{
	char path[sizeof "manifests/" + LIMIT_REFERENCE_BYTES];
	size_t host = 0;

	snprintf(path, sizeof path, "manifests/%s", w->ref->tag);
	return fetch_from(w, path, true, &host, out, e);
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

int
registry_resolve(struct registry *r, const struct reference *ref, int layout,
    const struct platform *p, struct manifest *out, struct err *e)
{
	struct where w = { .registry = r, .ref = ref, .layout = layout };

	if (resolve(&w, p, out, e) == 0)
		return 0;
	return err_wrap(e, "%s", ref->name);
}
