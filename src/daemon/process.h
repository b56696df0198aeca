/* This process as the kernel sees it (/proc/self). */
#ifndef DAEMON_PROCESS_H
#define DAEMON_PROCESS_H

#include <stdint.h>

struct err;

struct process {
	uint64_t open_fds, max_fds;
	uint64_t resident_bytes;
	/* Of malloc(3), in use: small ones, and large ones, of which not all of what they
	 * were given for need be resident. */
	uint64_t heap_bytes, mapped_bytes;
	uint64_t threads;
	int64_t started_s; /* wall clock */
};

/* Reads /proc/self, and holds each of malloc's arenas up for a moment. */
int process_look(struct process *p, struct err *e);

#endif
