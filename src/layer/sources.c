#include "layer/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/catalog.h"
#include "layer/layer.h"
#include "fetch/fetch.h"
#include "registry/source.h"
#include "store/db.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

#define LAYOUT_PREFIX "oci:"

static struct source *
open_named(const struct catalog_parts *p, const char *name, struct err *e)
{
	AUTO_FREE char *host = NULL;
	char *slash;

	if (strncmp(name, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)) == 0)
		return source_new_layout(-1, name, e);
	host = strdup(name);
	slash = host == NULL ? NULL : strchr(host, '/');
	if (slash == NULL)
		return NULL;
	*slash = 0;
	return source_new_registry(p->registry, host, slash + 1, e);
}

struct restoring {
	const struct catalog_parts *parts;
	struct layer *layer;
};

static int
restore_one(void *ctx, const char *name)
{
	struct restoring *r = ctx;
	struct err e = ERR_INIT;
	struct source *s = open_named(r->parts, name, &e);

	if (s == NULL || blob_add_source(r->layer->blob, s, &e) < 0)
		log_info("layer %s: source %s left out: %s",
		    DIGEST_TEXT(&r->layer->digest), name, e.msg);
	source_unref(s);
	return 0;
}

void
sources_restore(const struct catalog_parts *p, struct layer *l)
{
	struct restoring r = { p, l };
	struct err e = ERR_INIT;

	if (db_each_source(p->db, &l->digest, restore_one, &r, &e) < 0)
		log_warn("layer %s: %s", DIGEST_TEXT(&l->digest), e.msg);
}

void
sources_remember(
    const struct catalog_parts *p, struct layer *l, struct source *s)
{
	struct err e = ERR_INIT;

	/* E2BIG: it has many already. */
	if ((blob_add_source(l->blob, s, &e) < 0 ||
		db_add_source(p->db, &l->digest, source_name(s), &e) < 0) &&
	    e.code != E2BIG)
		log_warn("layer %s: source %s: %s", DIGEST_TEXT(&l->digest),
		    source_name(s), e.msg);
}
