/* A question to a registry and who waits for its answer: an exchange for threads
 * that may block (not http).
 *
 *	inquiry_init -> (set up .exchange) -> inquiry_start -> inquiry_wait
 *
 * Several may be started before the first is waited for; each that was started is
 * waited for.  Owned by one thread.
 */
#ifndef REGISTRY_INQUIRY_H
#define REGISTRY_INQUIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/exchange.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/lock.h"

struct awake;
struct repository;

struct inquiry {
	/* The owner sets what to ask, after inquiry_init(): all but on_done.
	 * After inquiry_wait() `document` is his to release. */
	struct exchange exchange;

	const _Atomic bool *is_cancelled; /* looked at now and then; or NULL */

	bool is_late; /* it was cancelled: until_ns had passed, or so */

	/* private */
	struct err failure;
	struct lock lock;
	struct cond ended;
	/* guarded by lock */
	bool is_done;
};

/* An answer of at most so many bytes is collected. */
void inquiry_init(
    struct inquiry *q, const struct repository *at, size_t document_max);
void inquiry_start(struct inquiry *q);
/* until_ns: of the monotonic clock; UINT64_MAX: as long as it takes.  ECANCELED
 * where it passed, or somebody cancelled. */
int inquiry_wait(struct inquiry *q, uint64_t until_ns, struct err *e);
/* For one of several that have a patience together: until_ns is of its clock. */
int inquiry_wait_awake(
    struct inquiry *q, struct awake *awake, uint64_t until_ns, struct err *e);

/* Nobody wants the answer any more: the wait is short. */
void inquiry_cancel(struct inquiry *q);

/* ---- without a body, of who keeps the repository: no mirror's memory ---- */

struct inquiry_plain {
	const char *method; /* NULL: GET */
	const char *path, *what;
	size_t answer_max;
	const _Atomic bool *is_cancelled; /* or NULL */
};

/* Blocks.  *answer needs no init and is the caller's to release, whatever comes. */
int inquiry_ask(const struct repository *at, const struct inquiry_plain *p,
    struct buf *answer, struct err *e);

#endif
