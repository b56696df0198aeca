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

static bool
is_set(struct doc *labels)
{
	doc_for_each(labels, key, v) {
		(void)key;
		if (!doc_is_string(v))
			return false;
	}
	return doc_is_object(labels);
}

struct doc *
labels_parse(const char *text, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_parse_json(text, strlen(text), e);

	if (labels == NULL)
		return NULL;
	if (!is_set(labels)) {
		err_set(e, EBADMSG, "labels that are no texts");
		return NULL;
	}
	return take_ptr(&labels);
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

#define NO_ID ((uint32_t)-1)

static bool
take_range(const char **p, struct agent_id_range *r)
{
	return take_number(p, &r->inside) && *(*p)++ == ':' &&
	       take_number(p, &r->outside) && *(*p)++ == ':' &&
	       take_number(p, &r->count) && r->count > 0;
}

static bool
parse_map(const char *p, struct agent_id_map *m)
{
	for (m->n = 0; m->n < AGENT_RANGES_MAX; p++) {
		if (!take_range(&p, &m->ranges[m->n]))
			return false;
		m->n++;
		if (*p != ',')
			return *p == 0 && label_map_root(m) != NO_ID;
	}
	return false;
}

static int
find_map(const struct doc *labels, const char *key, struct agent_id_map *m,
    struct err *e)
{
	const char *text = find(labels, key);

	if (parse_map(text != NULL ? text : "0:0:4294967295", m))
		return 0;
	return err_set(e, EINVAL, "label %s: \"%.100s\"", key, text);
}

int
labels_find_maps(const struct doc *labels, struct label_maps *out,
    bool *is_mapped, struct err *e)
{
	*is_mapped = doc_find(labels, LABEL_UIDS) != NULL ||
		     doc_find(labels, LABEL_GIDS) != NULL;
	if (!*is_mapped)
		return 0;
	if (find_map(labels, LABEL_UIDS, &out->uids, e) < 0)
		return -1;
	return find_map(labels, LABEL_GIDS, &out->gids, e);
}

uint32_t
label_map_root(const struct agent_id_map *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->ranges[i].inside == 0)
			return m->ranges[i].outside;
	return NO_ID;
}
