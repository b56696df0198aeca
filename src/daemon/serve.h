/* The worker at work: its loop runs until a signal or the supervisor ends it, and
 * what was fetched lately is synced now and then.
 */
#ifndef DAEMON_SERVE_H
#define DAEMON_SERVE_H

struct daemon;
struct err;

/* Everything of it is open; on its thread. */
int daemon_serve(struct daemon *d, struct err *e);

#endif
