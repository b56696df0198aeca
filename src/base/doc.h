/* A document: objects, arrays, strings, whole numbers and truth values, of
 * moderate size.  Manifests, configuration (base/toml.h reads into this) and
 * the control protocol are documents.  (Tables of contents go through
 * base/json_pull.h.)
 *
 * A value is reference counted, by one thread at a time.  Getters borrow:
 * what they return lives as long as the document.  `what` in an error is the
 * key's name; the caller wraps with the document's.  JSON is RFC 8259;
 * duplicate keys are refused, depth is at most LIMIT_JSON_DEPTH.
 */
#ifndef BASE_DOC_H
#define BASE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"

struct err;
struct doc;

#define AUTO_DOC CLEANUP(doc_cleanup)

/* EBADMSG with line and reason when it is no JSON. */
struct doc *doc_parse_json(const void *p, size_t n, struct err *e);
struct doc *doc_ref(struct doc *j);
void doc_unref(struct doc *j);

/* Overwrites every string of it: for documents that hold secrets, before the
 * last doc_unref().  Keys stay. */
void doc_wipe(struct doc *j);

static inline void
doc_cleanup(struct doc **j)
{
	doc_unref(*j);
}

bool doc_is_object(const struct doc *j);
bool doc_is_array(const struct doc *j);
bool doc_is_string(const struct doc *j);
bool doc_is_int(const struct doc *j);
bool doc_is_bool(const struct doc *j);
bool doc_is_null(const struct doc *j);

/* The text or number itself; NULL or 0 when j is NULL or of another type. */
const char *doc_string(const struct doc *j);
int64_t doc_int(const struct doc *j);
bool doc_bool(const struct doc *j);

/* A member, or NULL.  doc_at() indexes an array. */
struct doc *doc_find(const struct doc *object, const char *key);
size_t doc_count(const struct doc *array_or_object);
struct doc *doc_at(const struct doc *array, size_t i);

/* Required members of the right type: EBADMSG names the key. */
int doc_get_string(
    const struct doc *o, const char *key, const char **out, struct err *e);
int doc_get_int(
    const struct doc *o, const char *key, int64_t *out, struct err *e);
int doc_get_object(
    const struct doc *o, const char *key, struct doc **out, struct err *e);
int doc_get_array(
    const struct doc *o, const char *key, struct doc **out, struct err *e);

/* Optional members: absent or null leaves *out alone; a wrong type is
 * EBADMSG. */
int doc_find_string(
    const struct doc *o, const char *key, const char **out, struct err *e);
int doc_find_int(
    const struct doc *o, const char *key, int64_t *out, struct err *e);
int doc_find_bool(
    const struct doc *o, const char *key, bool *out, struct err *e);

/* Members in order; returns NULL at the end.  Start with iter = NULL. */
void *doc_next(struct doc *o, void *iter, const char **key, struct doc **v);
#define doc_for_each(o, key, v)                                      \
	const char *key;                                             \
	struct doc *v;                                               \
	for (void *it_ = doc_next((o), NULL, &key, &v); it_ != NULL; \
	     it_ = doc_next((o), it_, &key, &v))

/* Making documents.  Out of memory aborts.  A text that is not UTF-8 has its
 * bad bytes replaced by U+FFFD. */
struct doc *doc_new_object(void);
struct doc *doc_new_array(void);
struct doc *doc_new_string(const char *s);
struct doc *doc_new_int(int64_t v);
struct doc *doc_new_bool(bool v);
void doc_set(struct doc *o, const char *key, struct doc *take);
void doc_set_string(struct doc *o, const char *key, const char *s);
void doc_set_int(struct doc *o, const char *key, int64_t v);
void doc_set_bool(struct doc *o, const char *key, bool v);
/* Absent is fine. */
void doc_remove(struct doc *o, const char *key);
void doc_append(struct doc *array, struct doc *take);

/* Compact text, or indented by two spaces.  Aborts on no memory; the caller
 * frees. */
char *doc_to_json(const struct doc *j, bool pretty);

#endif
