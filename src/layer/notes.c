#include "layer/notes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { MOST_NOTES = 4096 };

struct note {
	struct hnode node;
	uint64_t until_ns;
};

void
notes_init(struct notes *n)
{
	lock_init(&n->lock, RANK_LEAF);
	n->map = HMAP_INIT;
}

static void
drop(struct notes *n, struct hnode *h)
{
	hmap_remove(&n->map, h);
	free(container_of(h, struct note, node));
}

void
notes_release(struct notes *n)
{
	struct hnode *h;

	while ((h = hmap_any(&n->map)) != NULL)
		drop(n, h);
	hmap_release(&n->map);
	lock_destroy(&n->lock);
}

static struct note *
find(const struct notes *n, uint64_t hash)
{
	struct hnode *h = hmap_first(&n->map, hash);

	return h == NULL ? NULL : container_of(h, struct note, node);
}

static uint64_t
hash_of(const char *text)
{
	return hash_bytes(text, strlen(text), 0);
}

bool
notes_have(struct notes *n, const char *text)
{
	LOCK_SCOPE(&n->lock);
	const struct note *x = find(n, hash_of(text));

	return x != NULL && x->until_ns > clock_now_ns();
}

void
notes_add(struct notes *n, const char *text, uint32_t seconds)
{
	uint64_t hash = hash_of(text);
	LOCK_SCOPE(&n->lock);
	struct note *x = find(n, hash);

	if (x == NULL) {
		x = calloc(1, sizeof *x);
		if (x == NULL)
			return;
		if (n->map.count >= MOST_NOTES)
			drop(n, hmap_any(&n->map));
		hmap_insert(&n->map, &x->node, hash);
	}
	x->until_ns = clock_now_ns() + seconds * NS_PER_S;
}

void
notes_drop(struct notes *n, const char *text)
{
	LOCK_SCOPE(&n->lock);
	struct note *x = find(n, hash_of(text));

	if (x != NULL)
		drop(n, &x->node);
}
