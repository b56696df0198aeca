/* Process-wide counters, the one kind of mutable state at file scope besides
 * the log level.  One table a kind feeds the enum, `layerfs stat`, the metrics
 * endpoint and the manual.  Counters only grow; any thread.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdint.h>

#define METRICS(X)                                                             \
	X(http_requests, "HTTP requests sent")                                 \
	X(http_bytes, "bytes of response bodies received")                     \
	X(http_retries, "HTTP requests sent again after a failure")            \
	X(http_errors, "HTTP requests given up")                               \
	X(http_hedged,                                                         \
	    "HTTP requests asked a second time, of another host or "           \
	    "on another connection, because their host was slow")              \
	X(http_hedge_wins,                                                     \
	    "of those, the ones that the second answered first")               \
	X(http_several_ranges,                                                 \
	    "HTTP requests for several ranges of a blob at once")              \
	X(fetch_chunks, "chunks fetched, verified and stored")                 \
	X(fetch_bytes, "decoded bytes of chunks stored")                       \
	X(fetch_joined, "reads that joined a chunk already on its way")        \
	X(fetch_guessed_bytes, "compressed bytes fetched on a guess")          \
	X(fetch_corrupt, "chunks dropped because their digest was wrong")      \
	X(fetch_failed, "chunks given up")                                     \
	X(read_hits, "reads answered from the store")                          \
	X(read_misses, "reads that had to wait for a fetch")                   \
	X(read_errors, "reads answered with an error")                         \
	X(fuse_requests, "FUSE requests answered")                             \
	X(objects_shared, "files found in the store already, by digest")       \
	X(objects_new, "files given a place of their own in the store")        \
	X(cache_evictions, "times that data was dropped to make room")         \
	X(cache_evicted_bytes, "bytes of data dropped to make room")           \
	X(cache_disk_full, "writes that found the disk full")                  \
	X(verify_chunks, "chunks of the store read again and checked")         \
	X(verify_wrong, "of those, the wrong ones")                            \
	X(tables_checked,                                                      \
	    "layers whose index beside the image was found to be right")       \
	X(tables_lied, "layers whose index beside the image was found to lie") \
	X(worker_restarts, "times the worker was started again")

enum metric {
#define X(name, help) METRIC_##name,
	METRICS(X)
#undef X
	    METRIC_COUNT
};

void metric_add(enum metric m, uint64_t n);
uint64_t metric_get(enum metric m);
const char *metric_name(enum metric m);
const char *metric_help(enum metric m);

/* ---- how long things took ---- */

#define TIMINGS(X)                                                        \
	X(read_wait, "seconds that a read which missed waited for bytes") \
	X(http_first_byte,                                                \
	    "seconds from sending a request to the head of its answer")

enum timing {
#define X(name, help) TIMING_##name,
	TIMINGS(X)
#undef X
	    TIMING_COUNT
};

/* The buckets' upper ends, the last of them endless. */
enum { TIMING_BUCKETS = 15 };
extern const uint64_t timing_ends_ms[TIMING_BUCKETS - 1];

/* As it was at one time, roughly: while it is read it may grow. */
struct timing_counts {
	uint64_t buckets[TIMING_BUCKETS]; /* each for itself, not summed up */
	uint64_t total_ns;
};

void timing_add(enum timing t, uint64_t took_ns);
void timing_get(enum timing t, struct timing_counts *out);
const char *timing_name(enum timing t);
const char *timing_help(enum timing t);

#endif
