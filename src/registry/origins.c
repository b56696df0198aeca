#include "registry/origins.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

enum {
	RANGELESS_S = 600,
	DOWN_AFTER = 2,
	DOWN_S = 30,
	WARM_S = 60,
	MAX_KNOWN = 1024,
	WAITS = 64,
	WAITS_FEW = 16, /* say nothing yet */
	TAIL_UNKNOWN_MS = 1000,
	TAIL_LEAST_MS = 20, /* less is the noise of busy machines */
	TAIL_SHARE = 32,    /* one of so many is slower */
};

struct known {
	struct hnode node;
	struct origin who;
	uint64_t rangeless_until_ns;
	uint64_t partless_until_ns;
	unsigned failures; /* in a row */
	uint64_t down_until_ns;
	uint64_t warm_until_ns;
	uint64_t limited_until_ns;
	uint32_t waits_us[WAITS]; /* the last, in a ring */
	unsigned n_waits;         /* ever */
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
origins_set_partless(struct origins *o, const struct origin *who)
{
	struct known *k = get(o, who);

	if (k != NULL)
		k->partless_until_ns = clock_now_ns() + RANGELESS_S * NS_PER_S;
}

bool
origins_is_partless(const struct origins *o, const struct origin *who)
{
	const struct known *k = find(o, who);

	return k != NULL && clock_now_ns() < k->partless_until_ns;
}

void
origins_note_failure(struct origins *o, const struct origin *who)
{
	struct known *k = get(o, who);

	if (k != NULL && ++k->failures >= DOWN_AFTER)
		k->down_until_ns = clock_now_ns() + DOWN_S * NS_PER_S;
}

void
origins_set_up(struct origins *o, const struct origin *who)
{
	struct known *k = find(o, who);

	if (k == NULL)
		return;
	k->failures = 0;
	k->down_until_ns = 0;
}

bool
origins_is_down(const struct origins *o, const struct origin *who)
{
	const struct known *k = find(o, who);

	return k != NULL && clock_now_ns() < k->down_until_ns;
}

void
origins_set_limited(
    struct origins *o, const struct origin *who, uint64_t until_ns)
{
	struct known *k = get(o, who);

	if (k != NULL)
		k->limited_until_ns = until_ns;
}

uint64_t
origins_limited_until(const struct origins *o, const struct origin *who)
{
	const struct known *k = find(o, who);

	return k != NULL ? k->limited_until_ns : 0;
}

/* ---- waits ---- */

void
origins_note_wait(struct origins *o, const struct origin *who, uint64_t took_ns)
{
	struct known *k = get(o, who);

	if (k != NULL)
		k->waits_us[k->n_waits++ % WAITS] =
		    min_u64(took_ns / 1000, UINT32_MAX);
}

static int
compare_waits(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

uint64_t
origins_tail_ns(const struct origins *o, const struct origin *who)
{
	const struct known *k = find(o, who);
	uint32_t sorted[WAITS];
	unsigned n;

	if (k == NULL || k->n_waits < WAITS_FEW)
		return TAIL_UNKNOWN_MS * NS_PER_MS;
	n = min_u64(k->n_waits, WAITS);
	memcpy(sorted, k->waits_us, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, compare_waits);
	return max_u64(sorted[n - 1 - n / TAIL_SHARE] * (uint64_t)1000,
	    TAIL_LEAST_MS * NS_PER_MS);
}

/* ---- connections ---- */

void
origins_set_warm(struct origins *o, const struct origin *who)
{
	struct known *k = get(o, who);

	if (k != NULL)
		k->warm_until_ns = clock_now_ns() + WARM_S * NS_PER_S;
}

bool
origins_is_warm(const struct origins *o, const struct origin *who)
{
	const struct known *k = find(o, who);

	return k != NULL && clock_now_ns() < k->warm_until_ns;
}
