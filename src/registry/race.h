/* A read of a blob that a registry holds: one exchange, and a second one where
 * the first lets a reader wait for longer than nearly all of its host's answers
 * do: of another host that has it, else of the same on a new connection.
 *
 *	first:   asked ---- no byte for the host's tail ----+---- cancelled
 *	second:                                 asked ------+---- wins by a byte
 *
 * Whoever has the next byte wins; each read gets every byte once.  Only what a
 * reader waits for or will soon is asked twice, and at most three in a hundred of
 * those: where all answers are late, more questions would only make it worse.
 *
 * Any thread starts, resumes and cancels; the rest is the http thread's.
 */
#ifndef REGISTRY_RACE_H
#define REGISTRY_RACE_H

#include <stdint.h>

struct err;
struct race;
struct registry;
struct source_read;

/* Hedges that are saved up, in thousandths, when nothing was read yet. */
enum { RACE_FIRST_CREDIT = 3000 };

struct race_track {
	struct registry *registry;
	const char *namespace, *repository; /* stay until on_over */
	const char *name; /* of the source, for messages; stays, too */
	struct source_read *read;
	/* `read` has had its on_done; nothing of the race is left after it. */
	void (*on_over)(void *ctx);
	void *ctx;
};

/* NULL: no memory, and nothing was called. */
struct race *race_new(const struct race_track *t);
/* Both callbacks come, possibly before it returns. */
void race_start(struct race *r);
/* While the read runs. */
void race_resume(struct race *r);
void race_cancel(struct race *r);

#endif
