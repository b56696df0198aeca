#include "registry/origins.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { RANGELESS_S = 600, DOWN_S = 30, MAX_KNOWN = 1024 };

struct known {
	struct hnode node;
	struct origin who;
	uint64_t rangeless_until_ns;
	uint64_t down_until_ns;
};

static uint64_t
hash_origin(const struct origin *w)
{
	return hash_bytes(w->host, strlen(w->host), w->port);
}

static struct known *
find(const struct origins *o, const struct origin *who)
{
	hmap_for_each_match(&o->map, hash_origin(who), n) {
		struct known *k = container_of(n, struct known, node);

		if (origin_equal(&k->who, who))
			return k;
	}
	return NULL;
}

void
origins_release(struct origins *o)
{
	struct hnode *n;

	while ((n = hmap_any(&o->map)) != NULL) {
		hmap_remove(&o->map, n);
		free(container_of(n, struct known, node));
	}
	hmap_release(&o->map);
}

static struct known *
get(struct origins *o, const struct origin *who)
{
	struct known *k = find(o, who);

	if (k != NULL)
		return k;
	if (o->map.count >= MAX_KNOWN)
		origins_release(o);
	k = calloc(1, sizeof *k);
	if (k == NULL)
		return NULL;
	k->who = *who;
	hmap_insert(&o->map, &k->node, hash_origin(who));
	return k;
}

void
origins_set_rangeless(struct origins *o, const struct origin *who)
{
	struct known *k = get(o, who);

	if (k != NULL)
		k->rangeless_until_ns = clock_now_ns() + RANGELESS_S * NS_PER_S;
}

bool
origins_is_rangeless(const struct origins *o, const struct origin *who)
{
	const struct known *k = find(o, who);

	return k != NULL && clock_now_ns() < k->rangeless_until_ns;
}

void
origins_set_down(struct origins *o, const struct origin *who)
{
	struct known *k = get(o, who);

	if (k != NULL)
		k->down_until_ns = clock_now_ns() + DOWN_S * NS_PER_S;
}

void
origins_set_up(struct origins *o, const struct origin *who)
{
	struct known *k = find(o, who);

	if (k != NULL)
		k->down_until_ns = 0;
}

bool
origins_is_down(const struct origins *o, const struct origin *who)
{
	const struct known *k = find(o, who);

	return k != NULL && clock_now_ns() < k->down_until_ns;
}
