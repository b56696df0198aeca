/* Who is at the other end of a unix socket (SO_PEERCRED): who connected, when
 * they did.
 *
 * The sockets' modes let nobody else in, but a mode is an operator's to change
 * and a descriptor anybody's to pass on; what may mount or hand over
 * credentials asks once more.
 */
#ifndef BASE_PEER_H
#define BASE_PEER_H

#include <stdbool.h>

struct err;

/* Root may always, others only where `or_self` and they are who this process
 * is: EACCES names who it was. */
int peer_check(int sock, bool or_self, struct err *e);

#endif
