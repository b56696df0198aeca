#include "registry/artifact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/manifest.h"
#include "base/base64.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

static const char layer_annotation[] = "vnd.layerfs.layer";
const char artifact_empty[] = "{}";

static void
blob_release(struct artifact_blob *b)
{
	descriptor_release(&b->descriptor);
	buf_release(&b->data);
}

void
artifact_release(struct artifact *a)
{
	for (size_t i = 0; i < a->n_blobs; i++)
		blob_release(&a->blobs[i]);
	free(a->blobs);
	free(a->type);
	*a = (struct artifact){ 0 };
}

const struct artifact_blob *
artifact_find(const struct artifact *a, const struct digest *layer)
{
	for (size_t i = 0; i < a->n_blobs; i++)
		if (a->blobs[i].has_layer &&
		    digest_equal(&a->blobs[i].layer, layer))
			return &a->blobs[i];
	return NULL;
}

/* ---- reading ---- */

static void
take_data(struct artifact_blob *b, const struct doc *j)
{
	const char *text = doc_string(doc_find(j, "data"));
	struct err bad = ERR_INIT;
	struct digest is;

	if (text == NULL)
		return;
	buf_init(&b->data, ARTIFACT_DATA_BYTES);
	if (base64_decode(&b->data, text, strlen(text), &bad) == 0 &&
	    b->data.len == b->descriptor.size) {
		digest_of(&is, b->data.data, b->data.len);
		if (digest_equal(&is, &b->descriptor.digest))
			return;
	}
	buf_release(&b->data);
}

static int
take_blob(struct artifact_blob *b, const struct doc *j, struct err *e)
{
	const char *layer;

	*b = (struct artifact_blob){ 0 };
	if (descriptor_parse(&b->descriptor, j, e) < 0)
		return -1;
	layer = descriptor_annotation(&b->descriptor, layer_annotation);
	b->has_layer = layer != NULL;
	if (b->has_layer && digest_parse(&b->layer, layer, e) < 0) {
		descriptor_release(&b->descriptor);
		e->code = EBADMSG;
		return -1;
	}
	take_data(b, j);
	return 0;
}

static int
take_blobs(struct artifact *a, const struct doc *j, struct err *e)
{
	struct doc *list;
	size_t n;

	if (doc_get_array(j, "layers", &list, e) < 0)
		return -1;
	n = doc_count(list);
	if (n > LIMIT_LAYERS)
		return err_set(
		    e, EBADMSG, "%zu blobs, at most %d", n, LIMIT_LAYERS);
	a->blobs = calloc(n + 1, sizeof *a->blobs);
	if (a->blobs == NULL)
		return err_set(e, ENOMEM, "an artifact");
	for (; a->n_blobs < n; a->n_blobs++)
		if (take_blob(
			&a->blobs[a->n_blobs], doc_at(list, a->n_blobs), e) < 0)
			return err_wrap(e, "blob %zu", a->n_blobs + 1);
	return 0;
}

static int
take_members(struct artifact *a, const struct doc *j, struct err *e)
{
	struct descriptor subject;
	struct doc *subject_doc;
	const char *type;

	if (!doc_is_object(j))
		return err_set(e, EBADMSG, "an artifact that is no object");
	if (doc_get_string(j, "artifactType", &type, e) < 0 ||
	    doc_get_object(j, "subject", &subject_doc, e) < 0 ||
	    descriptor_parse(&subject, subject_doc, e) < 0)
		return -1;
	a->subject = subject.digest;
	descriptor_release(&subject);
	a->type = strdup(type);
	if (a->type == NULL)
		return err_set(e, ENOMEM, "an artifact");
	return take_blobs(a, j, e);
}

int
artifact_parse(struct artifact *a, const void *p, size_t n, struct err *e)
{
	AUTO_DOC struct doc *j = NULL;

	*a = (struct artifact){ 0 };
	if (n > LIMIT_MANIFEST_BYTES)
		return err_set(
		    e, E2BIG, "a manifest over %d bytes", LIMIT_MANIFEST_BYTES);
	j = doc_parse_json(p, n, e);
	if (j == NULL)
		return -1;
	digest_of(&a->digest, p, n);
	if (take_members(a, j, e) == 0)
		return 0;
	artifact_release(a);
	return -1;
}

/* ---- writing ---- */

static struct doc *
new_descriptor(const char *type, const struct digest *d, uint64_t size)
{
	struct doc *j = doc_new_object();

	doc_set_string(j, "mediaType", type);
	doc_set_string(j, "digest", DIGEST_TEXT(d));
	doc_set_int(j, "size", size);
	return j;
}

static int
put_data(struct doc *j, const struct buf *data, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(2 * ARTIFACT_DATA_BYTES);

	if (data->len == 0 || data->len > ARTIFACT_DATA_BYTES)
		return 0;
	if (base64_encode(&text, data->data, data->len, e) < 0)
		return -1;
	doc_set_string(j, "data", buf_str(&text));
	return 0;
}

static int
put_blobs(struct doc *list, const struct artifact_plan *p, struct err *e)
{
	for (size_t i = 0; i < p->n_blobs; i++) {
		const struct artifact_blob *b = &p->blobs[i];
		const struct descriptor *d = &b->descriptor;
		struct doc *j =
		    new_descriptor(d->media_type, &d->digest, d->size);

		doc_append(list, j);
		if (b->has_layer) {
			struct doc *a = doc_new_object();

			doc_set_string(
			    a, layer_annotation, DIGEST_TEXT(&b->layer));
			doc_set(j, "annotations", a);
		}
		if (put_data(j, &b->data, e) < 0)
			return -1;
	}
	return 0;
}

int
artifact_write(const struct artifact_plan *p, struct buf *out, struct err *e)
{
	AUTO_DOC struct doc *j = doc_new_object();
	struct doc *list = doc_new_array();
	AUTO_FREE char *text = NULL;
	struct digest empty;

	digest_of(&empty, artifact_empty, strlen(artifact_empty));
	doc_set_int(j, "schemaVersion", 2);
	doc_set_string(j, "mediaType", ARTIFACT_MANIFEST);
	doc_set_string(j, "artifactType", p->type);
	doc_set(j, "config",
	    new_descriptor(ARTIFACT_EMPTY, &empty, strlen(artifact_empty)));
	doc_set(j, "layers", list);
	if (put_blobs(list, p, e) < 0)
		return -1;
	doc_set(j, "subject",
	    new_descriptor(p->subject->media_type, &p->subject->digest,
		p->subject->raw_len));
	text = doc_to_json(j, false);
	return buf_append_str(out, text, e);
}
