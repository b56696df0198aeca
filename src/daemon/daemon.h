/* The worker: one struct from which everything hangs.  It builds the floors in
 * order and takes them down in reverse.
 *
 *	agent -> store, db -> registry -> fetcher -> catalog -> showings ->
 *	mounts, snapshotter, layer store -> rpc, control
 *
 * Threads (base/thread.h): the main thread runs the loop; requests run on
 * `jobs`; layers are made on `makers`, which no maker ever waits for; calls of
 * runtimes have threads of their own.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdint.h>

#include "daemon/config.h"
#include "base/limits.h"
#include "base/pool.h"

struct agent;
struct audits;
struct cache;
struct catalog;
struct control;
struct db;
struct err;
struct fetcher;
struct layer_store;
struct loop;
struct metrics_server;
struct mount_server;
struct mounts;
struct pool;
struct publisher;
struct registry;
struct rpc;
struct secrets;
struct showings;
struct snapshotter;
struct store;
struct watch;

struct daemon {
	struct config config;
	const char *root_path; /* borrowed from the command line */
	const char *run_path;
	char own_registries[LIMIT_PATH_BYTES]; /* the user's registries.conf */

	struct agent *agent;
	struct loop *loop;
	struct watch *signals;
	struct store *store;
	struct db *db;
	struct registry *registry;
	struct secrets *secrets;
	_Atomic uint64_t own_logins_from_ns; /* daemon/login.c */
	struct fetcher *fetcher;
	struct pool *makers;
	struct publisher *publisher; /* NULL: nothing is published by itself */
	struct catalog *catalog;
	struct cache *cache;
	struct audits *audits;
	struct mount_server *server;
	struct showings *showings;
	struct mounts *mounts;
	struct snapshotter *snapshotter; /* NULL in a user's own daemon */
	struct rpc *rpc;                 /* NULL with it */
	struct layer_store *layer_store; /* NULL with it, or not wanted */
	struct pool *jobs;
	struct task trial; /* of the ways to mount */
	struct control *control;
	struct metrics_server *metrics; /* NULL: nobody is told */
};

struct daemon_options {
	const char *root_path; /* for messages: the supervisor opened it */
	const char *run_path;
	const char *log_level; /* over the configuration's; or NULL */
	int agent_fd; /* the socketpair's end that the supervisor left */
};

/* Runs the worker until it is told to end. */
int daemon_run(const struct daemon_options *o, struct err *e);

/* Sets the log's level to `name`, or to the configuration's when NULL, and its
 * format. */
int daemon_set_log(const char *name, const struct config *c, struct err *e);

/* What else a worker would refuse, or do without: words, the metrics' address,
 * a file of certificates that cannot be read. */
int daemon_check(const struct config *c, struct err *e);

#endif
