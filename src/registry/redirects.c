#include "registry/redirects.h"

#include <stdlib.h>
#include <string.h>

#include "registry/secret.h"
#include "base/clock.h"

enum { KEEP_S = 300, MAX_KEPT = 2048 };

struct redirect {
	struct hnode node;
	uint64_t until_ns;
	char *url;
	char *to; /* signed: as good as a password while it lives */
};

static uint64_t
hash_url(const char *url)
{
	return hash_bytes(url, strlen(url), 0);
}

static struct redirect *
find(const struct redirects *r, const char *url)
{
	hmap_for_each_match(&r->map, hash_url(url), n) {
		struct redirect *k = container_of(n, struct redirect, node);

		if (strcmp(k->url, url) == 0)
			return k;
	}
	return NULL;
}

static void
drop(struct redirects *r, struct redirect *k)
{
	hmap_remove(&r->map, &k->node);
	free(k->url);
	secret_free(k->to);
	free(k);
}

void
redirects_release(struct redirects *r)
{
	struct hnode *n;

	while ((n = hmap_any(&r->map)) != NULL)
		drop(r, container_of(n, struct redirect, node));
	hmap_release(&r->map);
}

void
redirects_forget(struct redirects *r, const char *url)
{
	struct redirect *k = find(r, url);

	if (k != NULL)
		drop(r, k);
}

void
redirects_keep(struct redirects *r, const char *url, const char *to)
{
	struct redirect *k;

	redirects_forget(r, url);
	if (r->map.count >= MAX_KEPT)
		redirects_release(r);
	k = calloc(1, sizeof *k);
	if (k == NULL)
		return;
	k->until_ns = clock_now_ns() + KEEP_S * NS_PER_S;
	k->url = strdup(url);
	k->to = strdup(to);
	hmap_insert(&r->map, &k->node, hash_url(url));
	if (k->url == NULL || k->to == NULL) {
		free(take_ptr(&k->url));
		drop(r, k);
	}
}

char *
redirects_find(const struct redirects *r, const char *url)
{
	const struct redirect *k = find(r, url);

	return k != NULL && clock_now_ns() < k->until_ns ? strdup(k->to) : NULL;
}
