/* Starts a daemon where none runs: `layerfsd --root R --run D`, in a session of
 * its own, with RUN/layerfsd.log as its output.
 */
#ifndef CLI_START_H
#define CLI_START_H

#include "cli/client.h"
#include "cli/places.h"

/* Connects to the daemon in the run folder `run`, starting one if none answers,
 * and waits up to 10 s for it.  Commands that start at once wait for each other
 * (RUN/start.lock): one daemon is started.  When it does not come the error
 * says so, and the last lines of what it wrote to its log are on standard
 * error. */
struct client *start_daemon(
    const struct places *places, int run, struct err *e);

#endif
