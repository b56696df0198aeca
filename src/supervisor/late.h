/* Jobs that are given up when they take too long, because what they wait for may never
 * come.  Who waits for it in the kernel may not even end when he is killed: his job
 * stays on the list, answered, until he does, and there are never many of those.
 *
 *	LOGIN    5 s    a credential file may lie on NFS, or on a FUSE mount
 *	OVERLAY 10 s    with folders that were given: they may lie on a disk that
 *	ATTACH          does not answer, or behind a path that leads there
 *	EROFS   30 s    on trial only: nobody knows what this kernel does
 *
 * What was lost is put back one by one, by a start that waits for it: behind one that
 * was given up each has a second, which is enough where somebody answers.
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

/* EAGAIN: too many of that kind were given up and have not ended.  n_fds: with how
 * many descriptors. */
int late_check(const struct list *jobs, const struct message *request,
    unsigned n_fds, struct err *e);

/* It has begun. */
void late_note_start(const struct supervisor *s, struct job *j, unsigned n_fds);

/* When to look whether one is late (monotonic); UINT64_MAX: none may be. */
uint64_t late_next_ns(const struct list *jobs);

/* Gives those up that are late now: ETIMEDOUT. */
void late_give_up(struct supervisor *s);

/* The process of one that was given up has ended now. */
void late_note_end(struct supervisor *s, const struct job *j);

#endif
