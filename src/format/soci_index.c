#include "format/soci_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

#define LAYER_ANNOTATION "com.amazon.soci.image-layer-digest"
#define INDEX_ANNOTATION "com.amazon.soci.index-digest"
#define TABLE_TYPE "application/octet-stream"

void
soci_index_release(struct soci_index *x)
{
	for (size_t i = 0; i < x->n_tables; i++)
		descriptor_release(&x->tables[i].table);
	free(x->tables);
	*x = (struct soci_index){ 0 };
}

/* ---- what it is ---- */

static int
check_type(const struct doc *j, struct err *e)
{
	const char *type =
	    doc_string(doc_find(doc_find(j, "config"), "mediaType"));

	if (type != NULL && (strcmp(type, SOCI_INDEX_V1) == 0 ||
				strcmp(type, SOCI_INDEX_V2) == 0))
		return 0;
	return err_set(
	    e, ENOTSUP, "\"%.80s\" is no SOCI index", type != NULL ? type : "");
}

static int
read_subject(struct soci_index *x, const struct doc *j, struct err *e)
{
	const struct doc *subject = doc_find(j, "subject");
	struct descriptor d;

	if (subject == NULL)
		return 0;
	if (descriptor_parse(&d, subject, e) < 0)
		return err_wrap(e, "subject");
	x->has_subject = true;
	x->subject = d.digest;
	descriptor_release(&d);
	return 0;
}

/* ---- its tables ---- */

/* What is no table is not ours to know. */
static int
read_table(struct soci_index *x, const struct doc *j, struct err *e)
{
	struct soci_table *t = &x->tables[x->n_tables];
	const char *layer;

	if (descriptor_parse(&t->table, j, e) < 0)
		return -1;
	x->n_tables++;
	layer = descriptor_annotation(&t->table, LAYER_ANNOTATION);
	if (layer == NULL || strcmp(t->table.media_type, TABLE_TYPE) != 0) {
		descriptor_release(&t->table);
		x->n_tables--;
		return 0;
	}
	if (digest_parse(&t->layer, layer, e) < 0)
		return err_set(
		    e, EBADMSG, LAYER_ANNOTATION " is no sha256 digest");
	return 0;
}

static int
read_tables(struct soci_index *x, const struct doc *j, struct err *e)
{
	struct doc *layers;
	size_t n;

	if (doc_get_array(j, "layers", &layers, e) < 0)
		return -1;
	n = doc_count(layers);
	if (n > 2 * LIMIT_LAYERS)
		return err_set(e, EBADMSG, "%zu tables", n);
	x->tables = calloc(n + 1, sizeof *x->tables);
	if (x->tables == NULL)
		return err_set(e, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		if (read_table(x, doc_at(layers, i), e) < 0)
			return err_wrap(e, "table %zu", i + 1);
	return 0;
}

int
soci_index_parse(struct soci_index *x, const void *p, size_t n, struct err *e)
{
	AUTO_DOC struct doc *j = NULL;

	*x = (struct soci_index){ 0 };
	if (n > LIMIT_MANIFEST_BYTES)
		return err_set(e, E2BIG, "an index of %zu bytes", n);
	j = doc_parse_json(p, n, e);
	if (j == NULL)
		return -1;
	if (check_type(j, e) < 0 || read_subject(x, j, e) < 0 ||
	    read_tables(x, j, e) < 0) {
		soci_index_release(x);
		return err_wrap(e, "SOCI index");
	}
	return 0;
}

const struct descriptor *
soci_index_find(const struct soci_index *x, const struct digest *layer)
{
	for (size_t i = 0; i < x->n_tables; i++)
		if (digest_equal(&x->tables[i].layer, layer))
			return &x->tables[i].table;
	return NULL;
}

bool
soci_index_of_manifest(const void *p, size_t n, struct digest *out)
{
	struct err e = ERR_INIT;
	AUTO_DOC struct doc *j = doc_parse_json(p, n, &e);
	const char *text =
	    doc_string(doc_find(doc_find(j, "annotations"), INDEX_ANNOTATION));

	return text != NULL && digest_parse(out, text, &e) == 0;
}
