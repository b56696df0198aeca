/* Remote snapshots: a layer of an image stands for what would be unpacked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/labels.h"
#include "runtime/pulls.h"
#include "runtime/snapshotter_private.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "index/index.h"
#include "store/db.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/doc.h"
#include "base/err.h"

struct remote {
	const struct snapshot_request *request;
	const struct remote_request *asked;
	const char *labels; /* JSON */
	struct image *image;
	int layer;
	uint64_t inodes;
	bool has_root; /* the layer says whose the root folder is: */
	uint32_t uid, gid;
};

/* ---- the layer ---- */

/* The position at which the image's layers make the chain. */
static int
find_layer(struct remote *r, struct err *e)
{
	const struct image *i = r->image;
	struct digest chain;

	for (r->layer = 0; (size_t)r->layer < i->manifest.n_layers;
	     r->layer++) {
		if (image_chain_id(i, r->layer, &chain, e) < 0)
			return -1;
		if (digest_equal(&chain, &r->asked->chain))
			return 0;
	}
	return err_set(e, ENOENT, "%s has no layer for the chain %s", i->label,
	    DIGEST_TEXT(&r->asked->chain));
}

static int
check_layer(const struct remote *r, struct err *e)
{
	const struct digest *d = &r->image->manifest.layers[r->layer].digest;

	if (r->asked->has_layer && !digest_equal(d, &r->asked->layer))
		return err_set(
		    e, EBADMSG, "the chain's layer is %s", DIGEST_TEXT(d));
	if (r->image->layers[r->layer] == NULL)
		return err_set(e, ENOENT, "%s", r->image->reasons[r->layer]);
	return 0;
}

/* What its row keeps, so that nobody has to open the index for it again. */
static int
read_index(struct remote *r, struct err *e)
{
	AUTO_INDEX struct index *x =
	    layer_open_index(r->image->layers[r->layer], e);
	struct index_totals totals;
	struct stat root;

	if (x == NULL)
		return -1;
	index_totals(x, &totals);
	r->inodes = totals.inodes;
	r->has_root = !index_is_implied(x, INDEX_ROOT) &&
		      index_stat(x, INDEX_ROOT, &root);
	r->uid = r->has_root ? root.st_uid : 0;
	r->gid = r->has_root ? root.st_gid : 0;
	return 0;
}

/* The parent must be what lies below the layer, where that can be told. */
static int
check_parent(
    const struct remote *r, const struct db_snapshot *parent, struct err *e)
{
	struct digest below;
	bool has_parent = *r->request->parent != 0;

	if (has_parent != (r->layer > 0))
		return err_set(e, EINVAL,
		    "the parent \"%.200s\" does not "
		    "belong below layer %d",
		    r->request->parent, r->layer);
	if (!has_parent || *parent->chain == 0)
		return 0;
	if (image_chain_id(r->image, r->layer - 1, &below, e) < 0)
		return -1;
	if (strcmp(parent->chain, DIGEST_TEXT(&below)) != 0)
		return err_set(e, EINVAL,
		    "the parent \"%.200s\" is of another chain",
		    r->request->parent);
	return 0;
}

/* ---- the image ---- */

static struct image *
open_chain(struct snapshotter *s, const struct remote_request *r, struct err *e)
{
	struct digest manifest;
	int layer;

	if (catalog_find_chain(
		s->parts.catalog, &r->chain, &manifest, &layer, e) < 0)
		return NULL;
	return catalog_open_known(s->parts.catalog, &manifest, "", true, e);
}

static int
open_image(struct snapshotter *s, struct remote *r, struct err *e)
{
	r->image = r->asked->reference != NULL
		       ? pulls_take(s->pulls, r->asked, e)
		       : open_chain(s, r->asked, e);
	if (r->image == NULL)
		return -1;
	if (find_layer(r, e) < 0 || check_layer(r, e) < 0)
		return -1;
	return read_index(r, e);
}

/* ---- the row ---- */

/* Committed, or there is none. */
static int
find_parent(struct snapshotter *s, const struct snapshot_request *q,
    struct db_snapshot *out, struct err *e)
{
	if (*q->parent == 0)
		return 0;
	if (snapshot_find(s, q->parent, out, e) < 0)
		return -1;
	return out->kind == SNAPSHOT_COMMITTED
		   ? 0
		   : err_set(e, EINVAL, "the parent is not committed");
}

static int
exists(struct snapshotter *s, const struct remote_request *r, uint64_t parent,
    bool *answer, struct err *e)
{
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };
	struct err missing = ERR_INIT;

	*answer = db_get_snapshot_chain(s->parts.db, DIGEST_TEXT(&r->chain),
		      parent, &row, &missing) == 0;
	if (*answer || missing.code == ENOENT)
		return 0;
	*e = missing;
	return -1;
}

static int
add_row(struct snapshotter *s, const struct remote *r,
    const struct db_snapshot *parent, struct err *e)
{
	const struct digest *image = &r->image->manifest.digest;
	const char *chain = DIGEST_TEXT(&r->asked->chain);
	char name[DIGEST_TEXT_SIZE + 40];
	uint64_t number;
	struct db_snapshot row = {
		.parent = parent->number,
		.state = SNAPSHOT_THERE,
		.kind = SNAPSHOT_COMMITTED,
		.life = s->life,
		.created_ns = clock_wall_ns(),
		.bytes = -1,
		.inodes = r->inodes,
		.uid = r->has_root ? r->uid : parent->uid,
		.gid = r->has_root ? r->gid : parent->gid,
		.name = name,
		.was = "",
		.labels = r->labels,
		.chain = chain,
		.image = DIGEST_TEXT(image),
		.layer = r->layer,
		.image_label = r->image->label,
	};

	snprintf(name, sizeof name, "remote/%ju/%s", (uintmax_t)parent->number,
	    chain);
	row.updated_ns = row.created_ns;
	if (db_add_snapshot(s->parts.db, &row, &number, e) < 0)
		return err_wrap(e, "snapshot %s", name);
	return catalog_hold(
	    s->parts.catalog, image, SNAPSHOT_HOLDER(number), e);
}

/* In a transaction: nobody else can have made it meanwhile. */
static int
make_row(struct snapshotter *s, void *ctx, struct err *e)
{
	const struct remote *r = ctx;
	AUTO_DB_SNAPSHOT struct db_snapshot parent = { 0 };
	bool is_there;

	if (find_parent(s, r->request, &parent, e) < 0 ||
	    exists(s, r->asked, parent.number, &is_there, e) < 0)
		return -1;
	if (is_there)
		return 0;
	if (check_parent(r, &parent, e) < 0)
		return -1;
	return add_row(s, r, &parent, e);
}

static int
is_there_already(struct snapshotter *s, const struct snapshot_request *q,
    const struct remote_request *asked, bool *answer, struct err *e)
{
	AUTO_DB_SNAPSHOT struct db_snapshot parent = { 0 };

	if (find_parent(s, q, &parent, e) < 0)
		return -1;
	return exists(s, asked, parent.number, answer, e);
}

int
snapshot_make_remote(struct snapshotter *s, const struct snapshot_request *q,
    const struct remote_request *asked, struct err *e)
{
	AUTO_FREE char *labels = doc_to_json(q->labels, false);
	struct remote r = { .request = q, .asked = asked, .labels = labels };
	bool is_there;
	int rc;

	if (is_there_already(s, q, asked, &is_there, e) < 0)
		return -1;
	if (is_there)
		return 0;
	rc = open_image(s, &r, e);
	if (rc == 0)
		rc = snapshot_transact(s, make_row, &r, e);
	image_unref(r.image);
	return rc;
}
