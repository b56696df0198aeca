/* Whose turn it is to be asked: the first host of those that are well, then those
 * that asked for a pause, those that are down, and those whose bytes were wrong.
 * On the http thread.
 */
#ifndef REGISTRY_TURN_H
#define REGISTRY_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;

/* Sets x->host.  False: nobody is left.  What another host has said
 * (x->failure) is no better for a wait for one that is down. */
bool turn_pick(struct exchange *x);

/* Beside x->host there is one that is not known to be down. */
bool turn_has_other(const struct exchange *x);

/* The host's last answer asks for it. */
bool turn_wants_pause(const struct exchange *x);

/* Until then the host wants to be left alone; in the past: it does not. */
uint64_t turn_limited_until(const struct exchange *x, size_t host);

#endif
