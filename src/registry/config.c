#include <errno.h>
#include <string.h>

#include "registry/manifest.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

void
image_config_release(struct image_config *c)
{
	free(c->diff_ids);
	free(c->os);
	free(c->architecture);
	*c = (struct image_config){ 0 };
}

static int
parse_diff_ids(struct image_config *c, const struct doc *j, struct err *e)
{
	struct doc *ids;
	size_t n;

	if (doc_get_array(j, "diff_ids", &ids, e) < 0)
		return -1;
	n = doc_count(ids);
	if (n > LIMIT_LAYERS)
		return err_set(
		    e, EBADMSG, "%zu diff_ids, at most %d", n, LIMIT_LAYERS);
	c->diff_ids = calloc(n + 1, sizeof *c->diff_ids);
	if (c->diff_ids == NULL)
		return err_set(e, ENOMEM, "diff_ids");
	for (size_t i = 0; i < n; i++) {
		const char *text = doc_string(doc_at(ids, i));

		if (text == NULL)
			return err_set(e, EBADMSG, "a diff_id is no string");
		if (digest_parse(&c->diff_ids[i], text, e) < 0)
			return err_wrap(e, "diff_id %zu", i + 1);
	}
	c->n_diff_ids = n;
	return 0;
}

static int
parse_members(struct image_config *c, const struct doc *j, struct err *e)
{
	const char *os = "", *architecture = "";
	struct doc *rootfs;

	if (!doc_is_object(j))
		return err_set(e, EBADMSG, "a config that is no object");
	if (doc_find_string(j, "os", &os, e) < 0 ||
	    doc_find_string(j, "architecture", &architecture, e) < 0 ||
	    doc_get_object(j, "rootfs", &rootfs, e) < 0)
		return -1;
	c->os = strdup(os);
	c->architecture = strdup(architecture);
	if (c->os == NULL || c->architecture == NULL)
		return err_set(e, ENOMEM, "config");
	return parse_diff_ids(c, rootfs, e);
}

int
image_config_parse(
    struct image_config *c, const void *p, size_t n, struct err *e)
{
	AUTO_DOC struct doc *j = NULL;

	*c = (struct image_config){ 0 };
	if (n > LIMIT_CONFIG_BYTES)
		return err_set(
		    e, E2BIG, "a config over %d bytes", LIMIT_CONFIG_BYTES);
	j = doc_parse_json(p, n, e);
	if (j == NULL)
		return -1;
	if (parse_members(c, j, e) < 0) {
		image_config_release(c);
		return -1;
	}
	return 0;
}
