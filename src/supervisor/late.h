/* Jobs that are given up when they take too long, because what they wait for may never
 * come.  Who waits for it in the kernel may not even end when he is killed: his job
 * stays on the list, answered, until he does, and there are never many of those.
 *
 *	LOGIN    5 s    a credential file may lie on NFS, or on a FUSE mount
 *	EROFS   30 s    on trial only: nobody knows what this kernel does
 *
 * While the machine stands still nobody is late.  On the supervisor's one thread.
 */
#ifndef SUPERVISOR_LATE_H
#define SUPERVISOR_LATE_H

#include <stdint.h>

struct err;
struct job;
struct list;
struct message;
struct supervisor;

/* EAGAIN: too many of that kind have not ended. */
int late_check(
    const struct list *jobs, const struct message *request, struct err *e);

/* It has begun. */
void late_note_start(struct job *j);

/* When to look whether one is late (monotonic); UINT64_MAX: none may be. */
uint64_t late_next_ns(const struct list *jobs);

/* Gives those up that are late now: ETIMEDOUT. */
void late_give_up(struct supervisor *s);

#endif
