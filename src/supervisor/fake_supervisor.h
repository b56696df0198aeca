/* A supervisor that a test plays: a thread that answers what it is told to, and
 * keeps what it was asked.  Only test_*.c includes it.
 */
#ifndef SUPERVISOR_FAKE_SUPERVISOR_H
#define SUPERVISOR_FAKE_SUPERVISOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/agent.h"
#include "supervisor/message.h"

struct answer {
	uint32_t kind, code, number;
	const char *name;
	const char *text; /* error or payload */
	bool has_fd;
};

struct peer {
	int sock;
	pthread_t thread;
	const struct answer *answers; /* after HELLO's */
	size_t n;
	bool leaves_open;
	struct message asked[8];
	unsigned asked_fds[8];
};

/* An agent of the peer, which gives these answers, one a request. */
struct agent *start(struct peer *p, const struct answer *answers, size_t n);
/* Both. */
void end(struct peer *p, struct agent *a);

void send_answer(int sock, const struct answer *a, uint64_t ticket);

#endif
