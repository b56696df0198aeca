#include "registry/manifest.h"

#include <errno.h>
#include <string.h>

#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

enum kind_of_type { TYPE_IMAGE, TYPE_INDEX, TYPE_SCHEMA1 };

static const struct {
	const char *name;
	enum kind_of_type kind;
} manifest_types[] = {
	{ "application/vnd.oci.image.manifest.v1+json", TYPE_IMAGE },
	{ "application/vnd.docker.distribution.manifest.v2+json", TYPE_IMAGE },
	{ "application/vnd.oci.image.index.v1+json", TYPE_INDEX },
	{ "application/vnd.docker.distribution.manifest.list.v2+json",
	    TYPE_INDEX },
	{ "application/vnd.docker.distribution.manifest.v1+json",
	    TYPE_SCHEMA1 },
	{ "application/vnd.docker.distribution.manifest.v1+prettyjws",
	    TYPE_SCHEMA1 },
};

static const char *const config_types[] = {
	"application/vnd.oci.image.config.v1+json",
	"application/vnd.docker.container.image.v1+json",
	NULL,
};

/* Foreign and non-distributable layers are missing on purpose: registries do
 * not hold them. */
static const char *const layer_types[] = {
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.oci.image.layer.v1.tar+zstd",
	"application/vnd.docker.image.rootfs.diff.tar",
	"application/vnd.docker.image.rootfs.diff.tar.gzip",
	"application/vnd.docker.image.rootfs.diff.tar.zstd",
	NULL,
};

static bool
is_listed(const char *const *list, const char *s)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, s) == 0)
			return true;
	return false;
}

bool
manifest_is_image_config(const char *media_type)
{
	return is_listed(config_types, media_type);
}

static struct doc *
parse_document(const void *p, size_t n, struct err *e)
{
	struct doc *j;

	if (n > LIMIT_MANIFEST_BYTES) {
		err_set(
		    e, E2BIG, "a manifest over %d bytes", LIMIT_MANIFEST_BYTES);
		return NULL;
	}
	j = doc_parse_json(p, n, e);
	if (j != NULL && !doc_is_object(j)) {
		doc_unref(j);
		err_set(e, EBADMSG, "a manifest that is no object");
		return NULL;
	}
	return j;
}

static int
schema1(struct err *e)
{
	return err_set(e, ENOTSUP,
	    "a schema 1 manifest: the format ended in 2019; push the image "
	    "again");
}

static int
kind_by_type(const char *type, enum manifest_kind *kind, struct err *e)
{
	for (size_t i = 0; i < sizeof manifest_types / sizeof *manifest_types;
	     i++) {
		if (strcmp(manifest_types[i].name, type) != 0)
			continue;
		if (manifest_types[i].kind == TYPE_SCHEMA1)
			return schema1(e);
		*kind = manifest_types[i].kind == TYPE_IMAGE ? MANIFEST_IMAGE
							     : MANIFEST_INDEX;
		return 0;
	}
	return err_set(e, ENOTSUP, "\"%.100s\" is no image", type);
}

/* A document that is both would be read as one thing here and as another
 * elsewhere under the same digest (CVE-2021-41190): refused. */
static int
kind_of(const struct doc *j, enum manifest_kind *kind, struct err *e)
{
	bool has_layers =
	    doc_find(j, "layers") != NULL || doc_find(j, "config") != NULL;
	bool has_manifests = doc_find(j, "manifests") != NULL;
	const char *type = NULL;
	int64_t schema = 2;

	if (doc_find_int(j, "schemaVersion", &schema, e) < 0 ||
	    doc_find_string(j, "mediaType", &type, e) < 0)
		return -1;
	if (schema == 1)
		return schema1(e);
	if (has_layers && has_manifests)
		return err_set(e, EBADMSG, "both a manifest and an index");
	if (type != NULL && *type != 0) {
		if (kind_by_type(type, kind, e) < 0)
			return -1;
		if (*kind == MANIFEST_IMAGE ? has_manifests : has_layers)
			return err_set(
			    e, EBADMSG, "not what its mediaType says");
		return 0;
	}
	if (!has_layers && !has_manifests)
		return err_set(e, EBADMSG, "neither manifest nor index");
	*kind = has_layers ? MANIFEST_IMAGE : MANIFEST_INDEX;
	return 0;
}

int
manifest_kind(const void *p, size_t n, enum manifest_kind *kind, struct err *e)
{
	AUTO_DOC struct doc *j = parse_document(p, n, e);

	return j == NULL ? -1 : kind_of(j, kind, e);
}

/* ---- image manifests ---- */

void
manifest_release(struct manifest *m)
{
	free(m->media_type);
	descriptor_release(&m->config);
	for (size_t i = 0; i < m->n_layers; i++)
		descriptor_release(&m->layers[i]);
	free(m->layers);
	free(m->raw);
	*m = (struct manifest){ 0 };
}

static int
parse_config(struct manifest *m, const struct doc *j, struct err *e)
{
	struct doc *config;

	if (doc_get_object(j, "config", &config, e) < 0)
		return -1;
	if (descriptor_parse(&m->config, config, e) < 0)
		return err_wrap(e, "config");
	if (!manifest_is_image_config(m->config.media_type))
		return err_set(e, ENOTSUP,
		    "an artifact (\"%.100s\"), not a container image",
		    m->config.media_type);
	if (m->config.size > LIMIT_CONFIG_BYTES)
		return err_set(
		    e, EBADMSG, "config over %d bytes", LIMIT_CONFIG_BYTES);
	return 0;
}

static int
parse_layer(struct manifest *m, const struct doc *j, struct err *e)
{
	struct descriptor *d = &m->layers[m->n_layers];

	if (descriptor_parse(d, j, e) < 0)
		return -1;
	m->n_layers++;
	if (!is_listed(layer_types, d->media_type))
		return err_set(e, ENOTSUP, "\"%.100s\" is no layer to mount",
		    d->media_type);
	return 0;
}

static int
parse_layers(struct manifest *m, const struct doc *j, struct err *e)
{
	struct doc *layers;
	size_t n;

	if (doc_get_array(j, "layers", &layers, e) < 0)
		return -1;
	n = doc_count(layers);
	if (n > LIMIT_LAYERS)
		return err_set(
		    e, EBADMSG, "%zu layers, at most %d", n, LIMIT_LAYERS);
	m->layers = calloc(n + 1, sizeof *m->layers);
	if (m->layers == NULL)
		return err_set(e, ENOMEM, "layers");
	for (size_t i = 0; i < n; i++)
		if (parse_layer(m, doc_at(layers, i), e) < 0)
			return err_wrap(e, "layer %zu", i + 1);
	return 0;
}

static int
parse_image(struct manifest *m, const struct doc *j, struct err *e)
{
	const char *type = manifest_types[0].name;
	enum manifest_kind kind;

	if (kind_of(j, &kind, e) < 0 ||
	    doc_find_string(j, "mediaType", &type, e) < 0)
		return -1;
	if (kind != MANIFEST_IMAGE)
		return err_set(e, EBADMSG, "an index, not a manifest");
	m->media_type = strdup(*type != 0 ? type : manifest_types[0].name);
	if (m->media_type == NULL)
		return err_set(e, ENOMEM, "manifest");
	return parse_config(m, j, e) < 0 ? -1 : parse_layers(m, j, e);
}

int
manifest_parse(struct manifest *m, const void *p, size_t n, struct err *e)
{
	AUTO_DOC struct doc *j = parse_document(p, n, e);

	*m = (struct manifest){ 0 };
	if (j == NULL)
		return -1;
	if (parse_image(m, j, e) < 0)
		goto failed;
	m->raw = malloc(n);
	if (m->raw == NULL) {
		err_set(e, ENOMEM, "manifest");
		goto failed;
	}
	memcpy(m->raw, p, n);
	m->raw_len = n;
	digest_of(&m->digest, p, n);
	return 0;
failed:
	manifest_release(m);
	return -1;
}
