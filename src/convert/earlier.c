#include "convert/earlier.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/destination.h"
#include "registry/manifest.h"
#include "base/bytes.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

#define FROM "io.layerfs.convert.from"
#define HOW "io.layerfs.convert.how"
#define DIFF_ID "io.layerfs.convert.diff-id" /* after a wish */

/* Changes whenever the same tar gives another blob. */
enum { GENERATION = 2, HOW_BYTES = 128 };

static const char *
how(const struct making *m, char out[HOW_BYTES])
{
	bool has_wish = !digest_is_zero(m->wish);

	snprintf(out, HOW_BYTES, "v%d level %d%s%s", GENERATION, m->level,
	    has_wish ? " first " : "", has_wish ? DIGEST_TEXT(m->wish) : "");
	return out;
}

/* ---- reading ---- */

static int
add_layer(struct earlier *x, const struct descriptor *d, struct err *e)
{
	struct descriptor *more;

	if (descriptor_annotation(d, FROM) == NULL)
		return 0;
	more = reallocarray(x->layers, x->n_layers + 1, sizeof *more);
	if (more == NULL)
		return err_set(e, ENOMEM, "layers");
	x->layers = more;
	if (descriptor_copy(&more[x->n_layers], d, e) < 0)
		return -1;
	x->n_layers++;
	return 0;
}

static int
add_manifest(struct earlier *x, const struct buf *text, struct err *e)
{
	AUTO_MANIFEST struct manifest m = { 0 };

	if (manifest_parse(&m, text->data, text->len, e) < 0)
		return -1;
	for (size_t i = 0; i < m.n_layers; i++)
		if (add_layer(x, &m.layers[i], e) < 0)
			return -1;
	return 0;
}

static int
add_entry(struct earlier *x, struct destination *to, const struct doc *entry,
    struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	struct descriptor d;
	int rc;

	if (descriptor_parse(&d, entry, e) < 0)
		return -1;
	rc = to->ops->read_manifest(to, &d.digest, &text, e);
	descriptor_release(&d);
	return rc < 0 ? -1 : add_manifest(x, &text, e);
}

static int
add_index(struct earlier *x, struct destination *to, const struct buf *text,
    struct err *e)
{
	AUTO_DOC struct doc *index = doc_parse_json(text->data, text->len, e);
	struct doc *entries;

	if (index == NULL || doc_get_array(index, "manifests", &entries, e) < 0)
		return -1;
	for (size_t i = 0; i < doc_count(entries) && i < LIMIT_PLATFORMS; i++)
		if (add_entry(x, to, doc_at(entries, i), e) < 0)
			return -1;
	return 0;
}

void
earlier_read(struct earlier *x, struct destination *to)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	enum manifest_kind kind;
	struct err why;

	*x = (struct earlier){ 0 };
	if (to->ops->read_manifest(to, NULL, &text, &why) < 0 ||
	    manifest_kind(text.data, text.len, &kind, &why) < 0)
		return;
	if (kind == MANIFEST_INDEX)
		add_index(x, to, &text, &why);
	else
		add_manifest(x, &text, &why);
}

void
earlier_release(struct earlier *x)
{
	for (size_t i = 0; i < x->n_layers; i++)
		descriptor_release(&x->layers[i]);
	free(x->layers);
	*x = (struct earlier){ 0 };
}

static bool
read_diff_id(
    const struct descriptor *d, const struct making *m, struct digest *out)
{
	const char *text = descriptor_annotation(d, DIFF_ID);
	struct err ignored;

	if (digest_is_zero(m->wish))
		return true;
	return text != NULL && digest_parse(out, text, &ignored) == 0;
}

const struct descriptor *
earlier_find(
    const struct earlier *x, const struct making *m, struct digest *diff_id)
{
	char made[HOW_BYTES];

	how(m, made);
	for (size_t i = 0; i < x->n_layers; i++) {
		const struct descriptor *d = &x->layers[i];
		const char *of = descriptor_annotation(d, FROM);
		const char *by = descriptor_annotation(d, HOW);

		if (by != NULL && strcmp(by, made) == 0 &&
		    strcmp(of, DIGEST_TEXT(&m->from->digest)) == 0 &&
		    read_diff_id(d, m, diff_id))
			return d;
	}
	return NULL;
}

/* ---- writing ---- */

/* What says where a table lies in the blob that was. */
static bool
is_about_compression(const char *key)
{
	static const char *const prefixes[] = {
		"io.github.containers.zstd-chunked.",
		"io.containers.zstd-chunked.",
		"io.containers.estargz.",
		"containerd.io/snapshot/stargz/",
		"io.layerfs.convert.",
	};

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static int
annotate(
    struct descriptor *d, const char *key, const char *value, struct err *e)
{
	struct annotation *a = &d->annotations[d->n_annotations];

	*a = (struct annotation){ strdup(key), strdup(value) };
	d->n_annotations++;
	return a->key == NULL || a->value == NULL
		   ? err_set(e, ENOMEM, "annotations")
		   : 0;
}

int
earlier_annotate(struct descriptor *made, const struct making *m,
    const struct digest *diff_id, struct err *e)
{
	const struct descriptor *from = m->from;
	size_t n = made->n_annotations + from->n_annotations + 3;
	void *more =
	    reallocarray(made->annotations, n, sizeof *made->annotations);
	char text[HOW_BYTES];

	if (more == NULL)
		return err_set(e, ENOMEM, "annotations");
	made->annotations = more;
	for (size_t i = 0; i < from->n_annotations; i++)
		if (!is_about_compression(from->annotations[i].key) &&
		    annotate(made, from->annotations[i].key,
			from->annotations[i].value, e) < 0)
			return -1;
	if (annotate(made, FROM, DIGEST_TEXT(&from->digest), e) < 0 ||
	    annotate(made, HOW, how(m, text), e) < 0)
		return -1;
	return digest_is_zero(m->wish)
		   ? 0
		   : annotate(made, DIFF_ID, DIGEST_TEXT(diff_id), e);
}
