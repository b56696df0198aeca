#include "net/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"
#include "base/clock.h"
#include "base/err.h"

const char *const tally_outcome_names[] = { "done", "refused", "failed",
	"abandoned" };

static const char other[] = "other";

struct counted {
	struct hnode node;
	struct tally_row row;
};

void
tally_init(struct tally *t)
{
	memset(t, 0, sizeof *t);
	lock_init(&t->lock, RANK_LEAF);
}

void
tally_release(struct tally *t)
{
	struct hnode *n;

	while ((n = hmap_any(&t->hosts)) != NULL) {
		hmap_remove(&t->hosts, n);
		free(container_of(n, struct counted, node));
	}
	hmap_release(&t->hosts);
	lock_destroy(&t->lock);
}

enum tally_outcome
tally_judge(int status, bool is_whole)
{
	if (!is_whole || status == 429 || status >= 500 || status < 100)
		return TALLY_FAILED;
	return status >= 400 ? TALLY_REFUSED : TALLY_DONE;
}

/* ---- hosts ---- */

static void
name_host(char host[TALLY_HOST_SIZE], const char *url)
{
	struct origin o;
	struct err e;

	if (url_origin(url, &o, &e) < 0)
		snprintf(host, TALLY_HOST_SIZE, "%s", other);
	else if (o.port == (o.is_https ? 443 : 80))
		snprintf(host, TALLY_HOST_SIZE, "%s", o.host);
	else
		snprintf(host, TALLY_HOST_SIZE, "%s:%u", o.host, o.port);
}

static uint64_t
hash_host(const char *host)
{
	return hash_bytes(host, strlen(host), 0);
}

static struct counted *
find(const struct tally *t, const char *host)
{
	hmap_for_each_match(&t->hosts, hash_host(host), n) {
		struct counted *c = container_of(n, struct counted, node);

		if (strcmp(c->row.host, host) == 0)
			return c;
	}
	return NULL;
}

/* NULL: no memory. */
static struct counted *
get(struct tally *t, const char *host)
{
	struct counted *c = find(t, host);

	if (c != NULL)
		return c;
	if (t->hosts.count >= TALLY_HOSTS && strcmp(host, other) != 0)
		return get(t, other);
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	strcpy(c->row.host, host);
	hmap_insert(&t->hosts, &c->node, hash_host(host));
	return c;
}

/* ---- counting ---- */

static void
note_outcome(struct tally_row *r, enum tally_outcome how)
{
	if (how == TALLY_ABANDONED)
		return;
	if (how != TALLY_FAILED)
		r->failing_since_s = 0;
	else if (r->failing_since_s == 0)
		r->failing_since_s = clock_wall_s();
}

void
tally_add(
    struct tally *t, const char *url, enum tally_outcome how, uint64_t bytes)
{
	char host[TALLY_HOST_SIZE];
	struct counted *c;

	name_host(host, url);
	LOCK_SCOPE(&t->lock);
	c = get(t, host);
	if (c == NULL)
		return;
	c->row.requests[how]++;
	c->row.bytes += bytes;
	note_outcome(&c->row, how);
}

/* ---- looking ---- */

static int
by_host(const void *a, const void *b)
{
	return strcmp(((const struct tally_row *)a)->host,
	    ((const struct tally_row *)b)->host);
}

struct tally_row *
tally_copy(struct tally *t, size_t *n)
{
	struct tally_row *rows;

	*n = 0;
	LOCK_SCOPE(&t->lock);
	rows =
	    t->hosts.count == 0 ? NULL : calloc(t->hosts.count, sizeof *rows);
	if (rows == NULL)
		return NULL;
	hmap_for_each(&t->hosts, h)
		rows[(*n)++] = container_of(h, struct counted, node)->row;
	qsort(rows, *n, sizeof *rows, by_host);
	return rows;
}
