/* What fetching does now and has cost, for who looks after the daemon: of one
 * blob, and of all together.  Counts start with the blob's life.
 *
 * Any thread; nothing blocks but for the fetcher's lock.
 */
#ifndef FETCH_USAGE_H
#define FETCH_USAGE_H

#include <stdint.h>

#include "registry/source.h"

struct blob;
struct demand;
struct err;
struct fetcher;

enum {
	USAGE_PRIORITIES = SOURCE_IDLE + 1,
	USAGE_WHY_SIZE = 200,
	USAGE_HOST_SIZE = 128,
};

struct blob_usage {
	uint64_t requests; /* of ranges, also those that failed */
	uint64_t bytes;    /* of the blob that came */
	uint64_t waits;    /* reads that had to wait, and are over */
	uint64_t waited_ns;
	uint64_t waiting;        /* reads that wait now */
	uint64_t oldest_wait_ns; /* for how long the first of them has */

	/* Every source failed at its last request (wrong bytes are an answer,
	 * counted elsewhere): since when (wall clock).  0 where one gave what
	 * it was asked for. */
	int64_t failing_since_s;
	/* What went wrong since the last right answer, also while more is
	 * tried: the last, and which registry's it is; "" nothing. */
	char why[USAGE_WHY_SIZE];
	char host[USAGE_HOST_SIZE];

	uint64_t failed_ns; /* the last failure and answer; 0: none yet */
	uint64_t answered_ns;
};

/* Adds the blob's to what is there: start with zeros.  Blobs of one image have
 * one registry, so that of several the failure counts that no later answer of
 * any of them has disproved. */
void blob_add_usage(struct blob *b, struct blob_usage *sum);

struct fetcher_usage {
	uint64_t queued[USAGE_PRIORITIES]; /* chunks */
	uint64_t resting; /* chunks that every source failed to give */
	uint64_t coming;  /* all others that are not stored yet */
	uint64_t running[USAGE_PRIORITIES]; /* requests */
	uint64_t waiting;                   /* reads */
	uint64_t oldest_wait_ns;
};

void fetcher_get_usage(struct fetcher *f, struct fetcher_usage *out);

/* ---- for the files of this folder; the fetcher's lock held ---- */

/* A source gave what it was asked for, or did not. */
void usage_note_answer(
    struct blob *b, unsigned origin, const struct err *failure);
/* It has failed, and tries again. */
void usage_note_trouble(struct blob *b, unsigned origin, const struct err *why);
/* The demand is over. */
void usage_note_wait(const struct demand *d);

#endif
