/* What a command has at hand while it runs: its arguments, the daemon, and one
 * way to say that something failed.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/places.h"

struct doc;
struct err;
struct request;

struct session {
	const struct arguments *args;
	bool is_json, is_quiet;
	struct places places;  /* of session_connect() */
	struct client *client; /* NULL until then */
	const char *hint;      /* what to do about the last failure, or NULL */
};

void session_init(struct session *s, const struct arguments *args);
void session_release(struct session *s);

/* Connects; without SESSION_START a daemon that does not run is
 * ECONNREFUSED. */
enum session_connect { SESSION_FIND, SESSION_START };
int session_connect(struct session *s, enum session_connect how, struct err *e);

/* Sends the request and waits for its result, showing progress. */
struct doc *session_call(
    struct session *s, const struct request *r, struct err *e);
/* All of it for a request without arguments. */
struct doc *session_ask(
    struct session *s, enum session_connect how, const char *op, struct err *e);

/* Writes "layerfs: WHAT: why; what to do" to standard error. Returns
 * STATUS_FAILED. */
int session_fail(struct session *s, const struct err *e, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* A wrong command line: the same, with where to read on.  STATUS_USAGE. */
int session_misuse(const struct command *c, const struct err *e);

/* A word about what did not make the command fail. */
void session_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
