/* Credentials that clients handed over, kept for as long as the supervisor
 * lives: a worker that starts again can refresh tokens.  They lie in a memfd
 * that the supervisor holds unread, never on disk, never in the log.
 *
 * Any thread.
 */
#ifndef DAEMON_SECRETS_H
#define DAEMON_SECRETS_H

#include <stdbool.h>

struct agent;
struct credential;
struct err;
struct registry;
struct secrets;

/* held_fd: what an earlier worker left, or -1; takes it. Gives its credentials
 * to the registry client. */
struct secrets *secrets_new(
    struct agent *a, struct registry *r, int held_fd, struct err *e);
void secrets_free(struct secrets *s);

/* Whether one was handed over for this repository. */
bool secrets_have(struct secrets *s, const char *host, const char *repository);

/* Tells the registry client, and keeps it. */
int secrets_set(struct secrets *s, const char *host, const char *repository,
    const struct credential *c, struct err *e);

#endif
