/* profile_*: what starts of an image read, for people and for other nodes. */
#include <errno.h>
#include <string.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/image_arguments.h"
#include "daemon/ops.h"
#include "layer/catalog.h"
#include "layer/profile.h"
#include "layer/profiles.h"
#include "layer/recordings.h"
#include "registry/manifest.h"
#include "registry/reference.h"
#include "base/base64.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

/* Which image the reference means: a profile outlives its image, so the
 * registry may have to say. */
static int
find_image(
    struct request *r, struct manifest *m, struct doc *result, struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	bool is_known;
	int64_t resolved_s;

	if (arguments_reference(r, &ref, e) < 0 ||
	    arguments_find_manifest(r, &ref, m, &is_known, &resolved_s, e) < 0)
		return -1;
	doc_set_string(result, "image", DIGEST_TEXT(&m->digest));
	return 0;
}

static struct profile *
load(struct request *r, const struct manifest *m, struct err *e)
{
	struct profile *p = profiles_load(r->daemon->store, &m->digest, e);

	if (p == NULL && e->code == ENOENT)
		err_set(e, ENOENT, "no profile of this image is known");
	return p;
}

/* ---- show ---- */

static struct doc *
list_files(const struct profile *p)
{
	struct doc *list = doc_new_array();

	for (size_t i = 0; i < p->n_files; i++) {
		struct doc *o = doc_new_object();

		doc_set_int(o, "layer", p->files[i]->layer);
		doc_set_string(o, "path", p->files[i]->path);
		doc_append(list, o);
	}
	return list;
}

static struct doc *
list_entries(const struct profile *p)
{
	struct doc *list = doc_new_array();

	for (size_t i = 0; i < p->n_entries; i++) {
		const struct profile_entry *x = &p->entries[i];
		struct doc *o = doc_new_object();

		doc_set_int(o, "file", x->file);
		doc_set_int(o, "block", x->first_block);
		doc_set_int(o, "blocks", x->n_blocks);
		doc_set_int(o, "runs", x->runs);
		doc_set_int(o, "missed", x->missed);
		doc_append(list, o);
	}
	return list;
}

int
op_profile_show(struct request *r, struct doc *result, struct err *e)
{
	AUTO_MANIFEST struct manifest m = { 0 };
	AUTO_PROFILE struct profile *p = NULL;

	if (find_image(r, &m, result, e) < 0 || (p = load(r, &m, e)) == NULL)
		return -1;
	doc_set(result, "profile", describe_profile(p));
	doc_set(result, "files", list_files(p));
	doc_set(result, "entries", list_entries(p));
	return 0;
}

/* ---- export, import ---- */

int
op_profile_export(struct request *r, struct doc *result, struct err *e)
{
	AUTO_MANIFEST struct manifest m = { 0 };
	AUTO_PROFILE struct profile *p = NULL;
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_PROFILE_BYTES);
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);

	if (find_image(r, &m, result, e) < 0 || (p = load(r, &m, e)) == NULL ||
	    profile_write(p, &bytes, e) < 0 ||
	    base64_encode(&text, bytes.data, bytes.len, e) < 0)
		return -1;
	doc_set_string(result, "data", buf_str(&text));
	return 0;
}

static struct profile *
parse_argument(struct request *r, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_PROFILE_BYTES);
	const char *text;

	if (doc_get_string(r->arguments, "data", &text, e) < 0 ||
	    base64_decode(&bytes, text, strlen(text), e) < 0)
		return NULL;
	return profile_parse(bytes.data, bytes.len, e);
}

int
op_profile_import(struct request *r, struct doc *result, struct err *e)
{
	AUTO_PROFILE struct profile *p = parse_argument(r, e);
	AUTO_MANIFEST struct manifest m = { 0 };

	if (p == NULL || find_image(r, &m, result, e) < 0 ||
	    profile_check_image(p, &m, e) < 0)
		return -1;
	doc_set(result, "profile", describe_profile(p));
	return recordings_replace(
	    catalog_recordings(r->daemon->catalog), &m.digest, p, e);
}

/* ---- record, rm ---- */

int
op_profile_record(struct request *r, struct doc *result, struct err *e)
{
	AUTO_MANIFEST struct manifest m = { 0 };

	if (find_image(r, &m, result, e) < 0)
		return -1;
	return recordings_renew(
	    catalog_recordings(r->daemon->catalog), &m.digest, e);
}

int
op_profile_rm(struct request *r, struct doc *result, struct err *e)
{
	AUTO_MANIFEST struct manifest m = { 0 };
	bool was_there;

	if (find_image(r, &m, result, e) < 0)
		return -1;
	was_there = profiles_has(r->daemon->store, &m.digest);
	doc_set_bool(result, "removed", was_there);
	return recordings_replace(
	    catalog_recordings(r->daemon->catalog), &m.digest, NULL, e);
}
