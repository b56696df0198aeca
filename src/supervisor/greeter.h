/* What container runtimes hear while no worker serves: from the end of one, or
 * the start of this process, until the next says READY.
 *
 * grpc-go gives a connection up on which its server has said nothing for a
 * second, and fails the calls that wait for it; a listening socket alone is not
 * enough, where a start takes longer.  So what connects is accepted here, is told
 * what an HTTP/2 server says first (SETTINGS, none of them), and is held.
 * Nothing is read of it: the worker takes it over (agent_next_greeted) as it
 * would a new one, and whatever was asked meanwhile waits in the socket.
 *
 *	rpc:SERIAL, cri:SERIAL   payload: one byte, "greeted"; gone from when on
 *	                         the worker has it
 *
 * A worker that was killed takes its time to go: hundreds of milliseconds where its
 * threads wait for a busy processor.  So who waits while a worker serves is
 * looked at, too, and greeted where that one will accept nobody any more.
 *
 * One that the worker had just accepted when it was killed would hear nothing until
 * the next: so here it is told SETTINGS, too, in answer to its being held.
 *
 * It outlives the supervisor as all that is held (keep.h).  On the supervisor's
 * one thread.
 */
#ifndef SUPERVISOR_GREETER_H
#define SUPERVISOR_GREETER_H

#include <stdbool.h>
#include <stdint.h>

struct held_fd;
struct supervisor;

enum { GREETER_LISTENERS = 2 };

struct greeter {
	/* No descriptor was left to accept with, and the listener would wake
	 * the loop for ever: until the next worker. */
	bool is_tired;
	/* Somebody waited, and the worker lived: it accepts them. */
	uint64_t rest_until_ns;
};

/* Those to be polled now, and -1. */
void greeter_listeners(const struct supervisor *s, int fds[GREETER_LISTENERS]);

/* How long to sleep at most, -1: however long. */
int greeter_timeout_ms(const struct supervisor *s);

/* Somebody waits.  Before greeter_greet(). */
void greeter_note_waiting(struct supervisor *s);

/* Greets whoever waits.  Never blocks. */
void greeter_greet(struct supervisor *s);

/* What an HTTP/2 server says first, to a connection that was said nothing yet.  False:
 * its peer is gone. */
bool greeter_say_settings(int fd);

/* The first that the worker has not been given, or NULL.  From then on it is the
 * worker's as if that had accepted it. */
struct held_fd *greeter_give(struct supervisor *s);

#endif
