/* explain: of each layer of an image, lazy or why not. */
#include <errno.h>
#include <stdbool.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/image_arguments.h"
#include "daemon/ops.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "fetch/usage.h"
#include "registry/manifest.h"
#include "registry/reference.h"
#include "base/doc.h"
#include "base/err.h"

/* What the manifest lets expect of a layer that is not here. */
static void
foresee(struct doc *o, const struct descriptor *d)
{
	struct err why = ERR_INIT;
	const char *format = layer_foresee(d, NULL, &why);

	if (format != NULL)
		doc_set_string(o, "format", format);
	doc_set_bool(o, "lazy", format != NULL);
	doc_set_string(o, "reason", format != NULL ? "" : why.msg);
	if (format == NULL)
		doc_set_string(o, "reason_code",
		    why.code == ENOTSUP ? REASON_NO_TABLE : REASON_UNREADABLE);
}

/* What is still to be fetched, as it was when the layer was described, and what
 * was. */
static void
describe_cost(struct doc *o, const struct layer *l)
{
	struct blob_usage u = { 0 };

	blob_add_usage(l->blob, &u);
	describe_counted(o, &u);
	doc_set_int(o, "missing_bytes",
	    l->size - (uint64_t)doc_int(doc_find(o, "present")));
}

static struct doc *
explain_layer(struct daemon *d, const struct descriptor *wanted)
{
	struct layer *l = catalog_find_layer(d->catalog, &wanted->digest);
	struct doc *o = doc_new_object();

	doc_set_string(o, "layer", DIGEST_TEXT(&wanted->digest));
	doc_set_int(o, "blob_size", wanted->size);
	doc_set_bool(o, "is_here", l != NULL);
	if (l == NULL) {
		foresee(o, wanted);
		return o;
	}
	describe_layer(o, d, l);
	describe_cost(o, l);
	catalog_put_layer(d->catalog, l);
	return o;
}

struct explaining {
	const struct manifest *manifest;
	struct doc *layers;
};

/* The latest comes first. */
static int
add_fallback(void *ctx, const struct fallback *f)
{
	struct explaining *x = ctx;

	for (size_t k = 0; k < x->manifest->n_layers; k++) {
		struct doc *o = doc_at(x->layers, k);

		if (!digest_equal(&x->manifest->layers[k].digest, &f->layer) ||
		    doc_find(o, "fallback") != NULL)
			continue;
		doc_set_string(o, "fallback", f->reason);
		doc_set_int(o, "fallback_at", f->noted_s);
		if (doc_bool(doc_find(o, "is_here")))
			continue;
		doc_set_bool(o, "lazy", false);
		doc_set_string(o, "reason_code", REASON_DOWNLOADED);
	}
	return 0;
}

static int
explain_layers(struct daemon *d, const struct manifest *m, struct doc *result,
    struct err *e)
{
	struct explaining x = { m, doc_new_array() };

	doc_set(result, "layer_list", x.layers);
	for (size_t k = 0; k < m->n_layers; k++)
		doc_append(x.layers, explain_layer(d, &m->layers[k]));
	return catalog_each_fallback(d->catalog, add_fallback, &x, e);
}

int
op_explain(struct request *r, struct doc *result, struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	AUTO_MANIFEST struct manifest m = { 0 };
	struct err unknown = ERR_INIT;
	struct doc *holders;
	bool is_known;
	int64_t resolved_s;

	if (arguments_reference(r, &ref, e) < 0 ||
	    arguments_find_manifest(r, &ref, &m, &is_known, &resolved_s, e) < 0)
		return -1;
	holders = describe_manifest_holders(r->daemon, &m.digest, &unknown);
	doc_set_string(result, "reference", ref.name);
	doc_set_string(result, "image", DIGEST_TEXT(&m.digest));
	doc_set_bool(result, "is_known", is_known);
	if (resolved_s != 0)
		doc_set_int(result, "resolved", resolved_s);
	doc_set(
	    result, "holders", holders != NULL ? holders : doc_new_object());
	return explain_layers(r->daemon, &m, result, e);
}
