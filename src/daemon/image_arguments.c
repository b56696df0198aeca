#include "daemon/image_arguments.h"

#include <errno.h>

#include "daemon/daemon.h"
#include "daemon/login.h"
#include "daemon/secrets.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "registry/credential.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "base/doc.h"
#include "base/err.h"

static void
on_progress(struct image_watcher *w, enum image_stage stage,
    const struct digest *layer, uint64_t done, uint64_t total)
{
	static const char *const stages[] = { "resolve", "layers", "fetch" };
	struct request_watcher *o =
	    container_of(w, struct request_watcher, watcher);
	struct doc *event = doc_new_object();

	doc_set_string(event, "event", "progress");
	doc_set_string(event, "stage", stages[stage]);
	if (stage != IMAGE_RESOLVE)
		doc_set_string(event, "layer", DIGEST_TEXT(layer));
	doc_set_int(event, "done", done);
	doc_set_int(event, "total", total);
	request_send_event(o->request, event);
}

void
request_watcher_init(struct request_watcher *w, struct request *r)
{
	w->watcher.on_progress = on_progress;
	w->request = r;
}

int
arguments_reference(struct request *r, struct reference *out, struct err *e)
{
	const char *text;

	if (doc_get_string(r->arguments, "reference", &text, e) < 0)
		return -1;
	return reference_parse(out, text, e);
}

static char *
text_of(const struct doc *o, const char *key)
{
	return (char *)doc_string(doc_find(o, key));
}

/* What the client knows of the host, else what the daemon's own files say. */
static int
apply_credential(struct request *r, const struct reference *ref, struct err *e)
{
	const struct doc *given = doc_find(r->arguments, "credential");
	struct credential c = {
		.username = text_of(given, "username"),
		.password = text_of(given, "password"),
		.identity_token = text_of(given, "identity_token"),
	};

	if (given != NULL)
		return secrets_set(
		    r->daemon->secrets, ref->host, ref->repository, &c, e);
	return login_apply(r->daemon, ref, e);
}

static int
apply_source(struct request *r, const struct reference *ref, struct err *e)
{
	bool plain_http = false;

	if (ref->is_layout)
		return 0;
	if (doc_find_bool(r->arguments, "plain_http", &plain_http, e) < 0)
		return -1;
	if (plain_http &&
	    registry_set_plain_http(r->daemon->registry, ref->host, e) < 0)
		return -1;
	return apply_credential(r, ref, e);
}

int
arguments_apply(struct request *r, struct image_request *q, struct err *e)
{
	q->layout = -1;
	if (q->reference->is_layout && r->n_fds == 0)
		return err_set(e, EINVAL,
		    "%s: the folder's descriptor is missing",
		    q->reference->name);
	if (q->reference->is_layout)
		q->layout = r->fds[0];
	return apply_source(r, q->reference, e);
}

int
arguments_find_manifest(struct request *r, const struct reference *ref,
    struct manifest *out, bool *is_known, int64_t *resolved_s, struct err *e)
{
	struct image_request q = { .reference = ref };
	struct digest manifest;
	struct err unknown = ERR_INIT;

	*resolved_s = 0;
	*is_known = catalog_find_image(r->daemon->catalog, ref->name, &manifest,
			resolved_s, &unknown) == 0;
	if (ref->has_digest)
		*resolved_s = 0;
	if (*is_known)
		q.manifest = &manifest;
	if (arguments_apply(r, &q, e) < 0)
		return -1;
	return catalog_read_manifest(r->daemon->catalog, &q, out, e);
}

struct image *
arguments_open_image(struct request *r, bool is_start,
    struct image_resolution *how, struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	struct request_watcher w;
	struct image_request q = {
		.reference = &ref,
		.watcher = &w.watcher,
		.resolution = how,
		.is_start = is_start,
	};

	request_watcher_init(&w, r);
	if (arguments_reference(r, &ref, e) < 0 ||
	    arguments_apply(r, &q, e) < 0)
		return NULL;
	return catalog_open_image(r->daemon->catalog, &q, e);
}
