/* Layers whose table lied (layer/distrust.h): out of the catalog, to be made again
 * from the blob. */
#include <errno.h>

#include "layer/catalog_private.h"
#include "layer/layer.h"
#include "layer/publisher.h"
#include "layer/recordings.h"
#include "base/awake.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/log.h"

/* For it to be out of use; so many times while there is something to save.  The
 * kernel may end a mount some time after it was taken away: who makes a mount
 * namespace just then has a copy of it until he has left the old root. */
enum { LET_GO_MS = 5000, LET_GO_MOST = 4 };

void
catalog_discard_layer(struct catalog *c, const struct digest *d)
{
	struct err e = ERR_INIT;
	uint64_t freed = 0;

	catalog_begin_removal(c);
	if (catalog_remove_layer(c, d, false, &freed, &e) < 0)
		log_warn("%s", e.msg);
	catalog_end_removal(c);
}

static bool
is_used(struct catalog *c, const struct digest *d)
{
	const struct record *r = record_find(c, d);

	return r != NULL && r->users > 0;
}

/* False: not within a while. */
static bool
await_unused(struct catalog *c, const struct digest *d)
{
	struct awake awake = { 0 };
	uint64_t until_ns = awake_now_ns(&awake) + LET_GO_MS * NS_PER_MS;
	LOCK_SCOPE(&c->lock);

	while (is_used(c, d))
		if (!cond_wait_awake(&c->changed, &c->lock, &awake, until_ns))
			return false;
	return true;
}

/* Who had it mounted may be about to save what he read, or be saving it; what was
 * saved is let go of after it was. */
static void
let_go(struct catalog *c, const struct digest *d)
{
	struct recordings *r = c->recordings;

	for (unsigned n = 0; n < LET_GO_MOST; n++) {
		bool was_saving = recordings_are_saving(r);

		if (await_unused(c, d) ||
		    (!was_saving && !recordings_are_saving(r)))
			return;
	}
}

struct layer *
record_find_honest(struct catalog *c, const struct digest *d, struct err *e)
{
	struct layer *l = catalog_find_layer(c, d);

	if (l == NULL || !layer_is_distrusted(l))
		return l;
	catalog_put_layer(c, l);
	publisher_let_go(c->parts.publisher, d);
	let_go(c, d);
	catalog_discard_layer(c, d);
	l = catalog_find_layer(c, d);
	if (l == NULL || !layer_is_distrusted(l))
		return l;
	catalog_put_layer(c, l);
	err_set(e, EBUSY,
	    "layer %s: the index beside its image lied; it is read whole when "
	    "nobody uses it any more",
	    DIGEST_TEXT(d));
	return NULL;
}
