#include "layer/look.h"

#include <errno.h>
#include <stdlib.h>

#include "layer/catalog_private.h"

int
look_begin(struct catalog *c, struct err *e)
{
	LOCK_SCOPE(&c->lock);
	if (c->is_removing)
		return err_set(e, EAGAIN, "images are being removed");
	/* As a layer that is being made keeps removals away. */
	c->makings++;
	return 0;
}

void
look_end(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	c->makings--;
	cond_broadcast(&c->changed);
}

bool
look_wait(struct catalog *c, uint64_t patience_ns)
{
	struct awake awake = { 0 };
	uint64_t until_ns = awake_now_ns(&awake) + patience_ns;
	LOCK_SCOPE(&c->lock);

	while (c->is_removing)
		if (!cond_wait_awake(&c->changed, &c->lock, &awake, until_ns))
			return false;
	return true;
}

int
look_list(struct catalog *c, struct looked_at **out, size_t *n, struct err *e)
{
	LOCK_SCOPE(&c->lock);

	*n = 0;
	*out = calloc(c->records.count + 1, sizeof **out);
	if (*out == NULL)
		return err_set(e, ENOMEM, "list of layers");
	hmap_for_each(&c->records, node) {
		struct record *r = container_of(node, struct record, node);

		if (r->state == RECORD_READY)
			(*out)[(*n)++] =
			    (struct looked_at){ r->layer, r->users > 0 };
	}
	return 0;
}
