/* A listening TCP socket that only this machine can reach. */
#ifndef DAEMON_LOOPBACK_H
#define DAEMON_LOOPBACK_H

#include <stddef.h>

struct err;

struct sockaddr_storage;

/* "127.0.0.1:9464" or "[::1]:9464".  EINVAL for anything else: names, other
 * addresses, no port. */
int loopback_parse(
    const char *text, struct sockaddr_storage *out, size_t *len, struct err *e);

/* Listens there, not blocking: the descriptor. */
int loopback_listen(const char *text, struct err *e);

#endif
