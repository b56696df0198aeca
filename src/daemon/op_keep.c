/* pin, unpin, prune: what is kept and what goes. */
#include <errno.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/image_arguments.h"
#include "daemon/ops.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/prune.h"
#include "registry/reference.h"
#include "store/db_keep.h"
#include "base/doc.h"
#include "base/err.h"

/* ---- pins ---- */

static int
fetch_whole(struct request *r, struct image *i, uint64_t *bytes, struct err *e)
{
	struct request_watcher w;

	request_watcher_init(&w, r);
	return image_fill(i, &w.watcher, request_is_cancelled(r), bytes, e);
}

/* The pin comes first: what is fetched for it is not dropped again. */
int
op_pin(struct request *r, struct doc *result, struct err *e)
{
	struct image *i;
	bool is_to_fetch = false;
	uint64_t bytes = 0;
	int rc;

	if (doc_find_bool(r->arguments, "fetch", &is_to_fetch, e) < 0)
		return -1;
	i = arguments_open_image(r, false, NULL, e);
	if (i == NULL)
		return -1;
	rc = catalog_hold(r->daemon->catalog, &i->manifest.digest, DB_PIN, e);
	if (rc == 0 && is_to_fetch)
		rc = fetch_whole(r, i, &bytes, e);
	doc_set_string(result, "image", DIGEST_TEXT(&i->manifest.digest));
	doc_set_int(result, "bytes", bytes);
	image_unref(i);
	return rc;
}

int
op_unpin(struct request *r, struct doc *result, struct err *e)
{
	struct catalog *c = r->daemon->catalog;
	AUTO_REFERENCE struct reference ref = { 0 };
	struct digest image;
	int64_t resolved_s;

	if (arguments_reference(r, &ref, e) < 0 ||
	    catalog_find_image(c, ref.name, &image, &resolved_s, e) < 0 ||
	    catalog_release(c, &image, DB_PIN, e) < 0)
		return -1;
	doc_set_string(result, "image", DIGEST_TEXT(&image));
	return 0;
}

/* ---- pruning ---- */

static void
tell_image(void *ctx, const struct known_image *k)
{
	struct doc *o = doc_new_object(), *names = doc_new_array();

	for (size_t i = 0; i < k->n_names; i++)
		doc_append(names, doc_new_string(k->names[i]));
	doc_set_string(o, "image", DIGEST_TEXT(&k->manifest));
	doc_set_string(o, "label", k->label);
	doc_set(o, "references", names);
	doc_set_int(o, "last_used", k->last_used_s);
	doc_append(ctx, o);
}

int
op_prune(struct request *r, struct doc *result, struct err *e)
{
	struct prune_request q = { .on_image = tell_image,
		.ctx = doc_new_array() };
	uint64_t freed = 0;

	doc_set(result, "images", q.ctx);
	if (doc_get_int(r->arguments, "unused_s", &q.unused_s, e) < 0 ||
	    doc_find_bool(r->arguments, "dry_run", &q.is_dry, e) < 0)
		return -1;
	if (q.unused_s < 0)
		return err_set(e, EINVAL, "\"unused_s\" is negative");
	if (catalog_prune(r->daemon->catalog, &q, &freed, e) < 0)
		return -1;
	doc_set_int(result, "freed_bytes", freed);
	return 0;
}
