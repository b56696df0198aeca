#include "layer/soci_tables.h"

#include <errno.h>

#include "layer/candidates.h"
#include "format/soci_index.h"
#include "registry/lookup.h"
#include "registry/manifest.h"
#include "base/bytes.h"
#include "base/err.h"

static int
read_index(const struct soci_question *q, const struct digest *d,
    struct soci_index *out, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	struct lookup l;

	lookup_digest(&l, q->at, d);
	if (lookup_end(&l, q->until_ns, &text, e) < 0)
		return -1;
	return soci_index_parse(out, text.data, text.len, e);
}

bool
soci_is_named(const struct manifest *m)
{
	struct digest d;

	return soci_index_of_manifest(m->raw, m->raw_len, &d);
}

struct use {
	const struct soci_question *of;
	struct soci_index *out;
};

/* What the list leads to says whose index it is. */
static int
use_index(void *ctx, struct buf *text, struct err *e)
{
	const struct use *u = ctx;

	if (soci_index_parse(u->out, text->data, text->len, e) < 0)
		return -1;
	if (u->out->has_subject &&
	    digest_equal(&u->out->subject, &u->of->manifest->digest))
		return 0;
	soci_index_release(u->out);
	return err_set(e, EBADMSG, "SOCI index of another manifest");
}

static int
find_referrer(
    const struct soci_question *q, struct soci_index *out, struct err *e)
{
	struct use u = { q, out };
	const struct candidates c = { .at = q->at,
		.subject = &q->manifest->digest,
		.type = SOCI_INDEX_V1,
		.until_ns = q->until_ns,
		.use = use_index,
		.ctx = &u };

	return candidates_try(&c, e);
}

int
soci_find(const struct soci_question *q, struct soci_index *out, struct err *e)
{
	const struct manifest *m = q->manifest;
	struct digest named;

	if (soci_index_of_manifest(m->raw, m->raw_len, &named)) {
		if (read_index(q, &named, out, e) < 0)
			return err_wrap(e, "the SOCI index that it names");
		return 0;
	}
	if (!q->asks_referrers)
		return err_set(e, ENOENT, "it names no SOCI index");
	return find_referrer(q, out, e);
}
