/* Credentials that clients handed over, kept so that a worker that starts
 * again, also after a reboot, can refresh tokens.  They lie in ROOT/secrets,
 * which only the supervisor's user can read, and which it opens and holds;
 * never in the log.
 *
 * At most SECRETS_MAX, and as many as the file takes: the one set longest ago
 * goes first.  What cannot be read at start is dropped, with a warning.
 *
 * Any thread; secrets_set() blocks on disk.
 */
#ifndef DAEMON_SECRETS_H
#define DAEMON_SECRETS_H

#include <stdbool.h>

struct credential;
struct err;
struct registry;
struct secrets;

enum { SECRETS_MAX = 1000 };

/* Takes fd, the file.  Gives what is in it to the registry client. */
struct secrets *secrets_new(struct registry *r, int fd, struct err *e);
void secrets_free(struct secrets *s);

/* Whether one was handed over for this repository. */
bool secrets_have(struct secrets *s, const char *host, const char *repository);

/* Tells the registry client, and keeps it (a copy). */
int secrets_set(struct secrets *s, const char *host, const char *repository,
    const struct credential *c, struct err *e);

#endif
