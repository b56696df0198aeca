#include "base/toml.h"

#include <errno.h>
#include <stdlib.h>

#include "base/doc.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"
#include "base/toml_text.h"

/* How a table or array came to be decides what may still be added to it.  A
 * document does not remember that, so it is noted beside it.  What has no note
 * ({...}, [...] and the elements of [[a]]) is reached by no key again. */
enum origin {
	ORIGIN_IMPLIED, /* [a.b] implies a: [a] may still follow */
	ORIGIN_HEADER,  /* [a] */
	ORIGIN_DOTTED,  /* a.b = 1 makes a: no [a] may follow */
	ORIGIN_ELEMENT, /* [[a]]: a itself, an array that may grow */
};

struct note {
	struct hnode node;
	const struct doc *of;
	enum origin origin;
};

struct parser {
	struct toml_text text;
	struct doc *root;
	struct hmap notes;
};

/* A key while it is read. */
#define KEY_INIT BUF_INIT(LIMIT_CONFIG_FILE_BYTES)

/* --- notes --- */

static struct note *
note_find(const struct parser *p, const struct doc *of)
{
	hmap_for_each_match(&p->notes, hash_u64((uintptr_t)of), n) {
		struct note *note = container_of(n, struct note, node);

		if (note->of == of)
			return note;
	}
	return NULL;
}

static int
note_add(struct parser *p, const struct doc *of, enum origin origin)
{
	struct note *note = malloc(sizeof *note);

	if (note == NULL)
		return err_set(p->text.e, ENOMEM, "TOML");
	*note = (struct note){ .of = of, .origin = origin };
	hmap_insert(&p->notes, &note->node, hash_u64((uintptr_t)of));
	return 0;
}

static void
notes_release(struct hmap *notes)
{
	struct hnode *n;

	while ((n = hmap_any(notes)) != NULL) {
		hmap_remove(notes, n);
		free(container_of(n, struct note, node));
	}
	hmap_release(notes);
}

/* --- keys --- */

/* The table called `key` in `in`, made where there is none; `origin` is what
 * makes it.  An array of tables stands for its last. */
static struct doc *
descend(struct parser *p, struct doc *in, const char *key, enum origin origin)
{
	struct doc *found = doc_find(in, key);
	struct note *note;

	if (found == NULL) {
		found = doc_new_object();
		doc_set(in, key, found);
		return note_add(p, found, origin) < 0 ? NULL : found;
	}
	note = note_find(p, found);
	if (note != NULL && note->origin == ORIGIN_ELEMENT &&
	    origin == ORIGIN_IMPLIED)
		return doc_at(found, doc_count(found) - 1);
	if (note == NULL || !doc_is_object(found) ||
	    (origin == ORIGIN_DOTTED && note->origin != ORIGIN_DOTTED)) {
		toml_fail(&p->text, "\"%s\" cannot be added to", key);
		return NULL;
	}
	return found;
}

/* Walks a dotted key from *table to the table that holds its last part, which
 * is left in `last`. */
static int
read_key(struct parser *p, struct doc **table, unsigned *depth,
    enum origin origin, struct buf *last)
{
	for (;;) {
		toml_skip_blanks(&p->text);
		if (toml_read_key_part(&p->text, last) < 0)
			return -1;
		toml_skip_blanks(&p->text);
		if (!toml_take(&p->text, "."))
			return 0;
		if (++*depth > LIMIT_JSON_DEPTH)
			return toml_fail(
			    &p->text, "nests deeper than %d", LIMIT_JSON_DEPTH);
		*table = descend(p, *table, buf_str(last), origin);
		if (*table == NULL)
			return -1;
	}
}

/* --- values --- */

static struct doc *read_value(struct parser *p, unsigned depth);

static int
read_pair(struct parser *p, struct doc *table, unsigned depth)
{
	AUTO_BUF struct buf key = KEY_INIT;
	struct doc *value;

	if (read_key(p, &table, &depth, ORIGIN_DOTTED, &key) < 0)
		return -1;
	if (doc_find(table, buf_str(&key)) != NULL)
		return toml_fail(
		    &p->text, "\"%s\" is there already", buf_str(&key));
	if (!toml_take(&p->text, "="))
		return toml_fail(
		    &p->text, "\"%s\" wants a \"=\"", buf_str(&key));
	toml_skip_blanks(&p->text);
	value = read_value(p, depth);
	if (value == NULL)
		return -1;
	doc_set(table, buf_str(&key), value);
	return 0;
}

static int
read_inline_table(struct parser *p, struct doc *table, unsigned depth)
{
	toml_skip_blanks(&p->text);
	if (toml_take(&p->text, "}"))
		return 0;
	do {
		if (read_pair(p, table, depth) < 0)
			return -1;
		toml_skip_blanks(&p->text);
	} while (toml_take(&p->text, ","));
	return toml_take(&p->text, "}")
		   ? 0
		   : toml_fail(&p->text, "\"{\" without its \"}\"");
}

static int
read_array(struct parser *p, struct doc *array, unsigned depth)
{
	do {
		struct doc *value;

		if (toml_skip_lines(&p->text) < 0)
			return -1;
		if (toml_take(&p->text, "]"))
			return 0;
		value = read_value(p, depth);
		if (value == NULL)
			return -1;
		doc_append(array, value);
		if (toml_skip_lines(&p->text) < 0)
			return -1;
	} while (toml_take(&p->text, ","));
	return toml_take(&p->text, "]")
		   ? 0
		   : toml_fail(&p->text, "\"[\" without its \"]\"");
}

static struct doc *
read_value(struct parser *p, unsigned depth)
{
	AUTO_DOC struct doc *made = NULL;
	int rc;

	if (toml_next_is(&p->text, '"') || toml_next_is(&p->text, '\''))
		return toml_read_string(&p->text);
	if (!toml_next_is(&p->text, '{') && !toml_next_is(&p->text, '['))
		return toml_read_word(&p->text);
	if (++depth > LIMIT_JSON_DEPTH) {
		toml_fail(&p->text, "nests deeper than %d", LIMIT_JSON_DEPTH);
		return NULL;
	}
	if (toml_take(&p->text, "{")) {
		made = doc_new_object();
		rc = read_inline_table(p, made, depth);
	} else {
		p->text.at++;
		made = doc_new_array();
		rc = read_array(p, made, depth);
	}
	return rc < 0 ? NULL : take_ptr(&made);
}

/* --- headers --- */

/* [key]: the table itself. */
static struct doc *
open_table(struct parser *p, struct doc *in, const char *key)
{
	struct doc *found = doc_find(in, key);
	struct note *note = note_find(p, found);

	if (found == NULL)
		return descend(p, in, key, ORIGIN_HEADER);
	if (note == NULL || note->origin != ORIGIN_IMPLIED) {
		toml_fail(&p->text, "[%s] is there already", key);
		return NULL;
	}
	note->origin = ORIGIN_HEADER;
	return found;
}

/* [[key]]: one more table of an array. */
static struct doc *
open_element(struct parser *p, struct doc *in, const char *key)
{
	struct doc *array = doc_find(in, key), *table;
	struct note *note = note_find(p, array);

	if (array == NULL) {
		array = doc_new_array();
		doc_set(in, key, array);
		if (note_add(p, array, ORIGIN_ELEMENT) < 0)
			return NULL;
	} else if (note == NULL || note->origin != ORIGIN_ELEMENT) {
		toml_fail(&p->text, "[[%s]]: it is no array of tables", key);
		return NULL;
	}
	table = doc_new_object();
	doc_append(array, table);
	return table;
}

static struct doc *
read_header(struct parser *p)
{
	bool is_element = toml_take(&p->text, "[[");
	AUTO_BUF struct buf key = KEY_INIT;
	struct doc *in = p->root;
	unsigned depth = 1;

	if (!is_element)
		p->text.at++;
	if (read_key(p, &in, &depth, ORIGIN_IMPLIED, &key) < 0)
		return NULL;
	if (!toml_take(&p->text, is_element ? "]]" : "]")) {
		toml_fail(&p->text, "a header without its \"]\"");
		return NULL;
	}
	return is_element ? open_element(p, in, buf_str(&key))
			  : open_table(p, in, buf_str(&key));
}

static int
read_document(struct parser *p)
{
	struct doc *table = p->root;

	for (;;) {
		if (toml_skip_lines(&p->text) < 0)
			return -1;
		if (p->text.at == p->text.end)
			return 0;
		if (toml_next_is(&p->text, '[')) {
			table = read_header(p);
			if (table == NULL)
				return -1;
		} else if (read_pair(p, table, 1) < 0) {
			return -1;
		}
		toml_skip_blanks(&p->text);
		if (toml_skip_comment(&p->text) < 0)
			return -1;
		if (p->text.at < p->text.end && !toml_next_is_newline(&p->text))
			return toml_fail(&p->text, "the line should end here");
	}
}

struct doc *
toml_parse(const char *text, size_t n, struct err *e)
{
	AUTO_DOC struct doc *root = doc_new_object();
	struct parser p = {
		.text = { .start = text, .at = text, .end = text + n, .e = e },
		.root = root,
	};
	int rc;

	if (n > LIMIT_CONFIG_FILE_BYTES) {
		err_set(
		    e, E2BIG, "longer than %d bytes", LIMIT_CONFIG_FILE_BYTES);
		return NULL;
	}
	rc = toml_check_utf8(&p.text) < 0 || read_document(&p) < 0;
	notes_release(&p.notes);
	return rc ? NULL : take_ptr(&root);
}
