#include "format/toc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/entry.h"
#include "format/format.h"
#include "format/toc_entry.h"
#include "format/toc_files.h"
#include "index/tree.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/json_pull.h"
#include "base/limits.h"

#define PREFETCH_LANDMARK ".prefetch.landmark"

/* A node's content is its file's number until the end, when it becomes its
 * object's. */
struct parser {
	const struct toc *toc;
	struct json_pull json;
	struct toc_entry entry;
	struct toc_files files;
	struct buf path; /* of the last entry that was no chunk */
	struct contents out;
};

/* Errors found at a file's end are the file's, not the next entry's. */
static int
end_file_named(struct parser *p, struct err *e)
{
	if (toc_files_end(&p->files, e) < 0)
		return entry_wrap(e, (char *)p->path.data, p->path.len);
	return 0;
}

/* ---- entries ---- */

static bool
is_name(const struct tar_entry *x, const char *name)
{
	return x->path_len == strlen(name) &&
	       memcmp(x->path, name, x->path_len) == 0;
}

/* Stargz's own additions to the layer.  What precedes the landmark is what a
 * start reads. */
static bool
is_hidden(const struct tar_entry *x)
{
	return is_name(x, PREFETCH_LANDMARK) ||
	       is_name(x, ".no.prefetch.landmark") ||
	       is_name(x, "stargz.index.json");
}

static int
take_chunk(struct parser *p, struct err *e)
{
	const struct tar_entry *x = &p->entry.tar;

	if (x->path_len > 0 &&
	    (x->path_len != p->path.len ||
		memcmp(x->path, p->path.data, x->path_len) != 0))
		return err_set(e, EBADMSG, "chunk without its file");
	return toc_files_chunk(&p->files, &p->entry, e);
}

static int
take_named(struct parser *p, struct err *e)
{
	const struct tar_entry *x = &p->entry.tar;
	uint64_t number = p->files.n_files;

	p->path.len = 0;
	if (buf_append(&p->path, x->path, x->path_len, e) < 0)
		return -1;
	if (p->toc->is_stargz && is_hidden(x)) {
		if (toc_files_pass(&p->files, &p->entry, e) < 0)
			return -1;
		if (is_name(x, PREFETCH_LANDMARK))
			map_builder_set_prefetch(p->out.map, p->entry.offset);
		return 0;
	}
	if (!entry_has_contents(x)) {
		if (toc_files_pass(&p->files, &p->entry, e) < 0)
			return -1;
	} else if (toc_files_begin(&p->files, &p->entry, e) < 0) {
		return -1;
	}
	return entry_add(p->out.tree, x, number, &p->out.dropped_xattrs, e);
}

static int
take_entry(struct parser *p, struct err *e)
{
	const struct toc_entry *x = &p->entry;

	if (!x->has_type)
		return err_set(e, EBADMSG, "entry without a type");
	if (x->is_chunk) {
		if (take_chunk(p, e) < 0)
			return entry_wrap(e, x->tar.path, x->tar.path_len);
		return 0;
	}
	if (end_file_named(p, e) < 0)
		return -1;
	if (take_named(p, e) < 0)
		return entry_wrap(e, x->tar.path, x->tar.path_len);
	return 0;
}

static int
read_entries(struct parser *p, struct err *e)
{
	enum json_token t = json_pull_next(&p->json, e);

	if (t == JSON_NULL_VALUE)
		return 0;
	if (t == JSON_FAILED)
		return -1;
	if (t != JSON_BEGIN_ARRAY)
		return err_set(e, EBADMSG, "\"entries\" is no array");
	while ((t = json_pull_next(&p->json, e)) == JSON_BEGIN_OBJECT) {
		if (toc_entry_read(&p->entry, &p->json, e) < 0 ||
		    take_entry(p, e) < 0)
			return -1;
	}
	if (t == JSON_FAILED)
		return -1;
	if (t != JSON_END_ARRAY)
		return err_set(e, EBADMSG, "entry is no object");
	return 0;
}

static int
read_document(struct parser *p, struct err *e)
{
	enum json_token t = json_pull_next(&p->json, e);
	int64_t version = 0;

	if (t == JSON_FAILED)
		return -1;
	if (t != JSON_BEGIN_OBJECT)
		return err_set(e, EBADMSG, "no object");
	while ((t = json_pull_next(&p->json, e)) == JSON_KEY) {
		int rc;

		if (strcmp(p->json.text, "version") == 0)
			rc = json_pull_integer(&p->json, &version, e);
		else if (strcmp(p->json.text, "entries") == 0)
			rc = read_entries(p, e);
		else
			rc = json_pull_skip(&p->json, e);
		if (rc < 0)
			return -1;
	}
	if (t == JSON_FAILED || json_pull_next(&p->json, e) == JSON_FAILED)
		return -1;
	if (version != 1)
		return err_set(
		    e, ENOTSUP, "version %lld is unknown", (long long)version);
	return 0;
}

/* ---- all of it ---- */

static int
set_content(void *ctx, uint64_t size, uint64_t *content)
{
	(void)size;
	*content = toc_files_ordinal(ctx, *content);
	return 0;
}

static int
parse(struct parser *p, struct err *e)
{
	if (read_document(p, e) < 0 || end_file_named(p, e) < 0 ||
	    toc_files_finish(&p->files, e) < 0 ||
	    tree_finish(p->out.tree, e) < 0)
		return -1;
	tree_each_file(p->out.tree, set_content, &p->files);
	return 0;
}

static int
init(struct parser *p, const struct toc *toc, struct err *e)
{
	memset(p, 0, sizeof *p);
	p->toc = toc;
	json_pull_init(&p->json, toc->json, toc->json_len);
	toc_entry_init(&p->entry);
	buf_init(&p->path, LIMIT_JSON_STRING_BYTES);
	p->out.tree = tree_new(e);
	p->out.map = p->out.tree == NULL ? NULL : map_builder_new(e);
	toc_files_init(&p->files, toc, p->out.map);
	return p->out.map == NULL ? -1 : 0;
}

static void
release(struct parser *p)
{
	json_pull_release(&p->json);
	toc_entry_release(&p->entry);
	buf_release(&p->path);
	toc_files_release(&p->files);
	contents_release(&p->out);
}

int
toc_parse(const struct toc *toc, struct contents *out, struct err *e)
{
	struct parser p;
	int rc = init(&p, toc, e) < 0 ? -1 : parse(&p, e);

	if (rc == 0) {
		*out = p.out;
		p.out = (struct contents){ 0 };
	}
	release(&p);
	return rc < 0 ? err_wrap(e, "table of contents") : 0;
}
