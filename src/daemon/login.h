/* Which credential the registry client is given for an image: what a client or
 * a kubelet handed over (daemon/secrets.h), else what files say: those of the
 * configuration, which the supervisor opens, then those that the worker may
 * read itself (registry/credential.h).
 *
 * Any thread; blocks on disk and on credential helpers.
 */
#ifndef DAEMON_LOGIN_H
#define DAEMON_LOGIN_H

struct daemon;
struct err;
struct reference;

/* Nothing found is no failure, nor is a file that cannot be read: the registry
 * may not ask for one. */
int login_apply(struct daemon *d, const struct reference *ref, struct err *e);

#endif
