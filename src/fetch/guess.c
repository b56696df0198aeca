#include "fetch/guess.h"

#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "fetch/link.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/metrics.h"

/* What a spot grows by at a time: a request's worth, so that a reader that
 * misses meanwhile waits for little. */
#define PORTION_BYTES KIB(256)

#define LEAST_BYTES KIB(4)

/* A spot is as old as if it had grown so much with each younger one: readers
 * are where they missed last. */
#define AGE_BYTES KIB(128)

/* Spots that turn out to have nothing to give, before the fetch thread does
 * something else. */
#define TRIES 16

void
guess_note(struct blob *b, const struct plan_spot *spot)
{
	struct guess *g = &b->guess;
	unsigned at = 0;

	if (g->left_bytes == 0)
		return;
	for (unsigned i = 1; i < GUESS_SPOTS && g->born[at] != 0; i++)
		if (g->born[i] == 0 ||
		    g->spots[i].grown_bytes > g->spots[at].grown_bytes)
			at = i;
	g->spots[at] = *spot;
	g->born[at] = ++b->fetcher->spots_born;
}

/* ---- choosing ---- */

struct choice {
	struct blob *blob;
	unsigned spot;
	uint64_t age;
};

/* What it has grown, and as if it had grown more with each younger one. */
static uint64_t
age_of(const struct fetcher *f, const struct guess *g, unsigned i)
{
	return g->spots[i].grown_bytes +
	       (f->spots_born - g->born[i]) * AGE_BYTES;
}

static bool
may_guess(const struct blob *b)
{
	const struct link *l;

	if (b->map == NULL || b->guess.left_bytes < LEAST_BYTES ||
	    b->n_origins == 0)
		return false;
	l = b->origins[0].link;
	return l->credit_bytes > 0 && link_room(l) >= PORTION_BYTES;
}

static bool
choose(struct fetcher *f, struct choice *c)
{
	*c = (struct choice){ .age = UINT64_MAX };
	list_for_each(l, &f->blobs) {
		struct blob *b = list_entry(l, struct blob, link);

		if (!may_guess(b))
			continue;
		for (unsigned i = 0; i < GUESS_SPOTS; i++) {
			uint64_t age = age_of(f, &b->guess, i);

			if (b->guess.born[i] != 0 && age < c->age)
				*c = (struct choice){ b, i, age };
		}
	}
	return c->blob != NULL;
}

/* ---- growing ---- */

/* Bytes queued of the ranks [from, end). */
static uint64_t
queue_ranks(
    struct blob *b, const struct plan_spot *spot, uint32_t from, uint32_t end)
{
	struct err e = ERR_INIT;
	struct plan_chunk c;
	uint64_t bytes = 0;

	for (uint32_t rank = from; rank < end; rank++) {
		blob_look(b, rank, &c);
		if (!plan_brings(spot, &c))
			continue;
		inflight_queue(
		    b, map_chunk_in_blob_order(b->map, rank), SOURCE_SOON, &e);
		bytes += c.blob_len;
	}
	return bytes;
}

/* What was queued; 0: the spot had nothing to give here. */
static uint64_t
grow(struct blob *b, struct plan_spot *spot)
{
	struct plan_view v = { map_n_chunks(b->map), blob_look, b };
	struct plan_spot old = *spot;

	plan_grow(&v, spot, min_u64(PORTION_BYTES, b->guess.left_bytes));
	return queue_ranks(b, spot, old.span.last + 1, spot->span.last + 1) +
	       queue_ranks(b, spot, spot->span.first, old.span.first);
}

bool
guess_queue(struct fetcher *f)
{
	struct choice c;

	for (int i = 0; i < TRIES && choose(f, &c); i++) {
		struct guess *g = &c.blob->guess;
		struct plan_spot *spot = &g->spots[c.spot];
		uint64_t bytes = grow(c.blob, spot);

		if (plan_is_grown(spot, map_n_chunks(c.blob->map)))
			g->born[c.spot] = 0;
		if (bytes == 0)
			continue;
		link_spend_credit(c.blob->origins[0].link, bytes);
		g->left_bytes -= min_u64(bytes, g->left_bytes);
		metric_add(METRIC_fetch_guessed_bytes, bytes);
		return true;
	}
	return false;
}
