/* layerfs.toml: what an operator may set.  One table (config.c) declares every
 * key with its default and meaning; the manual's list comes from it. An empty
 * or absent file means the defaults; an unknown key is an error that names it.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdint.h>

struct err;

enum { CONFIG_DIRS_MAX = 8 };

struct config {
	char *log_level;
	char *log_format;
	int64_t sandbox;
	char *user; /* the worker's; "" for the default */

	char *hosts_dirs[CONFIG_DIRS_MAX + 1]; /* NULL ends */
	char *registries_conf;                 /* "" for none */
	char *ca_file;                         /* "" for none */
	char *credential_files[CONFIG_DIRS_MAX + 1];
	int64_t connect_timeout_ms;
	int64_t stall_timeout_ms;
	int64_t max_connections;

	int64_t patience_ms;

	int64_t max_requests;
	int64_t decode_threads;
	int64_t background_bytes_per_s;
	int64_t guess_percent;

	int64_t quota_bytes;
	int64_t min_free_percent;
	int64_t unused_days;

	char *mount_kernel;
	int64_t fuse_threads;
	int64_t read_ahead_kb;

	int64_t record_ms;
	int64_t quiet_ms;

	char *index_trust;
	int64_t wait_ms;
	char *publish_mode;
	int64_t publish_aliases;
	int64_t publish_delay_ms;

	int64_t whole_layer_bytes;
	int64_t small_layer_bytes;
	int64_t prepare_timeout_ms;

	char *cri_containerd; /* "": no proxy */

	int64_t layer_store;

	int64_t metrics_socket;
	char *metrics_address; /* "": none */
};

/* Where it is looked for unless the command line says otherwise. */
extern const char config_default_path[];

/* From an open file (the worker may not open it itself), or the defaults for
 * -1. On failure nothing needs release. */
int config_read(struct config *c, int fd, struct err *e);

/* From a path, ENOENT when it is not there. */
int config_load(struct config *c, const char *path, struct err *e);
void config_release(struct config *c);

/* Prints every key with its default and meaning, as a commented file. */
void config_print_defaults(void);

#endif
