#include "runtime/chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/db_snapshot.h"
#include "base/err.h"
#include "base/limits.h"

void
chain_release(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->links[i].label);
	free(c->links);
	*c = (struct chain){ 0 };
}

static int
read_link(const struct db_snapshot *s, struct chain_link *l, struct err *e)
{
	*l = (struct chain_link){
		.number = s->number,
		.is_remote = *s->image != 0,
		.layer = s->layer,
	};
	/* Any text may be a label; one that is no digest stands for nothing. */
	if (digest_parse(&l->chain, s->chain, &(struct err){ 0 }) < 0)
		l->chain = (struct digest){ 0 };
	if (l->is_remote && digest_parse(&l->image, s->image, e) < 0) {
		e->code = EBADMSG;
		return err_wrap(e, "state.db");
	}
	l->label = strdup(s->image_label);
	return l->label == NULL ? err_set(e, ENOMEM, "snapshots") : 0;
}

static int
add_link(struct db *d, uint64_t number, struct chain *c, uint64_t *parent,
    struct err *e)
{
	AUTO_DB_SNAPSHOT struct db_snapshot s = { 0 };
	struct chain_link *grown;

	if (c->n == LIMIT_LAYERS)
		return err_set(
		    e, E2BIG, "more than %d snapshots in a row", LIMIT_LAYERS);
	if (db_get_snapshot_number(d, number, &s, e) < 0)
		return -1;
	grown = reallocarray(c->links, c->n + 1, sizeof *grown);
	if (grown == NULL)
		return err_set(e, ENOMEM, "snapshots");
	c->links = grown;
	*parent = s.parent;
	if (read_link(&s, &grown[c->n], e) < 0)
		return -1;
	c->n++;
	return 0;
}

int
chain_read(struct db *d, uint64_t top, struct chain *out, struct err *e)
{
	*out = (struct chain){ 0 };
	while (top != 0)
		if (add_link(d, top, out, &top, e) < 0) {
			chain_release(out);
			return -1;
		}
	return 0;
}
