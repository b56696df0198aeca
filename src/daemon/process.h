/* This process as the kernel sees it (/proc/self). */
#ifndef DAEMON_PROCESS_H
#define DAEMON_PROCESS_H

#include <stdint.h>

struct err;

struct process {
	uint64_t open_fds, max_fds;
	uint64_t resident_bytes;
	uint64_t threads;
	int64_t started_s; /* wall clock */
};

/* Reads /proc/self; blocks on nothing else. */
int process_look(struct process *p, struct err *e);

#endif
