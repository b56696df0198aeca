/* Accepts on a listening socket, on a loop's thread.  Where there is no descriptor
 * left to accept with it does not spin: it pauses for a moment, and who connects
 * waits; or, with on_refuse, it keeps one descriptor in hand by which they are
 * told.
 *
 *	accepting <-> paused -> stopped
 */
#ifndef BASE_ACCEPTOR_H
#define BASE_ACCEPTOR_H

#include <stdbool.h>

struct err;
struct loop;
struct timer;
struct watch;

struct acceptor {
	struct loop *loop;
	int listener;        /* the owner's */
	int spare;           /* -1: none */
	struct watch *watch; /* NULL: stopped */
	struct timer *pause;
	void (*on_accept)(void *ctx, int fd);
	void (*on_refuse)(void *ctx, int fd, const struct err *why);
	void *ctx;
};

/* on_accept takes fd, close-on-exec and non-blocking.  on_refuse borrows it, and
 * says why as far as that does not block; NULL: they wait. */
int acceptor_init(struct acceptor *a, struct loop *l, int listener,
    void (*on_accept)(void *ctx, int fd),
    void (*on_refuse)(void *ctx, int fd, const struct err *why), void *ctx,
    struct err *e);

/* Accepts no more: what connects now waits.  Also after acceptor_stop(). */
void acceptor_stop(struct acceptor *a);

#endif
