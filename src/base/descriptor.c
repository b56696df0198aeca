#include "base/descriptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

void
descriptor_release(struct descriptor *d)
{
	free(d->media_type);
	for (size_t i = 0; i < d->n_annotations; i++) {
		free(d->annotations[i].key);
		free(d->annotations[i].value);
	}
	free(d->annotations);
	*d = (struct descriptor){ 0 };
}

static int
add_annotation(
    struct descriptor *d, const char *key, const char *value, struct err *e)
{
	struct annotation *a = &d->annotations[d->n_annotations];

	a->key = strdup(key);
	a->value = strdup(value);
	d->n_annotations++;
	if (a->key == NULL || a->value == NULL)
		return err_set(e, ENOMEM, "annotation");
	return 0;
}

static int
reserve_annotations(struct descriptor *d, size_t n, struct err *e)
{
	if (n > LIMIT_ANNOTATIONS)
		return err_set(e, E2BIG, "%zu annotations, at most %d", n,
		    LIMIT_ANNOTATIONS);
	if (n == 0)
		return 0;
	d->annotations = calloc(n, sizeof *d->annotations);
	return d->annotations == NULL ? err_set(e, ENOMEM, "annotations") : 0;
}

static int
parse_annotations(struct descriptor *d, struct doc *j, struct err *e)
{
	if (j == NULL)
		return 0;
	if (!doc_is_object(j))
		return err_set(e, EBADMSG, "\"annotations\" is not an object");
	if (reserve_annotations(d, doc_count(j), e) < 0)
		return -1;
	doc_for_each(j, key, value) {
		if (!doc_is_string(value))
			return err_set(e, EBADMSG,
			    "annotation \"%s\" is not a string", key);
		if (add_annotation(d, key, doc_string(value), e) < 0)
			return -1;
	}
	return 0;
}

static int
parse_members(struct descriptor *d, const struct doc *j, struct err *e)
{
	const char *digest, *type = "";
	int64_t size;

	if (doc_find_string(j, "mediaType", &type, e) < 0 ||
	    doc_get_string(j, "digest", &digest, e) < 0 ||
	    digest_parse(&d->digest, digest, e) < 0 ||
	    doc_get_int(j, "size", &size, e) < 0)
		return -1;
	if (size < 0 || (uint64_t)size > LIMIT_BLOB_BYTES)
		return err_set(
		    e, EBADMSG, "size %jd is out of range", (intmax_t)size);
	d->size = size;
	d->media_type = strdup(type);
	if (d->media_type == NULL)
		return err_set(e, ENOMEM, "descriptor");
	return parse_annotations(d, doc_find(j, "annotations"), e);
}

int
descriptor_parse(struct descriptor *d, const struct doc *j, struct err *e)
{
	*d = (struct descriptor){ 0 };
	if (!doc_is_object(j))
		return err_set(e, EBADMSG, "a descriptor is not an object");
	if (parse_members(d, j, e) < 0) {
		descriptor_release(d);
		return -1;
	}
	return 0;
}

struct doc *
descriptor_to_doc(const struct descriptor *d)
{
	struct doc *j = doc_new_object();

	doc_set_string(j, "mediaType", d->media_type);
	doc_set_string(j, "digest", DIGEST_TEXT(&d->digest));
	doc_set_int(j, "size", d->size);
	if (d->n_annotations > 0) {
		struct doc *a = doc_new_object();

		for (size_t i = 0; i < d->n_annotations; i++)
			doc_set_string(
			    a, d->annotations[i].key, d->annotations[i].value);
		doc_set(j, "annotations", a);
	}
	return j;
}

int
descriptor_copy(
    struct descriptor *to, const struct descriptor *from, struct err *e)
{
	*to = (struct descriptor){ .digest = from->digest, .size = from->size };
	to->media_type = strdup(from->media_type);
	if (to->media_type == NULL) {
		err_set(e, ENOMEM, "descriptor");
		goto failed;
	}
	if (reserve_annotations(to, from->n_annotations, e) < 0)
		goto failed;
	for (size_t i = 0; i < from->n_annotations; i++)
		if (add_annotation(to, from->annotations[i].key,
			from->annotations[i].value, e) < 0)
			goto failed;
	return 0;
failed:
	descriptor_release(to);
	return -1;
}

const char *
descriptor_annotation(const struct descriptor *d, const char *key)
{
	for (size_t i = 0; i < d->n_annotations; i++)
		if (strcmp(d->annotations[i].key, key) == 0)
			return d->annotations[i].value;
	return NULL;
}
