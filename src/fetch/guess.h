/* What a start may read next, fetched while its readers wait.
 *
 * A reader that misses waits a round trip, in which the link would be idle.
 * Files are read as folders lie: each place that was missed lately is a spot
 * that grows in both directions, the least grown first.  What is guessed never
 * exceeds what the link could carry while readers waited (link.h), nor what the
 * blob allows, and it stops with the misses.
 *
 * All functions are called with the fetcher's lock held.
 */
#ifndef FETCH_GUESS_H
#define FETCH_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/plan.h"

struct blob;
struct fetcher;

enum { GUESS_SPOTS = 64 };

/* A blob's part. */
struct guess {
	uint64_t left_bytes; /* of the blob; 0: nothing is guessed */
	struct plan_spot spots[GUESS_SPOTS];
	uint64_t born[GUESS_SPOTS]; /* later is higher; 0: unused */
};

/* A reader missed: a spot that begins as the window that is fetched anyway. */
void guess_note(struct blob *b, const struct plan_spot *spot);

/* Queues a portion if there is anything to guess and room for it on the way to
 * its host; false: not now. */
bool guess_queue(struct fetcher *f);

#endif
