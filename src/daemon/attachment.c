#include "daemon/attachment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/describe.h"
#include "mount/showing.h"
#include "layer/image.h"
#include "store/db.h"
#include "supervisor/message.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/log.h"
#include "base/patience.h"

static struct attachment *
attachment_make(const char *label, const char *target, struct err *e)
{
	struct attachment *a = calloc(1, sizeof *a);

	if (a == NULL || (a->label = strdup(label)) == NULL ||
	    (a->target = strdup(target)) == NULL) {
		attachment_free(a);
		err_set(e, ENOMEM, "mount on %s", target);
		return NULL;
	}
	list_init(&a->link);
	return a;
}

struct attachment *
attachment_new(
    const struct image *i, int layer, const char *target, struct err *e)
{
	struct attachment *a = attachment_make(i->label, target, e);

	if (a == NULL)
		return NULL;
	a->image = i->manifest.digest;
	a->layer = layer;
	a->since_s = clock_wall_s();
	return a;
}

void
attachment_free(struct attachment *a)
{
	if (a == NULL)
		return;
	free(a->label);
	free(a->target);
	free(a);
}

/* ---- in state.db ---- */

int
attachment_note(const struct attachment *a, struct db *db, struct err *e)
{
	AUTO_DOC struct doc *o = doc_new_object();
	AUTO_FREE char *text = NULL;
	struct db_mount row = { .id = a->id, .target = a->target };

	doc_set_string(o, "reference", a->label);
	doc_set_string(o, "image", DIGEST_TEXT(&a->image));
	doc_set_int(o, "layer", a->layer);
	doc_set_int(o, "since", a->since_s);
	doc_set_bool(o, "rw", a->is_rw);
	doc_set_bool(o, "detachable", a->is_detachable);
	doc_set_bool(o, "seen", a->was_seen);
	if (a->has_patience)
		doc_set_int(o, "patience_ms", a->patience_ms);
	doc_set_int(o, "resolved", a->resolved_s);
	doc_set_bool(o, "stale", a->is_stale);
	text = doc_to_json(o, false);
	row.options = text;
	return db_set_mount(db, &row, e);
}

int
attachment_forget(const struct attachment *a, struct db *db, struct err *e)
{
	return db_remove_mount(db, a->id, e);
}

/* What rows of older versions lack. */
static int
read_news(struct attachment *a, const struct doc *o, struct err *e)
{
	int64_t ms = -1;

	if (doc_find_int(o, "patience_ms", &ms, e) < 0 ||
	    doc_find_int(o, "resolved", &a->resolved_s, e) < 0 ||
	    doc_find_bool(o, "stale", &a->is_stale, e) < 0)
		return -1;
	a->has_patience = ms >= 0;
	a->patience_ms = a->has_patience ? ms : 0;
	return 0;
}

static struct attachment *
read_row(const struct db_mount *row, struct err *e)
{
	AUTO_DOC struct doc *o =
	    doc_parse_json(row->options, strlen(row->options), e);
	const char *label, *image;
	int64_t layer;
	struct attachment *a;

	if (o != NULL && !message_is_id(row->id)) {
		err_set(e, EBADMSG, "that is no mount's id");
		return NULL;
	}
	if (o == NULL || doc_get_string(o, "reference", &label, e) < 0 ||
	    doc_get_string(o, "image", &image, e) < 0 ||
	    doc_get_int(o, "layer", &layer, e) < 0)
		return NULL;
	a = attachment_make(label, row->target, e);
	if (a == NULL)
		return NULL;
	strcpy(a->id, row->id);
	a->layer = layer;
	if (digest_parse(&a->image, image, e) < 0 ||
	    doc_get_int(o, "since", &a->since_s, e) < 0 ||
	    doc_find_bool(o, "rw", &a->is_rw, e) < 0 ||
	    doc_find_bool(o, "detachable", &a->is_detachable, e) < 0 ||
	    doc_find_bool(o, "seen", &a->was_seen, e) < 0 ||
	    read_news(a, o, e) < 0) {
		attachment_free(a);
		return NULL;
	}
	return a;
}

struct reading {
	int (*fn)(void *ctx, struct attachment *take);
	void *ctx;
	struct db *db;
};

static int
read_one(void *ctx, const struct db_mount *row)
{
	struct reading *r = ctx;
	struct err e = ERR_INIT;
	struct attachment *a = read_row(row, &e);

	if (a != NULL)
		return r->fn(r->ctx, a);
	log_warn("mount %s in state.db: %s", row->id, e.msg);
	return db_remove_mount(r->db, row->id, &e);
}

int
attachment_each_noted(struct db *db,
    int (*fn)(void *ctx, struct attachment *take), void *ctx, struct err *e)
{
	struct reading r = { fn, ctx, db };

	return db_each_mount(db, read_one, &r, e);
}

/* ---- for people ---- */

struct doc *
attachment_to_doc(const struct attachment *a)
{
	struct doc *o = doc_new_object();
	struct image_sizes sizes;
	const struct image *i = showing_image(a->showing);

	image_sizes(i, &sizes);
	doc_set_string(o, "id", a->id);
	doc_set_string(o, "target", a->target);
	doc_set_string(o, "reference", a->label);
	doc_set_string(o, "image", DIGEST_TEXT(&a->image));
	if (a->layer != IMAGE_MERGED)
		doc_set_string(o, "layer",
		    DIGEST_TEXT(&i->manifest.layers[a->layer].digest));
	doc_set_bool(o, "rw", a->is_rw);
	doc_set_string(o, "kind", showing_kind(a->showing));
	doc_set_string(o, "mode", a->is_detachable ? "attach" : "mounted");
	doc_set_int(o, "since", a->since_s);
	doc_set_string(o, "unreachable",
	    patience_text(
		showing_patience(a->showing), (char[PATIENCE_TEXT_SIZE]){ 0 }));
	if (a->resolved_s != 0)
		doc_set_int(o, "resolved", a->resolved_s);
	if (a->is_stale)
		doc_set_bool(o, "stale", true);
	doc_set_int(o, "size", sizes.size);
	doc_set_int(o, "present", sizes.present);
	describe_usage(o, i, a->layer);
	return o;
}
