/* Descriptors that a process is given at its start:
 *sd_listen_fds_with_names(3). systemd gives those of its socket units and those
 * of its descriptor store, and a supervisor that becomes a newer binary gives
 * its successor its own.
 *
 *	LISTEN_PID      whose they are
 *	LISTEN_FDS      how many, from 3 on
 *	LISTEN_FDNAMES  their names, a colon between
 *
 * activation_pass() leaves every descriptor where it is; the numbers between
 * are called "none", which systemd never says.
 */
#ifndef SUPERVISOR_ACTIVATION_H
#define SUPERVISOR_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

enum { ACTIVATION_NAME_SIZE = 256 }; /* systemd's names have at most 255 */

struct err;

struct given {
	int fd; /* -1: taken */
	char *name;
};

struct activation {
	struct given *all;
	size_t n;
};

#define ACTIVATION_NONE ((struct activation){ NULL, 0 })

/* Takes them from the environment, which then says nothing of them; from now on
 * exec closes them.  None is fine. */
int activation_take(struct activation *a, struct err *e);

/* The caller's from now on, or -1: the first of that name. */
int activation_find(struct activation *a, const char *name);
/* A listening socket of whatever name. */
int activation_find_listener(struct activation *a);

/* Closes those that nobody took. */
void activation_release(struct activation *a);

/* For exec: the descriptors and the environment that says so. */
int activation_pass(const struct given *all, size_t n, struct err *e);
/* There was no exec after all. */
void activation_withdraw(const struct given *all, size_t n);

#endif
