/* Bytes between a source's callback, which must not block, and a thread that
 * decompresses them: a queue with a ceiling, above which the source is paused.
 *
 * The source's side: intake_put() is what on_bytes answers, intake_end() what
 * on_done tells.  The other side takes parcels until intake_take() says that
 * they have ended.  intake_close() makes the source's next bytes end the read.
 */
#ifndef FETCH_INTAKE_H
#define FETCH_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/source.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/lock.h"

/* Above it the source pauses. */
#define INTAKE_BYTES MIB(4)

struct parcel {
	struct list link;
	size_t len;
	uint8_t bytes[];
};

struct intake {
	struct lock lock; /* guards what follows */
	struct cond changed;
	struct list parcels;
	size_t bytes;
	bool is_paused;
	bool is_closed;
	bool has_ended;
	struct err failure; /* why; code 0: all bytes were given */

	uint64_t waited_ns; /* intake_wait(), awake; its caller's */
};

void intake_init(struct intake *in);
void intake_release(struct intake *in);

/* *is_first: the queue was empty. */
enum source_verdict intake_put(
    struct intake *in, const void *p, size_t n, bool *is_first);
void intake_end(struct intake *in, const struct err *failure);

/* The next parcel, which the caller frees, or NULL: none now, or ended.
 * *resume: the source was paused and shall go on. */
struct parcel *intake_take(struct intake *in, bool *resume);
/* As above, blocking until there is one or they have ended. */
struct parcel *intake_wait(struct intake *in, bool *resume);
bool intake_has_ended(struct intake *in);

/* How many wait to be taken. */
size_t intake_bytes(struct intake *in);
/* Blocks until there are some, or, false, will never be. */
bool intake_has_bytes(struct intake *in);

/* Nothing more is wanted: what is queued is dropped. */
void intake_close(struct intake *in);

#endif
