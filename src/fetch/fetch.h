/* Missing chunks: once, in order, from somewhere.
 *
 * A `blob` is a layer's blob as something to fetch from: its map and its
 * sources.  A `want` asks that a range of `data` becomes present.  The fetcher
 * finds the chunks, joins those on their way, turns neighbours into one range
 * request, decodes and verifies on its decode threads, writes to the store, and
 * tells everyone who waited.
 *
 *	want -> chunks -> runs (one range request each) -> decode -> store
 *	     -> on_done
 *
 * Order: NOW (a reader waits) before SOON (readahead, landmarks, profile)
 * before IDLE (background fill, within a bandwidth budget); a chunk that is
 * wanted more urgently while it is queued moves up.
 *
 * Failure: a chunk whose digest is wrong is dropped, counted and fetched again,
 * from another source where there is one, three times in all; what cannot be
 * reached is tried at every source with back-off until the want's time is up.
 * Bytes that arrived and verified stay, whatever happened to their neighbours.
 *
 * Any thread may call.  Callbacks come on any thread, possibly before the call
 * returns, never under a lock of the fetcher or inside a source; they must not
 * block.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/source.h"
#include "base/digest.h"
#include "base/list.h"

struct blob;
struct descriptor;
struct err;
struct fetcher;
struct kin;
struct map;
struct points;
struct store;

struct fetcher_options {
	unsigned decode_threads;   /* 0: one a core, 4 at most */
	unsigned max_requests;     /* range requests in flight; 0: 20 */
	uint64_t idle_bytes_per_s; /* background budget; 0: no background */
	unsigned guess_percent;    /* of a blob, that may be guessed; 0: none */
};

/* The store must outlive it. */
struct fetcher *fetcher_new(
    struct store *s, const struct fetcher_options *o, struct err *e);
/* Every blob has been unref'ed before.  Every want has had its on_done when it
 * returns. */
void fetcher_free(struct fetcher *f);

/* Everything under way ends soon, with ECANCELED: for taking the daemon down.
 */
void fetcher_cancel(struct fetcher *f);

/* The map, and the restart points of its spans (NULL: it has none), are borrowed
 * until the last blob_unref() has returned.  That closes the blob: what is
 * wanted of it ends with ECANCELED, nothing more of it is written. It may wait
 * for a write that is under way. */
struct blob *blob_new(struct fetcher *f, const struct map *m,
    const struct points *p, struct err *e);
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b);

/* Keeps a reference of its own.  A source of the same name is replaced: its
 * credentials may be newer.  The first added is tried first. */
int blob_add_source(struct blob *b, struct source *s, struct err *e);
unsigned blob_n_sources(struct blob *b);
/* Up to `room` of them, the best first, a reference of the caller's to each; how
 * many. */
unsigned blob_take_sources(struct blob *b, struct source **out, unsigned room);
bool blob_has_source(struct blob *b, const char *name);

/* Somebody knows what will be read of it: nothing is guessed any more. */
void blob_stop_guessing(struct blob *b);
bool blob_may_guess(struct blob *b);

/* Asks for the file that begins there, on a guess: the whole, or of a large one
 * its two ends.  False: it is here or on its way, or nothing may be guessed. */
bool blob_guess(struct blob *b, uint64_t data_off);

/* Somebody reads a file for the first time that is here: he is where it lies. */
void blob_note_read(struct blob *b, uint64_t data_off);

/* Which of its files are read together; a second one is dropped.  Takes it. */
void blob_set_kin(struct blob *b, struct kin *take);

/* Has a source that did not fail when it was asked last: what is dropped can be
 * had again. */
bool blob_is_reachable(struct blob *b);

#define WANT_FOREVER UINT32_MAX

struct want {
	/* set by the caller; the range lies in one object of the blob's map */
	uint64_t data_off;
	uint64_t len;
	enum source_priority priority; /* IDLE without a budget: ENOTSUP */
	uint32_t patience_ms; /* how long to try; 0: once at every source */
	/* When it ends at the latest (clock_now_ns()), whatever its patience; it
	 * may be brought nearer, and blob_hurry() called then.  NULL: never. */
	const _Atomic uint64_t *limit_ns;

	/* failure NULL: every block that the range touches is present, and
	 * is not evicted before on_done returns.
	 * EBADMSG: stayed corrupt; ETIMEDOUT, EAGAIN, ENOENT, EACCES: as the
	 * last source said, naming layer and chunk. */
	void (*on_done)(struct want *w, const struct err *failure);
};

/* Exactly one on_done follows. */
void blob_want(struct blob *b, struct want *w);
/* Wants whose limit_ns has come nearer end in time. */
void blob_hurry(struct blob *b);

/* Fetches what is missing of the blob's range [blob_off, blob_end), in the
 * order of the blob; each chunk once at every source.  Chunks of a stream have
 * no place in the blob: they are part of the whole range only.  Without a
 * bandwidth budget an IDLE fill is ENOTSUP. */
struct fill {
	uint64_t blob_off, blob_end;
	enum source_priority priority;
	/* failure: the first; the rest was still tried. */
	void (*on_done)(struct fill *f, const struct err *failure);

	_Atomic uint64_t done_bytes; /* of the blob, for progress */
	_Atomic bool is_cancelled;   /* set it to end soon with ECANCELED */

	void *state; /* private */
};
void blob_fill(struct blob *b, struct fill *f);

/* ---- what stays wrong ---- */

/* A range of the blob that was asked for until it was given up, came whole, the
 * same bytes more than once, and is not what the map says of it: either the map
 * lies, or who gives the bytes does. */
struct doubt {
	uint64_t blob_off;
	uint32_t blob_len;  /* 0: none */
	struct digest came; /* of the range's bytes */
};

bool blob_has_doubt(struct blob *b);
/* The last one since the call before; false: none. */
bool blob_take_doubt(struct blob *b, struct doubt *out);

/* The map was found to lie.  What is wrong is asked for once from now on, and its
 * failure says `why`. */
void blob_condemn(struct blob *b, const char *why);

/* Told of every doubt, with the fetcher's lock held: it may take a leaf's, and no
 * other.  One at a time; NULL: nobody, and no call is under way on return. */
void fetcher_watch_doubts(struct fetcher *f, void (*fn)(void *ctx), void *ctx);

/* ---- the first pull of a blob without a table of contents ---- */

struct content_sink;
struct contents;

struct stream_pull {
	struct fetcher *fetcher;
	struct source *const *sources; /* tried in order, from the start */
	unsigned n_sources;
	const struct descriptor *layer;
	/* The diff_id that it has to have, asked for when all has come, so that
	 * it may come later; may block.  What it fails with ends the pull.  NULL:
	 * any will do. */
	int (*diff_id)(void *ctx, struct digest *out, struct err *e);
	/* Who takes the files, on a decode thread; NULL: the store. */
	struct content_sink *sink;
	/* The blob's bytes in their order, on the caller's thread; from 0 again
	 * where it is read once more.  May be NULL. */
	void (*on_bytes)(void *ctx, uint64_t blob_off, const void *p, size_t n);
	uint32_t patience_ms;
	/* Any thread; may be NULL. */
	void (*on_progress)(void *ctx, uint64_t blob_bytes);
	void *ctx;
};

/* Reads the blob once from its start, its contents straight into the store, and
 * makes tree and placed map; with a sink of the caller's all but the map.
 * Blocking: for a maker's thread, which unpacks; the files are cut and stored
 * by the decode threads meanwhile.  Verifies the blob's digest; on failure
 * nothing of it stays.  *format_name: the stream format it turned out to be. */
int fetch_stream(const struct stream_pull *p, struct contents *out,
    const char **format_name, struct err *e);

#endif
