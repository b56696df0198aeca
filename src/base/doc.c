#include "base/doc.h"

#include <assert.h>
#include <errno.h>

#include <jansson.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

/* `struct doc` is jansson's json_t under a name of ours, so that only this file
 * knows which library it is. */
#define IN(j) ((const json_t *)(j))
#define MUT(j) ((json_t *)(j))
#define OUT(j) ((struct doc *)(j))

_Static_assert(LIMIT_JSON_DEPTH <= JSON_PARSER_MAX_DEPTH, "jansson's depth");

static int
depth_of(const char *p, size_t n)
{
	int depth = 0, deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		if (in_string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				in_string = false;
		} else if (p[i] == '"') {
			in_string = true;
		} else if (p[i] == '{' || p[i] == '[') {
			if (++depth > deepest)
				deepest = depth;
		} else if (p[i] == '}' || p[i] == ']') {
			depth--;
		}
	}
	return deepest;
}

struct doc *
doc_parse_json(const void *p, size_t n, struct err *e)
{
	json_error_t why;
	json_t *j;

	if (depth_of(p, n) > LIMIT_JSON_DEPTH) {
		err_set(
		    e, EBADMSG, "JSON nests deeper than %d", LIMIT_JSON_DEPTH);
		return NULL;
	}
	j = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (j == NULL)
		err_set(
		    e, EBADMSG, "not JSON: line %d: %s", why.line, why.text);
	return OUT(j);
}

struct doc *
doc_ref(struct doc *j)
{
	return OUT(json_incref(MUT(j)));
}

void
doc_unref(struct doc *j)
{
	json_decref(MUT(j));
}

void
doc_wipe(struct doc *j)
{
	if (doc_is_string(j))
		explicit_bzero(
		    (char *)doc_string(j), json_string_length(MUT(j)));
	if (doc_is_array(j))
		for (size_t i = 0; i < doc_count(j); i++)
			doc_wipe(doc_at(j, i));
	if (doc_is_object(j)) {
		doc_for_each(j, key, v) {
			(void)key;
			doc_wipe(v);
		}
	}
}

bool
doc_is_object(const struct doc *j)
{
	return j != NULL && json_typeof(IN(j)) == JSON_OBJECT;
}

bool
doc_is_array(const struct doc *j)
{
	return j != NULL && json_typeof(IN(j)) == JSON_ARRAY;
}

bool
doc_is_string(const struct doc *j)
{
	return j != NULL && json_typeof(IN(j)) == JSON_STRING;
}

bool
doc_is_int(const struct doc *j)
{
	return j != NULL && json_typeof(IN(j)) == JSON_INTEGER;
}

bool
doc_is_bool(const struct doc *j)
{
	return j != NULL && json_is_boolean(IN(j));
}

bool
doc_is_null(const struct doc *j)
{
	return j != NULL && json_is_null(IN(j));
}

const char *
doc_string(const struct doc *j)
{
	return json_string_value(IN(j));
}

int64_t
doc_int(const struct doc *j)
{
	return json_integer_value(IN(j));
}

bool
doc_bool(const struct doc *j)
{
	return j != NULL && json_is_true(IN(j));
}

struct doc *
doc_find(const struct doc *object, const char *key)
{
	return OUT(json_object_get(IN(object), key));
}

size_t
doc_count(const struct doc *j)
{
	return doc_is_object(j) ? json_object_size(IN(j))
				: json_array_size(IN(j));
}

struct doc *
doc_at(const struct doc *array, size_t i)
{
	return OUT(json_array_get(IN(array), i));
}

static int
wrong_type(const char *key, const char *type, struct err *e)
{
	return err_set(e, EBADMSG, "\"%s\" is not %s", key, type);
}

static int
missing(const char *key, struct err *e)
{
	return err_set(e, EBADMSG, "\"%s\" is missing", key);
}

static bool
is_absent(const struct doc *j)
{
	return j == NULL || doc_is_null(j);
}

int
doc_find_string(
    const struct doc *o, const char *key, const char **out, struct err *e)
{
	struct doc *j = doc_find(o, key);

	if (is_absent(j))
		return 0;
	if (!doc_is_string(j))
		return wrong_type(key, "a string", e);
	*out = doc_string(j);
	return 0;
}

int
doc_find_int(const struct doc *o, const char *key, int64_t *out, struct err *e)
{
	struct doc *j = doc_find(o, key);

	if (is_absent(j))
		return 0;
	if (!doc_is_int(j))
		return wrong_type(key, "a whole number", e);
	*out = doc_int(j);
	return 0;
}

int
doc_find_bool(const struct doc *o, const char *key, bool *out, struct err *e)
{
	struct doc *j = doc_find(o, key);

	if (is_absent(j))
		return 0;
	if (!doc_is_bool(j))
		return wrong_type(key, "true or false", e);
	*out = doc_bool(j);
	return 0;
}

int
doc_get_string(
    const struct doc *o, const char *key, const char **out, struct err *e)
{
	if (is_absent(doc_find(o, key)))
		return missing(key, e);
	return doc_find_string(o, key, out, e);
}

int
doc_get_int(const struct doc *o, const char *key, int64_t *out, struct err *e)
{
	if (is_absent(doc_find(o, key)))
		return missing(key, e);
	return doc_find_int(o, key, out, e);
}

int
doc_get_object(
    const struct doc *o, const char *key, struct doc **out, struct err *e)
{
	*out = doc_find(o, key);
	if (is_absent(*out))
		return missing(key, e);
	return doc_is_object(*out) ? 0 : wrong_type(key, "an object", e);
}

int
doc_get_array(
    const struct doc *o, const char *key, struct doc **out, struct err *e)
{
	*out = doc_find(o, key);
	if (is_absent(*out))
		return missing(key, e);
	return doc_is_array(*out) ? 0 : wrong_type(key, "an array", e);
}

void *
doc_next(struct doc *o, void *iter, const char **key, struct doc **v)
{
	iter = iter == NULL ? json_object_iter(MUT(o))
			    : json_object_iter_next(MUT(o), iter);
	if (iter != NULL) {
		*key = json_object_iter_key(iter);
		*v = OUT(json_object_iter_value(iter));
	}
	return iter;
}

static struct doc *
made(json_t *j)
{
	assert(j != NULL);
	return OUT(j);
}

struct doc *
doc_new_object(void)
{
	return made(json_object());
}

struct doc *
doc_new_array(void)
{
	return made(json_array());
}

struct doc *
doc_new_string(const char *s)
{
	size_t left = strlen(s), at = 0;
	AUTO_FREE char *clean = malloc(3 * left + 1);

	assert(clean != NULL);
	while (left > 0) {
		size_t n = utf8_length((const uint8_t *)s, left);

		if (n == 0) {
			memcpy(clean + at, "\xEF\xBF\xBD", 3);
			at += 3;
			n = 1;
		} else {
			memcpy(clean + at, s, n);
			at += n;
		}
		s += n;
		left -= n;
	}
	return made(json_stringn_nocheck(clean, at));
}

struct doc *
doc_new_int(int64_t v)
{
	return made(json_integer(v));
}

struct doc *
doc_new_bool(bool v)
{
	return made(json_boolean(v));
}

void
doc_set(struct doc *o, const char *key, struct doc *take)
{
	assert(json_object_set_new(MUT(o), key, MUT(take)) == 0);
}

void
doc_set_string(struct doc *o, const char *key, const char *s)
{
	doc_set(o, key, doc_new_string(s));
}

void
doc_set_int(struct doc *o, const char *key, int64_t v)
{
	doc_set(o, key, doc_new_int(v));
}

void
doc_set_bool(struct doc *o, const char *key, bool v)
{
	doc_set(o, key, doc_new_bool(v));
}

void
doc_remove(struct doc *o, const char *key)
{
	json_object_del(MUT(o), key);
}

void
doc_append(struct doc *array, struct doc *take)
{
	assert(json_array_append_new(MUT(array), MUT(take)) == 0);
}

char *
doc_to_json(const struct doc *j, bool pretty)
{
	char *s = json_dumps(
	    IN(j), JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT));

	assert(s != NULL);
	return s;
}
