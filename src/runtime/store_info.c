#include "runtime/store_info.h"

#include <errno.h>
#include <string.h>

#include "layer/image.h"
#include "layer/layer.h"
#include "format/format.h"
#include "registry/manifest.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"

/* containers/storage's archive.Compression */
enum { NOT_COMPRESSED = 0, GZIP = 2, ZSTD = 4 };

static const char *const toc_annotations[] = {
	STARGZ_TOC_DIGEST,
	PODMAN_TOC_DIGEST,
};

static const char *
toc_of(const struct descriptor *d)
{
	const char *toc = NULL;

	for (size_t i = 0;
	     toc == NULL && i < sizeof toc_annotations / sizeof(char *); i++)
		toc = descriptor_annotation(d, toc_annotations[i]);
	return toc;
}

int
store_info_find(const struct image *i, const struct digest *d, int *layer,
    bool *is_toc, struct err *e)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		const struct descriptor *l = &i->manifest.layers[k];
		const char *toc = toc_of(l);

		*layer = k;
		*is_toc = toc != NULL && strcmp(toc, DIGEST_TEXT(d)) == 0;
		if (*is_toc || digest_equal(&l->digest, d))
			return 0;
	}
	return err_set(
	    e, ENOENT, "%s has no layer %s", i->label, DIGEST_TEXT(d));
}

static int
compression_of(const struct descriptor *d)
{
	if (format_media_type_ends(d, "gzip"))
		return GZIP;
	return format_media_type_ends(d, "zstd") ? ZSTD : NOT_COMPRESSED;
}

char *
store_info_write(const struct image *i, int layer, bool is_toc, struct err *e)
{
	const struct descriptor *d = &i->manifest.layers[layer];
	AUTO_DOC struct doc *o = doc_new_object();
	struct digest diff_id;

	if (image_diff_id(i, layer, &diff_id, e) < 0)
		return NULL;
	doc_set_int(o, "compression", compression_of(d));
	doc_set_int(o, "compressed-size", d->size);
	doc_set_int(o, "diff-size", i->layers[layer]->size);
	if (is_toc) {
		struct doc *flags = doc_new_object();

		doc_set_string(o, "toc-digest", toc_of(d));
		doc_set_string(
		    flags, "expected-layer-diffid", DIGEST_TEXT(&diff_id));
		doc_set(o, "flags", flags);
	} else {
		doc_set_string(
		    o, "compressed-diff-digest", DIGEST_TEXT(&d->digest));
		doc_set_string(o, "diff-digest", DIGEST_TEXT(&diff_id));
	}
	return doc_to_json(o, false);
}
