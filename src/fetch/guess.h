/* What a start may read next, fetched while its readers wait.
 *
 * A reader that misses waits a round trip, in which the link would be idle.
 * Each object that was missed lately is a spot that grows: over the rest of the
 * object, its family, its cousins (kin.h); the least grown spot first.  What is
 * guessed never exceeds what the link could carry while readers waited
 * (link.h), nor what the blob allows, and it stops with the misses.
 *
 * All functions are called with the fetcher's lock held.
 */
#ifndef FETCH_GUESS_H
#define FETCH_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/kin.h"

struct blob;
struct fetcher;

enum { GUESS_SPOTS = 32 };

/* A miss, and how far around it was asked for since. */
struct spot {
	uint32_t object;
	uint32_t next, before; /* chunks: [before, next) of it */
	struct kin_walk walk;
	struct kin_family family; /* n 0: not begun */
	uint32_t which, done;     /* of its objects, from that one on */
	uint64_t grown_bytes;
	uint64_t born; /* later is higher; 0: unused */
};

/* A blob's part. */
struct guess {
	uint64_t left_bytes; /* of the blob; 0: nothing is guessed */
	struct kin *kin;     /* owned; NULL: not known */
	uint8_t *families;   /* what was done to each: guess.c */
	struct spot spots[GUESS_SPOTS];
};

/* Takes it; one that is not wanted, or a second, is dropped. */
void guess_set_kin(struct guess *g, struct kin *take);
/* Nothing is guessed any more. */
void guess_stop(struct guess *g);

/* A reader missed the chunk of an object. */
void guess_note(struct blob *b, uint32_t object, uint32_t chunk);

/* fetch.h: blob_guess() */
bool guess_file(struct blob *b, uint64_t data_off);

/* How much of a file that is read comes at once, in the blob: a few misses of
 * it would cost as much. */
uint64_t guess_most(const struct blob *b);

/* A reader found here what was guessed: a spot like those of misses. */
void guess_note_read(struct blob *b, uint64_t data_off);

/* A reader missed the object: its family is queued, as much of it as the link
 * carries in a round trip.  False: it has none that is known. */
bool guess_family(struct blob *b, uint32_t object);

/* Queues a portion if there is anything to guess and room for it on the way to
 * its host; false: not now. */
bool guess_queue(struct fetcher *f);

#endif
