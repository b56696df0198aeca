#include "registry/lookup.h"

#include <errno.h>
#include <stdio.h>

#include "registry/hosts.h"
#include "base/err.h"
#include "base/limits.h"

static void
begin(struct lookup *l, const struct repository *at, const char *name,
    unsigned needs)
{
	snprintf(l->path, sizeof l->path, "manifests/%s", name);
	inquiry_init(&l->inquiry, at, LIMIT_MANIFEST_BYTES);
	l->inquiry.exchange.path = l->path;
	l->inquiry.exchange.needs = needs;
	l->inquiry.exchange.haste = HASTE_ONCE;
	l->inquiry.exchange.what = "manifest";
	inquiry_start(&l->inquiry);
}

void
lookup_tag(struct lookup *l, const struct repository *at, const char *tag)
{
	l->has_digest = false;
	begin(l, at, tag, HOST_RESOLVE);
}

void
lookup_digest(
    struct lookup *l, const struct repository *at, const struct digest *d)
{
	l->has_digest = true;
	l->digest = *d;
	begin(l, at, DIGEST_TEXT(d), HOST_PULL);
}

int
lookup_end(struct lookup *l, uint64_t until_ns, struct buf *out, struct err *e)
{
	int rc = inquiry_wait(&l->inquiry, until_ns, e);
	struct digest is;

	*out = l->inquiry.exchange.document;
	if (rc < 0 || !l->has_digest)
		return rc;
	digest_of(&is, out->data, out->len);
	return digest_equal(&is, &l->digest)
		   ? 0
		   : err_set(e, EBADMSG, "manifest %.19s: wrong digest",
			 DIGEST_TEXT(&l->digest));
}

void
lookup_drop(struct lookup *l)
{
	struct err ignored = ERR_INIT;

	inquiry_cancel(&l->inquiry);
	inquiry_wait(&l->inquiry, UINT64_MAX, &ignored);
	buf_release(&l->inquiry.exchange.document);
}
