#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/image_arguments.h"
#include "daemon/mounts.h"
#include "daemon/ops.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/patience.h"

static int
choose_layer(
    struct request *r, const struct image *i, int *layer, struct err *e)
{
	const struct doc *which = doc_find(r->arguments, "layer");
	char number[24];

	*layer = IMAGE_MERGED;
	if (which == NULL)
		return 0;
	if (doc_is_string(which))
		return image_find_layer(i, doc_string(which), layer, e);
	if (!doc_is_int(which))
		return err_set(
		    e, EINVAL, "\"layer\" is neither a number nor a digest");
	snprintf(number, sizeof number, "%jd", (intmax_t)doc_int(which));
	return image_find_layer(i, number, layer, e);
}

/* The upper and work folders follow the oci: folder, if there is one. */
static int
choose_upper(struct request *r, struct mount_request *q, struct err *e)
{
	const char *reference = doc_string(doc_find(r->arguments, "reference"));
	size_t first = strncmp(reference, "oci:", 4) == 0 ? 1 : 0;

	q->upper = q->work = -1;
	if (doc_find_bool(r->arguments, "rw", &q->is_rw, e) < 0)
		return -1;
	if (r->n_fds <= first)
		return 0;
	if (!q->is_rw || r->n_fds != first + 2)
		return err_set(e, EINVAL,
		    "a writable mount takes an upper and a work folder, or "
		    "neither");
	q->upper = r->fds[first];
	q->work = r->fds[first + 1];
	return 0;
}

static int
fill_mount_request(struct request *r, struct image *i,
    const struct image_resolution *how, struct mount_request *q, struct err *e)
{
	const char *patience = NULL;

	*q = (struct mount_request){ .image = i, .resolution = how };
	if (doc_get_string(r->arguments, "target", &q->target, e) < 0)
		return -1;
	if (q->target[0] != '/')
		return err_set(
		    e, EINVAL, "target %s is not an absolute path", q->target);
	if (choose_layer(r, i, &q->layer, e) < 0)
		return -1;
	if (choose_upper(r, q, e) < 0 ||
	    doc_find_string(r->arguments, "unreachable", &patience, e) < 0)
		return -1;
	q->has_patience = patience != NULL;
	return q->has_patience ? patience_parse(patience, &q->patience_ms, e)
			       : 0;
}

/* What reads of it would need a registry for, by layer. */
static void
tell_missing(struct doc *result, const struct image *i)
{
	struct doc *list = doc_new_array();
	uint64_t sum = 0;

	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		const struct layer *l = i->layers[k];
		uint64_t n = l == NULL ? 0 : describe_missing_bytes(l);
		struct doc *o;

		if (n == 0)
			continue;
		o = doc_new_object();
		doc_set_string(
		    o, "layer", DIGEST_TEXT(&i->manifest.layers[k].digest));
		doc_set_int(o, "missing_bytes", n);
		doc_append(list, o);
		sum += n;
	}
	doc_set_int(result, "missing_bytes", sum);
	doc_set(result, "missing_layers", list);
}

static void
tell_resolution(struct doc *result, const struct image_resolution *how)
{
	if (how->resolved_s != 0)
		doc_set_int(result, "resolved", how->resolved_s);
	if (!how->is_stale)
		return;
	doc_set_bool(result, "stale", true);
	doc_set_string(result, "why", how->why);
}

static void
tell(struct doc *result, const struct image *i, const struct mount_reply *m)
{
	doc_set_string(result, "id", m->id);
	doc_set_string(result, "image", DIGEST_TEXT(&i->manifest.digest));
	doc_set_int(result, "layers", i->manifest.n_layers);
	doc_set_string(result, "kind", m->kind);
	doc_set_string(result, "mode", m->fd >= 0 ? "attach" : "mounted");
}

static int
mount_image(struct request *r, struct image *i,
    const struct image_resolution *how, struct doc *result, struct err *e)
{
	struct mount_request q;
	struct mount_reply m;

	if (fill_mount_request(r, i, how, &q, e) < 0)
		return -1;
	/* Before the mount is made: what it shows first is on its way then. */
	image_start(i);
	if (mounts_add(r->daemon->mounts, &q, &m, e) < 0)
		return -1;
	if (m.fd >= 0)
		request_set_pending(r, m.id);
	r->reply_fd = m.fd;
	tell(result, i, &m);
	tell_resolution(result, how);
	tell_missing(result, i);
	if (r->daemon->config.background_bytes_per_s > 0)
		image_fill_idle(i);
	return 0;
}

int
op_mount(struct request *r, struct doc *result, struct err *e)
{
	struct image_resolution how = { 0 };
	struct image *i = arguments_open_image(r, true, &how, e);
	int rc;

	if (i == NULL)
		return -1;
	rc = mount_image(r, i, &how, result, e);
	image_unref(i);
	return rc;
}

int
op_attached(struct request *r, struct doc *result, struct err *e)
{
	const char *id;

	(void)result;
	if (doc_get_string(r->arguments, "id", &id, e) < 0 ||
	    mounts_confirm(r->daemon->mounts, id, e) < 0)
		return -1;
	request_set_pending(r, NULL);
	return 0;
}

int
op_unmount(struct request *r, struct doc *result, struct err *e)
{
	const char *id = doc_string(doc_find(r->arguments, "id"));
	const char *target = doc_string(doc_find(r->arguments, "target"));

	if ((id == NULL) == (target == NULL))
		return err_set(e, EINVAL, "unmount takes \"id\" or \"target\"");
	return mounts_remove(r->daemon->mounts, id, target, result, e);
}
