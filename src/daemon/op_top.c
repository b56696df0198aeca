/* top: what is shown, and what happens to it now. */
#include <stddef.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/mounts.h"
#include "daemon/ops.h"
#include "mount/showing.h"
#include "layer/image.h"
#include "base/clock.h"
#include "base/doc.h"

static struct doc *
describe_shown(struct daemon *d, const struct shown *w)
{
	const struct manifest *m = &w->image->manifest;
	struct doc *o = doc_new_object();

	doc_set_string(o, "id", w->id);
	doc_set_string(o, "reference", w->image->label);
	doc_set_string(o, "image", DIGEST_TEXT(&m->digest));
	if (w->layer != IMAGE_MERGED)
		doc_set_string(
		    o, "layer", DIGEST_TEXT(&m->layers[w->layer].digest));
	doc_set_string(o, "kind", w->kind);
	doc_set_int(o, "users", w->users);
	doc_set(o, "targets", mounts_targets(d->mounts, w->id));
	doc_set_int(o, "reads", w->reads);
	doc_set_int(o, "errors", w->errors);
	describe_usage(o, w->image, w->layer);
	return o;
}

int
op_top(struct request *r, struct doc *result, struct err *e)
{
	struct doc *list = doc_new_array();
	size_t n;
	struct shown *rows = showings_list(r->daemon->showings, &n);

	(void)e;
	doc_set(result, "mounts", list);
	for (size_t k = 0; k < n; k++)
		doc_append(list, describe_shown(r->daemon, &rows[k]));
	doc_set_int(result, "at_ms", clock_now_ns() / NS_PER_MS);
	shown_free(rows, n);
	return 0;
}
