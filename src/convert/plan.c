#include "convert/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/reference.h"
#include "registry/registry.h"
#include "registry/source.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"

/* BuildKit's, in an index beside what they are about. */
static const char reference_type[] = "vnd.docker.reference.type";

/* ---- one manifest ---- */

/* The same blob may be unpacked in two images, and must be the same tar. */
static size_t
find_layer(const struct plan *p, const struct descriptor *d,
    const struct digest *diff_id)
{
	size_t i = 0;

	while (i < p->n_layers &&
	       (!digest_equal(&p->layers[i].from.digest, &d->digest) ||
		   !digest_equal(&p->layers[i].diff_id, diff_id)))
		i++;
	return i;
}

static int
add_layer(struct plan *p, const struct descriptor *d,
    const struct digest *diff_id, size_t *number, struct err *e)
{
	struct plan_layer *more;

	*number = find_layer(p, d, diff_id);
	if (*number < p->n_layers)
		return 0;
	more = reallocarray(p->layers, p->n_layers + 1, sizeof *p->layers);
	if (more == NULL)
		return err_set(e, ENOMEM, "layers");
	p->layers = more;
	more[p->n_layers] = (struct plan_layer){
		.diff_id = *diff_id,
		.new_diff_id = *diff_id,
	};
	if (descriptor_copy(&more[p->n_layers].from, d, e) < 0)
		return -1;
	p->n_layers++;
	return 0;
}

static int
add_layers(struct plan *p, struct plan_image *m, const struct manifest *parsed,
    const struct image_config *c, struct err *e)
{
	if (c->n_diff_ids != parsed->n_layers)
		return err_set(e, EBADMSG,
		    "%zu layers, but the config has %zu diff_ids",
		    parsed->n_layers, c->n_diff_ids);
	m->layers = calloc(parsed->n_layers + 1, sizeof *m->layers);
	if (m->layers == NULL)
		return err_set(e, ENOMEM, "layers");
	for (; m->n_layers < parsed->n_layers; m->n_layers++)
		if (add_layer(p, &parsed->layers[m->n_layers],
			&c->diff_ids[m->n_layers], &m->layers[m->n_layers],
			e) < 0)
			return -1;
	return 0;
}

static int
read_config(struct plan *p, const struct plan_origin *o, struct plan_image *m,
    const struct manifest *parsed, struct err *e)
{
	struct image_config c;
	int rc;

	buf_init(&m->config_text, LIMIT_CONFIG_BYTES);
	if (descriptor_copy(&m->config, &parsed->config, e) < 0 ||
	    source_read_verified(o->source, &m->config, &m->config_text, e) < 0)
		return -1;
	if (image_config_parse(&c, m->config_text.data, m->config_text.len, e) <
	    0)
		return err_wrap(e, "config");
	rc = add_layers(p, m, parsed, &c, e);
	image_config_release(&c);
	return rc;
}

static struct plan_image *
new_image(struct plan *p, struct err *e)
{
	struct plan_image *more =
	    reallocarray(p->images, p->n_images + 1, sizeof *p->images);

	if (more == NULL) {
		err_set(e, ENOMEM, "manifests");
		return NULL;
	}
	p->images = more;
	more[p->n_images] = (struct plan_image){ 0 };
	return &more[p->n_images++];
}

static int
add_image(struct plan *p, const struct plan_origin *o, const struct buf *text,
    const char *platform, size_t entry, struct err *e)
{
	AUTO_MANIFEST struct manifest parsed = { 0 };
	struct plan_image *m = new_image(p, e);

	if (m == NULL || manifest_parse(&parsed, text->data, text->len, e) < 0)
		return -1;
	m->entry = entry;
	m->platform = strdup(platform);
	m->manifest = doc_parse_json(text->data, text->len, e);
	if (m->platform == NULL || m->manifest == NULL)
		return m->manifest == NULL ? -1
					   : err_set(e, ENOMEM, "manifests");
	return read_config(p, o, m, &parsed, e);
}

/* ---- an index ---- */

static bool
is_attestation(const struct doc *entry)
{
	return doc_find(doc_find(entry, "annotations"), reference_type) != NULL;
}

static void
name_platform(const struct doc *entry, char *out, size_t size)
{
	const struct doc *p = doc_find(entry, "platform");
	const char *os = doc_string(doc_find(p, "os"));
	const char *architecture = doc_string(doc_find(p, "architecture"));
	const char *variant = doc_string(doc_find(p, "variant"));

	snprintf(out, size, "%s%s%s%s%s", os == NULL ? "" : os,
	    os == NULL ? "" : "/", architecture == NULL ? "" : architecture,
	    variant == NULL ? "" : "/", variant == NULL ? "" : variant);
}

static int
add_entry(struct plan *p, const struct plan_origin *o, size_t i,
    const struct doc *entry, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	const struct registry_question q = { .reference = o->reference,
		.layout = o->layout };
	struct descriptor d;
	char platform[64];
	int rc;

	name_platform(entry, platform, sizeof platform);
	if (descriptor_parse(&d, entry, e) < 0)
		return err_wrap(e, "index");
	rc = registry_read_document(o->registry, &q, &d.digest, &text, e);
	if (rc == 0 && text.len != d.size)
		rc = err_set(e, EBADMSG,
		    "its manifest has %zu bytes, the index says %ju", text.len,
		    (uintmax_t)d.size);
	descriptor_release(&d);
	if (rc < 0 || add_image(p, o, &text, platform, i, e) < 0)
		return err_wrap(e, "%s", platform);
	return 0;
}

static int
read_index(struct plan *p, const struct plan_origin *o, const struct buf *text,
    struct err *e)
{
	struct doc *entries;

	p->index = doc_parse_json(text->data, text->len, e);
	if (p->index == NULL ||
	    doc_get_array(p->index, "manifests", &entries, e) < 0)
		return -1;
	if (doc_count(entries) > LIMIT_PLATFORMS)
		return err_set(e, EBADMSG, "over %d manifests in the index",
		    LIMIT_PLATFORMS);
	for (size_t i = 0; i < doc_count(entries); i++) {
		const struct doc *entry = doc_at(entries, i);

		if (is_attestation(entry))
			p->n_left_out++;
		else if (add_entry(p, o, i, entry, e) < 0)
			return -1;
	}
	if (p->n_images == 0)
		return err_set(e, ENOENT, "an index without images");
	return 0;
}

/* ---- all of it ---- */

static int
read_chosen(struct plan *p, const struct plan_origin *o, struct err *e)
{
	AUTO_MANIFEST struct manifest m = { 0 };
	const struct registry_question q = {
		.reference = o->reference,
		.layout = o->layout,
		.platform = o->platform,
	};
	struct buf text;

	if (registry_resolve(o->registry, &q, &m, e) < 0)
		return -1;
	text = (struct buf){ .data = (uint8_t *)m.raw, .len = m.raw_len };
	return add_image(p, o, &text, "", 0, e);
}

/* One that is no index is for whom its config says, if it does. */
static int
check_platform(
    const struct plan_image *m, const struct platform *want, struct err *e)
{
	struct image_config c;
	int rc = 0;

	if (image_config_parse(&c, m->config_text.data, m->config_text.len, e) <
	    0)
		return err_wrap(e, "config");
	if ((*c.os != 0 && strcmp(c.os, want->os) != 0) ||
	    (*c.architecture != 0 &&
		strcmp(c.architecture, want->architecture) != 0))
		rc = err_set(e, ENOENT, "it is for %s/%s alone, not for %s/%s",
		    c.os, c.architecture, want->os, want->architecture);
	image_config_release(&c);
	return rc;
}

static int
read_first(struct plan *p, const struct plan_origin *o, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	const struct registry_question q = { .reference = o->reference,
		.layout = o->layout };
	enum manifest_kind kind;

	if (registry_read_document(o->registry, &q, NULL, &text, e) < 0 ||
	    manifest_kind(text.data, text.len, &kind, e) < 0)
		return -1;
	if (kind == MANIFEST_INDEX)
		return o->platform != NULL ? read_chosen(p, o, e)
					   : read_index(p, o, &text, e);
	if (add_image(p, o, &text, "", 0, e) < 0)
		return -1;
	return o->platform == NULL
		   ? 0
		   : check_platform(&p->images[0], o->platform, e);
}

int
plan_read(struct plan *p, const struct plan_origin *o, struct err *e)
{
	int rc;

	*p = (struct plan){ 0 };
	rc = read_first(p, o, e);
	if (rc < 0)
		plan_release(p);
	return rc;
}

static void
release_image(struct plan_image *m)
{
	free(m->platform);
	doc_unref(m->manifest);
	descriptor_release(&m->config);
	buf_release(&m->config_text);
	free(m->layers);
}

void
plan_release(struct plan *p)
{
	for (size_t i = 0; i < p->n_images; i++)
		release_image(&p->images[i]);
	for (size_t i = 0; i < p->n_layers; i++) {
		descriptor_release(&p->layers[i].from);
		descriptor_release(&p->layers[i].to);
		wish_release(&p->layers[i].wish);
	}
	free(p->images);
	free(p->layers);
	doc_unref(p->index);
	*p = (struct plan){ 0 };
}

/* ---- a config of other tars ---- */

static bool
has_new_diff_ids(const struct plan *p, const struct plan_image *m)
{
	for (size_t i = 0; i < m->n_layers; i++) {
		const struct plan_layer *l = &p->layers[m->layers[i]];

		if (!digest_equal(&l->diff_id, &l->new_diff_id))
			return true;
	}
	return false;
}

static char *
config_text(const struct plan *p, const struct plan_image *m, struct err *e)
{
	AUTO_DOC struct doc *config =
	    doc_parse_json(m->config_text.data, m->config_text.len, e);
	struct doc *ids = doc_new_array();

	for (size_t i = 0; i < m->n_layers; i++)
		doc_append(ids, doc_new_string(DIGEST_TEXT(
				    &p->layers[m->layers[i]].new_diff_id)));
	if (config == NULL) {
		doc_unref(ids);
		return NULL;
	}
	doc_set(doc_find(config, "rootfs"), "diff_ids", ids);
	return doc_to_json(config, false);
}

int
plan_update_config(const struct plan *p, struct plan_image *m, struct err *e)
{
	AUTO_FREE char *text = NULL;
	struct doc *said = doc_find(m->manifest, "config");

	if (!has_new_diff_ids(p, m))
		return 0;
	text = config_text(p, m, e);
	if (text == NULL)
		return -1;
	m->config_text.len = 0;
	if (buf_append_str(&m->config_text, text, e) < 0)
		return -1;
	m->config.size = m->config_text.len;
	digest_of(&m->config.digest, m->config_text.data, m->config_text.len);
	doc_set_string(said, "digest", DIGEST_TEXT(&m->config.digest));
	doc_set_int(said, "size", m->config.size);
	return 0;
}

/* ---- what is written ---- */

char *
plan_manifest(const struct plan *p, const struct plan_image *m)
{
	struct doc *layers = doc_new_array();

	for (size_t i = 0; i < m->n_layers; i++)
		doc_append(
		    layers, descriptor_to_doc(&p->layers[m->layers[i]].to));
	doc_set(m->manifest, "layers", layers);
	doc_set_string(m->manifest, "mediaType", OCI_MANIFEST);
	doc_set_string(
	    doc_find(m->manifest, "config"), "mediaType", OCI_CONFIG);
	return doc_to_json(m->manifest, false);
}

void
plan_set_entry(struct plan *p, const struct plan_image *m,
    const struct digest *d, size_t len)
{
	struct doc *entry = doc_at(doc_find(p->index, "manifests"), m->entry);

	doc_set_string(entry, "mediaType", OCI_MANIFEST);
	doc_set_string(entry, "digest", DIGEST_TEXT(d));
	doc_set_int(entry, "size", len);
}

char *
plan_index(const struct plan *p)
{
	const struct doc *entries = doc_find(p->index, "manifests");
	struct doc *kept = doc_new_array();

	for (size_t i = 0; i < doc_count(entries); i++)
		if (!is_attestation(doc_at(entries, i)))
			doc_append(kept, doc_ref(doc_at(entries, i)));
	doc_set(p->index, "manifests", kept);
	doc_set_string(p->index, "mediaType", OCI_INDEX);
	return doc_to_json(p->index, false);
}
