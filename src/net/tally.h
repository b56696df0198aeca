/* What each server was asked, and how it answered: counts by host, for who
 * looks after the daemon.  Hosts only: nothing of a URL that could be a secret.
 *
 *	tally_init -> tally_add, tally_each -> tally_release
 *
 * At most TALLY_HOSTS hosts; those that come later are counted together as
 * "other".  Any thread.
 */
#ifndef NET_TALLY_H
#define NET_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/lock.h"

enum { TALLY_HOSTS = 100, TALLY_HOST_SIZE = 272 };

enum tally_outcome {
	TALLY_DONE,      /* answered with 2xx or 3xx */
	TALLY_REFUSED,   /* 4xx but 429; a login that is asked for, too */
	TALLY_FAILED,    /* 429, 5xx, no answer, or one that broke off */
	TALLY_ABANDONED, /* nobody wanted the answer any more */
	TALLY_OUTCOMES
};

/* As labels of metrics have them: "done", "refused"... */
extern const char *const tally_outcome_names[TALLY_OUTCOMES];

struct tally_row {
	char host[TALLY_HOST_SIZE]; /* "HOST", ":PORT" behind it where odd */
	uint64_t requests[TALLY_OUTCOMES];
	uint64_t bytes;          /* of bodies */
	int64_t failing_since_s; /* wall clock; 0: the last one did not fail */
};

struct tally {
	struct lock lock; /* RANK_LEAF; guards what follows */
	struct hmap hosts;
};

void tally_init(struct tally *t);
void tally_release(struct tally *t);

/* What an answer's status, 0 where none came, is counted as. */
enum tally_outcome tally_judge(int status, bool is_whole);

void tally_add(
    struct tally *t, const char *url, enum tally_outcome how, uint64_t bytes);

/* A copy of the rows, sorted by host: *n of them; the caller frees.  NULL where
 * there are none, or no memory. */
struct tally_row *tally_copy(struct tally *t, size_t *n);

#endif
