#include "layer/candidates.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "registry/artifact.h"
#include "registry/lookup.h"
#include "registry/referrers.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/err.h"

enum { MOST = 4, MOST_OTHERS = 32 };

/* A list that does not tell its type has others, too. */
static bool
is_of_type(const struct candidates *c, const struct referrer *r,
    const struct buf *text)
{
	AUTO_ARTIFACT struct artifact a = { 0 };
	struct err none = ERR_INIT;

	return strcmp(r->artifact_type, c->type) == 0 ||
	       (artifact_parse(&a, text->data, text->len, &none) == 0 &&
		   strcmp(a.type, c->type) == 0);
}

/* *is_there: its manifest is, and is of the type. */
static int
try_one(const struct candidates *c, const struct referrer *r, bool *is_there,
    struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	struct lookup l;
	int rc;

	lookup_digest(&l, c->at, &r->descriptor.digest);
	rc = lookup_end(&l, c->until_ns, &text, e);
	*is_there = rc == 0 ? is_of_type(c, r, &text) : e->code != ENOENT;
	if (rc == 0 && !*is_there)
		return err_set(e, ENOENT, "it is something else");
	return rc < 0 ? -1 : c->use(c->ctx, &text, e);
}

static int
try_in_order(
    const struct candidates *c, const struct referrers *all, struct err *e)
{
	unsigned n_there = 0, n_others = 0;

	err_set(e, ENOENT, "none refers to it");
	for (size_t i = 0; i < all->n; i++) {
		const struct referrer *r = &all->list[i];
		bool is_there;

		if (c->below != NULL &&
		    digest_compare(&r->descriptor.digest, c->below) >= 0)
			break;
		if (try_one(c, r, &is_there, e) == 0)
			return 0;
		if (is_there ? ++n_there == MOST : ++n_others == MOST_OTHERS)
			break;
	}
	return -1;
}

static int
by_digest(const void *a, const void *b)
{
	const struct referrer *x = a, *y = b;

	return digest_compare(&x->descriptor.digest, &y->descriptor.digest);
}

int
candidates_try(const struct candidates *c, struct err *e)
{
	AUTO_REFERRERS struct referrers all = { 0 };
	struct referrers_search s;

	referrers_begin(&s, c->at, c->subject, c->type);
	if (referrers_end(&s, c->until_ns, &all, e) < 0)
		return -1;
	if (c->below != NULL && all.n > 0)
		qsort(all.list, all.n, sizeof *all.list, by_digest);
	return try_in_order(c, &all, e);
}
