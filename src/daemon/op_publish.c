/* index, profile_push: what this node knows of an image, beside it for others. */
#include <errno.h>
#include <string.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/image_arguments.h"
#include "daemon/ops.h"
#include "layer/image.h"
#include "layer/publish.h"
#include "registry/reference.h"
#include "base/doc.h"
#include "base/err.h"

static void
tell(struct doc *result, const struct image *i, const struct published *p)
{
	static const char *const outcomes[] = {
		[PUBLISH_DONE] = "published",
		[PUBLISH_KNOWN] = "known",
		[PUBLISH_NOTHING] = "nothing",
	};

	doc_set_string(result, "image", DIGEST_TEXT(&i->manifest.digest));
	doc_set_string(result, "outcome", outcomes[p->outcome]);
	if (p->outcome == PUBLISH_NOTHING)
		doc_set_string(result, "why", p->why);
	else
		doc_set_string(result, "artifact", DIGEST_TEXT(&p->artifact));
	doc_set_int(result, "bytes", p->bytes);
}

static int
publish_image(struct request *r, const struct reference *ref,
    enum companion_kind kind, struct doc *result, struct err *e)
{
	struct image *i = arguments_open_image(r, false, NULL, e);
	const struct publication p = { .image = i,
		.reference = ref,
		.kind = kind,
		.has_aliases = r->daemon->config.publish_aliases != 0,
		.is_cancelled = request_is_cancelled(r) };
	struct published done;
	int rc;

	if (i == NULL)
		return -1;
	rc = publish(&p, &done, e);
	if (rc == 0)
		tell(result, i, &done);
	image_unref(i);
	return rc;
}

static int
run(struct request *r, enum companion_kind kind, struct doc *result,
    struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };

	if (strcmp(r->daemon->config.publish_mode, "off") == 0)
		return err_set(e, EACCES,
		    "the configuration says [publish] mode = \"off\"");
	if (arguments_reference(r, &ref, e) < 0)
		return -1;
	if (ref.is_layout)
		return err_set(e, ENOTSUP,
		    "%s is no registry's: nothing lies beside it", ref.name);
	return publish_image(r, &ref, kind, result, e);
}

int
op_index(struct request *r, struct doc *result, struct err *e)
{
	return run(r, COMPANION_INDEX, result, e);
}

int
op_profile_push(struct request *r, struct doc *result, struct err *e)
{
	return run(r, COMPANION_PROFILE, result, e);
}
