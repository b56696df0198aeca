#include "runtime/labels.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/err.h"
#include "base/utf8.h"

#define CRI "containerd.io/snapshot/cri."
#define STARGZ "containerd.io/snapshot/remote/stargz."

static bool
is_utf8(const char *s)
{
	size_t left = strlen(s), n;

	for (; left > 0; s += n, left -= n) {
		n = utf8_length((const uint8_t *)s, left);
		if (n == 0)
			return false;
	}
	return true;
}

int
labels_set(
    struct doc *labels, const char *key, const char *value, struct err *e)
{
	if (*key == 0 || !is_utf8(key) || !is_utf8(value))
		return err_set(e, EINVAL, "a label that is no text");
	if (strlen(key) + strlen(value) > LABEL_BYTES_MAX)
		return err_set(e, EINVAL, "label %.40s...: longer than %d", key,
		    LABEL_BYTES_MAX);
	if (*value == 0) {
		doc_remove(labels, key);
		return 0;
	}
	if (doc_count(labels) >= LABELS_MAX && doc_find(labels, key) == NULL)
		return err_set(e, EINVAL, "more than %d labels", LABELS_MAX);
	doc_set_string(labels, key, value);
	return 0;
}

bool
labels_equal(struct doc *a, struct doc *b)
{
	if (doc_count(a) != doc_count(b))
		return false;
	doc_for_each(a, key, v) {
		const char *other = doc_string(doc_find(b, key));

		if (other == NULL || strcmp(doc_string(v), other) != 0)
			return false;
	}
	return true;
}

static const char *
find(const struct doc *labels, const char *key)
{
	return doc_string(doc_find(labels, key));
}

/* The first of the two that is there. */
static const char *
find_either(const struct doc *labels, const char *one, const char *two)
{
	const char *v = find(labels, one);

	return v != NULL ? v : find(labels, two);
}

static int
read_digest(const char *text, struct digest *out, bool *is_there, struct err *e)
{
	*is_there = text != NULL;
	if (text == NULL || digest_parse(out, text, e) == 0)
		return 0;
	e->code = EINVAL;
	return err_wrap(e, "label");
}

int
labels_find_remote(const struct doc *labels, struct remote_request *out,
    bool *is_remote, struct err *e)
{
	*out = (struct remote_request){
		.reference =
		    find_either(labels, CRI "image-ref", STARGZ "reference"),
	};
	if (read_digest(find(labels, LABEL_CHAIN), &out->chain, is_remote, e) <
		0 ||
	    read_digest(find(labels, CRI "manifest-digest"), &out->manifest,
		&out->has_manifest, e) < 0)
		return -1;
	return read_digest(
	    find_either(labels, CRI "layer-digest", STARGZ "digest"),
	    &out->layer, &out->has_layer, e);
}

/* A number up to `end`; false where there is another text. */
static bool
take_number(const char **p, uint32_t *out)
{
	char *end;
	unsigned long long v;

	if (!isdigit((unsigned char)**p))
		return false;
	v = strtoull(*p, &end, 10);
	*p = end;
	*out = v;
	return v <= UINT32_MAX;
}

/* Where id 0 of the container is on the host. */
static bool
map_zero(const char *text, uint32_t *id)
{
	bool is_found = false;

	for (const char *p = text;; p++) {
		uint32_t inside, outside, count;

		if (!take_number(&p, &inside) || *p++ != ':' ||
		    !take_number(&p, &outside) || *p++ != ':' ||
		    !take_number(&p, &count) || count == 0)
			return false;
		/* (uid_t)-1 is no id. */
		if (outside == UINT32_MAX)
			return false;
		if (inside == 0) {
			*id = outside;
			is_found = true;
		}
		if (*p != ',')
			return *p == 0 && is_found;
	}
}

int
labels_map_root(
    const struct doc *labels, uint32_t *uid, uint32_t *gid, struct err *e)
{
	const char *uids = find(labels, LABEL_UIDS);
	const char *gids = find(labels, LABEL_GIDS);

	if (uids != NULL && !map_zero(uids, uid))
		return err_set(
		    e, EINVAL, "label " LABEL_UIDS ": \"%.100s\"", uids);
	if (gids != NULL && !map_zero(gids, gid))
		return err_set(
		    e, EINVAL, "label " LABEL_GIDS ": \"%.100s\"", gids);
	return 0;
}
