/* Who asks for metrics: HTTP on RUN/metrics.sock, and on a loopback address
 * where the configuration names one.  GET /metrics, nothing else; every answer
 * closes its connection.
 *
 * A few connections at a time, each for a few seconds: who asks slowly, or
 * reads slowly, keeps the next scraper waiting at most, and nobody else.
 * Connections are accepted on the loop; one thread ("metrics") answers them.
 */
#ifndef DAEMON_METRICS_SERVER_H
#define DAEMON_METRICS_SERVER_H

struct daemon;
struct err;
struct metrics_server;

/* Takes the listening socket, leaving -1; one of -1 is not there.  A build
 * without libmicrohttpd answers nobody: ENOTSUP. */
struct metrics_server *metrics_server_new(
    struct daemon *d, int *listener, const char *address, struct err *e);
/* Waits for an answer that is being made.  The loop runs no more. */
void metrics_server_free(struct metrics_server *s);

#endif
