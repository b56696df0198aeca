#include "fetch/fetcher.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fetch/demand.h"
#include "fetch/fill.h"
#include "fetch/inflight.h"
#include "fetch/piece.h"
#include "fetch/replay.h"
#include "fetch/run.h"
#include "fetch/transfer.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/pool.h"
#include "base/thread.h"

/* Slots that only a waiting reader's request may take. */
#define NOW_SLOTS 4

/* Requests that nobody waits for, at a time: enough of 4 MiB each to keep any
 * link full.  Of what a start reads they are small and many, and each leaves
 * connection idle for a round trip at its end: as many as there are
 * connections.  16 instead of 6, python at 100 ms and 100 Mbit/s, by the link's
 * own arithmetic: all has come after 2.1 s, not 2.3. */
#define PATIENT_SLOTS 6

/* Requests on a guess at a time: that keep the link full, and leave connections
 * that are open for the next reader. */
#define GUESS_SLOTS 6

/* Requests of the background at a time: enough that one's round trip hides
 * behind the other's bytes. */
#define IDLE_SLOTS 2

/* Compressed bytes in memory, asked for or waiting to be decoded.  A run's are
 * counted before it starts, so that a source never has to be held up in the
 * middle; a single larger one goes when there is nothing else. */
#define RESERVED_BYTES MIB(64)

#define DECODE_THREADS 4
#define MAX_REQUESTS 20

/* ---- choosing what to start ---- */

static bool
has_slot(const struct fetcher *f, enum source_priority p, uint64_t now_ns)
{
	unsigned patient = f->running[SOURCE_SOON] + f->running[SOURCE_IDLE];
	unsigned all = patient + f->running[SOURCE_NOW];
	unsigned for_patient =
	    f->max_requests > NOW_SLOTS ? f->max_requests - NOW_SLOTS : 1;

	if (f->orderings == 0)
		for_patient = min_u64(for_patient, PATIENT_SLOTS);

	if (all >= f->max_requests)
		return false;
	if (p != SOURCE_NOW && patient >= for_patient)
		return false;
	return p != SOURCE_IDLE || (f->running[SOURCE_IDLE] < IDLE_SLOTS &&
				       f->idle_not_before_ns <= now_ns);
}

/* Bytes asked for now push the background's next request into the future. */
static void
spend_idle(struct fetcher *f, uint64_t bytes, uint64_t now_ns)
{
	f->idle_not_before_ns =
	    max_u64(f->idle_not_before_ns, now_ns) +
	    (uint64_t)((double)bytes / f->idle_bytes_per_s * NS_PER_S);
}

/* Zeros need no source, only the store. */
static int
start_zeros(struct inflight *i)
{
	struct piece *p = piece_new(i, 0);

	if (p == NULL)
		return -1;
	piece_submit(p);
	return 0;
}

/* Takes the record off the queue's head: into a transfer that shall be started,
 * or, with NULL, elsewhere. */
static struct transfer *
start_for(struct fetcher *f, struct inflight *i, uint64_t now_ns)
{
	int origin = blob_pick_origin(i->blob, i->tried, now_ns);
	struct transfer *t = NULL;
	struct err e = ERR_INIT;

	if (i->chunk.codec == CHUNK_ZEROS && start_zeros(i) == 0)
		return NULL;
	if (i->chunk.codec == CHUNK_STREAM && replay_join(i))
		return NULL;
	if (origin < 0)
		err_set(&e, ENOENT, "no source");
	else if (i->chunk.codec == CHUNK_STREAM)
		t = replay_start(i, (unsigned)origin);
	else if (i->chunk.codec != CHUNK_ZEROS)
		t = run_new(i, (unsigned)origin);
	if (t == NULL) {
		if (e.code == 0)
			err_set(&e, ENOMEM, "starting a request");
		inflight_missed(i, origin, &e, &f->done);
	} else if (t->read.priority == SOURCE_IDLE) {
		spend_idle(f, t->read.len, now_ns);
	}
	return t;
}

static bool
has_memory(const struct fetcher *f, const struct inflight *i)
{
	return f->reserved_bytes == 0 ||
	       f->reserved_bytes + i->chunk.blob_len <= RESERVED_BYTES;
}

/* Lock held.  The next transfer to start, or NULL: nothing to do now. */
static struct transfer *
next_asked(struct fetcher *f, uint64_t now_ns)
{
	for (unsigned p = 0; p < PRIORITIES; p++) {
		while (!list_is_empty(&f->queue[p]) && has_slot(f, p, now_ns)) {
			struct inflight *i =
			    list_entry(f->queue[p].next, struct inflight, link);
			struct transfer *t;

			if (!has_memory(f, i))
				return NULL;
			t = start_for(f, i, now_ns);
			if (t != NULL)
				return t;
		}
	}
	return NULL;
}

/* Lock held.  What readers and others asked for goes first; guesses where it
 * leaves room. */
static struct transfer *
next_transfer(struct fetcher *f, uint64_t now_ns)
{
	struct transfer *t = next_asked(f, now_ns);

	if (t == NULL && f->running[SOURCE_SOON] < GUESS_SLOTS &&
	    list_is_empty(&f->queue[SOURCE_SOON]) &&
	    has_slot(f, SOURCE_SOON, now_ns) && guess_queue(f))
		t = next_asked(f, now_ns);
	return t;
}

/* ---- the fetch thread ---- */

/* Lock held.  When to look again, should nobody call. */
static uint64_t
next_time(struct fetcher *f, uint64_t now_ns)
{
	uint64_t at = demands_expire(f, now_ns, &f->done);

	at = min_u64(at, inflight_wake(f, now_ns));
	at = min_u64(at, fills_check(f, now_ns));
	if (!list_is_empty(&f->queue[SOURCE_IDLE]) &&
	    f->idle_not_before_ns > now_ns)
		at = min_u64(at, f->idle_not_before_ns);
	return at;
}

/* Lock held; released meanwhile.  False: it is time to end. */
static bool
fetch_step(struct fetcher *f)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t at = next_time(f, now_ns);
	struct transfer *t = f->is_closing ? NULL : next_transfer(f, now_ns);
	struct list done, *l;

	list_init(&done);
	while ((l = list_pop_front(&f->done)) != NULL)
		list_push_back(&done, l);
	if (t != NULL || !list_is_empty(&done) || !list_is_empty(&f->ended)) {
		lock_release(&f->lock);
		if (t != NULL)
			transfer_start(t);
		demands_finish(&done);
		transfers_bury(f);
		lock_acquire(&f->lock);
		return true;
	}
	if (f->is_closing && list_is_empty(&f->transfers) && f->early == 0)
		return false;
	if (at == UNTIL_FOREVER)
		cond_wait(&f->work, &f->lock);
	else
		cond_wait_until(&f->work, &f->lock, at);
	return true;
}

static void *
fetch_main(void *arg)
{
	struct fetcher *f = arg;
	LOCK_SCOPE(&f->lock);

	while (fetch_step(f))
		;
	return NULL;
}

/* ---- life ---- */

static void
init_lists(struct fetcher *f)
{
	for (int p = 0; p < PRIORITIES; p++)
		list_init(&f->queue[p]);
	list_init(&f->resting);
	list_init(&f->transfers);
	list_init(&f->ended);
	list_init(&f->demands);
	list_init(&f->done);
	list_init(&f->fills);
	list_init(&f->blobs);
}

static unsigned
decode_threads(unsigned asked)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (asked > 0)
		return asked;
	return cores < 1 ? 1 : cores > DECODE_THREADS ? DECODE_THREADS : cores;
}

struct fetcher *
fetcher_new(struct store *s, const struct fetcher_options *o, struct err *e)
{
	struct fetcher *f = calloc(1, sizeof *f);

	if (f == NULL) {
		err_set(e, ENOMEM, "fetcher");
		return NULL;
	}
	f->store = s;
	f->max_requests = o->max_requests > 0 ? o->max_requests : MAX_REQUESTS;
	f->idle_bytes_per_s = o->idle_bytes_per_s;
	f->guess_percent = o->guess_percent;
	f->decoders = pool_new("decode", decode_threads(o->decode_threads), e);
	if (f->decoders == NULL) {
		free(f);
		return NULL;
	}
	spares_init(&f->spares);
	lock_init(&f->lock, RANK_FETCH);
	cond_init(&f->work);
	cond_init(&f->quiet);
	init_lists(f);
	if (thread_start(&f->thread, "fetch", fetch_main, f, e) < 0) {
		pool_free(f->decoders);
		free(f);
		return NULL;
	}
	return f;
}

void
fetcher_cancel(struct fetcher *f)
{
	struct err e = ERR_INIT;

	err_set(&e, ECANCELED, "the daemon ends");
	LOCK_SCOPE(&f->lock);
	f->is_cancelled = true;
	fills_cancel(f);
	demands_cancel(f, &e, &f->done);
	fetcher_wake(f);
}

void
fetcher_free(struct fetcher *f)
{
	if (f == NULL)
		return;
	lock_acquire(&f->lock);
	assert(list_is_empty(&f->blobs));
	f->is_closing = true;
	fetcher_wake(f);
	lock_release(&f->lock);
	transfers_cancel(f);
	pthread_join(f->thread, NULL);
	pool_free(f->decoders);
	spares_release(&f->spares);
	lock_acquire(&f->lock);
	assert(list_is_empty(&f->demands) && list_is_empty(&f->done));
	lock_release(&f->lock);
	cond_destroy(&f->quiet);
	cond_destroy(&f->work);
	lock_destroy(&f->lock);
	free(f);
}
