/* The insides that the files of fetch/ share.
 *
 * One lock, fetcher.lock, guards everything below it here, every blob, every
 * in-flight record and every demand.  Nothing blocks under it, no callback is
 * called under it: what is finished is collected in a list and finished after
 * it was released (demand.h).
 *
 *	chunk record   QUEUED -> RUNNING -> gone
 *	(inflight.h)      ^         |
 *	                  +- RESTING+        every source failed: back-off
 *
 * One thread, `fetch`, starts every transfer and keeps every time: that way no
 * source's callback nests in another's, and no reader's thread ever waits in a
 * source.  Nor does anybody's on_done run inside a source's callback: what
 * ends there is finished by the fetch thread (fetcher.done).
 */
#ifndef FETCH_FETCHER_H
#define FETCH_FETCHER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "fetch/fetch.h"
#include "fetch/guess.h"
#include "fetch/link.h"
#include "fetch/spares.h"
#include "fetch/usage.h"
#include "base/awake.h"
#include "base/digest.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/lock.h"

struct object;
struct plan_chunk;
struct pool;
struct replaying;

enum { PRIORITIES = SOURCE_IDLE + 1 };

/* A bit each in inflight.tried. */
enum { MAX_SOURCES = 32 };

struct fetcher {
	struct store *store;
	struct pool *decoders;
	struct spares spares;
	unsigned max_requests;
	unsigned guess_percent;
	uint64_t idle_bytes_per_s;
	_Atomic uint64_t ahead_bytes;      /* of downloads, before their turn */
	_Atomic uint64_t downloaded_bytes; /* by downloads, so far */
	pthread_t thread;

	struct lock lock; /* guards what follows */
	struct awake awake;
	struct cond work;  /* something for the fetch thread */
	struct cond quiet; /* the last write of a blob, the last transfer */
	struct list queue[PRIORITIES]; /* inflight.link, QUEUED */
	struct list resting;           /* inflight.link, RESTING */
	struct list transfers;         /* transfer.link */
	struct list ended;             /* transfer.link, to be buried */
	struct list demands;
	struct list done; /* demands that the fetch thread shall finish */
	struct list fills;
	struct list blobs;
	unsigned running[PRIORITIES]; /* transfers */
	unsigned early;     /* reads whose blob is not known yet (early.h) */
	unsigned orderings; /* of what starts read (ordered.h), under way */
	uint64_t reserved_bytes;     /* buffers of runs and pieces */
	uint64_t idle_not_before_ns; /* the background budget */
	uint64_t read_ns;            /* when a reader last missed */
	uint64_t spots_born;         /* of all guesses */
	struct links links;
	void (*on_doubt)(void *ctx); /* or NULL */
	void *doubt_ctx;
	bool is_cancelled; /* nothing new is fetched ahead */
	bool is_closing;
};

/* A source of a blob and how it has behaved. */
struct origin {
	struct source *source;
	struct link *link;
	unsigned failures; /* in a row */
	uint64_t rest_until_ns;
	uint64_t avoid; /* hosts that gave wrong bytes (source_read), */
	uint64_t avoid_until_ns; /* until then */
};

struct blob {
	struct fetcher *fetcher;
	struct digest digest;
	uint64_t size;
	/* NULL: no spans.  Between blob_begin_write() and blob_end_write(). */
	const struct points *points;

	/* guarded by fetcher->lock */
	struct list link;
	unsigned refs;         /* the users'; the last closes it */
	unsigned holds;        /* records, transfers, pieces: memory only */
	unsigned writing;      /* decoders that write to the store right now */
	unsigned fills;        /* that run */
	unsigned ordered;      /* ranges of what a start reads, on their way */
	const struct map *map; /* NULL once closed */
	uint32_t last_object;  /* that blob_object_of() found */
	struct hmap inflight;  /* inflight.node, by chunk */
	struct origin origins[MAX_SOURCES];
	unsigned n_origins;
	struct replaying *replay; /* the one at a time, or NULL */
	struct guess guess;
	struct blob_usage past; /* without what waits now */
	struct doubt doubt;     /* the last, not yet taken */
	char *lie;              /* the map's; or NULL */
};

/* The fetch thread looks again.  Lock held. */
static inline void
fetcher_wake(struct fetcher *f)
{
	cond_signal(&f->work);
}

/* All with the lock held. */
void blob_hold(struct blob *b);
void blob_drop(struct blob *b);

/* The object that a chunk of the map is part of. */
void blob_object_of(struct blob *b, uint32_t chunk, struct object *o);

/* The chunk of this rank in the blob's order, for plan.h. */
void blob_look(void *blob, uint32_t rank, struct plan_chunk *out);

/* The best source that `tried` does not name; -1 when there is none. */
int blob_pick_origin(const struct blob *b, uint32_t tried, uint64_t now_ns);
bool blob_has_untried(const struct blob *b, uint32_t tried);
void blob_origin_answered(
    struct blob *b, unsigned origin, bool is_good, uint64_t now_ns);

/* Hosts of the origin gave wrong bytes: others are asked first for a while. */
void blob_avoid(struct blob *b, unsigned origin, uint64_t gave);
uint64_t blob_avoided(const struct blob *b, unsigned origin);

/* Gate around writes of the blob's chunks: false once the blob is closed, when
 * its places may be somebody else's.  Takes the lock. */
bool blob_begin_write(struct blob *b);
/* Lock held. */
void blob_end_write(struct blob *b);

/* The pause after the n-th failure in a row: 100 ms doubling to 5 s, a quarter
 * more or less so that many do not come back at once. */
uint64_t backoff_ns(unsigned failures, uint64_t seed);

#endif
