/* The requests that were read from the kernel and not answered yet, in memory
 * that outlives the worker: the next one answers them.  Linux 6.9 sends them
 * again by itself (FUSE_NOTIFY_RESEND, mount/init.c); on older kernels whoever
 * waits for one that was forgotten waits until he is killed.
 *
 *	seat     a thread's buffer: the kernel writes the request into it, so there
 *	         is no moment at which a request is nowhere
 *	record   a copy of a small one that waits for its data
 *
 *	expect -> read(2) -> take -> process -> settle
 *	          answered, by any thread, sooner or later -> forgotten
 *
 * What was answered a moment before the end may be answered again: the kernel
 * knows no such request any more, which does no harm.  What has no answer
 * (FORGET) and what does not fit a record is not kept.
 *
 * Any thread.  Every call is fine with NULL, which keeps nothing.
 */
#ifndef MOUNT_UNANSWERED_H
#define MOUNT_UNANSWERED_H

#include <stddef.h>
#include <stdint.h>

struct agent;
struct err;
struct unanswered;

/* In the memory of an earlier worker, whose descriptor it takes, or (-1, or it
 * is another version's) in new memory, which the supervisor then holds. */
struct unanswered *unanswered_new(struct agent *a, int earlier, struct err *e);
void unanswered_free(struct unanswered *u);

/* The seat of the n-th thread: SESSION_BUFFER bytes. */
uint8_t *unanswered_seat(struct unanswered *u, unsigned n);

/* A request of that mount's is to be read into the seat. */
void unanswered_expect(struct unanswered *u, uint8_t *seat, const char *id);
/* It was; it may be answered from now on. */
void unanswered_take(struct unanswered *u, uint8_t *seat);
/* It was processed: unless it was answered it goes on as a record. */
void unanswered_settle(struct unanswered *u, uint8_t *seat, size_t n);

/* The mount's request with this number was answered. */
void unanswered_note_answer(
    struct unanswered *u, const char *id, uint64_t unique);

/* The mount is another one now, or its kernel sends them again. */
void unanswered_drop(struct unanswered *u, const char *id);

/* Calls fn with each of the mount's records, a copy; it may answer. */
void unanswered_replay(struct unanswered *u, const char *id,
    void (*fn)(void *ctx, uint8_t *request, size_t n), void *ctx);

#endif
