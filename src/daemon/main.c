/* layerfsd: reads its options, then is the supervisor, or with --worker-fd the
 * worker that the supervisor started. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/daemon.h"
#include "supervisor/supervisor.h"
#include "base/err.h"
#include "base/log.h"

#include "layerfs/control.h"

enum { OPTION_WORKER_FD = 256, OPTION_PRINT_CONFIG };

struct options {
	const char *root;
	const char *run;
	const char *config;
	const char *log_level;
	int worker_fd;
};

static const struct option long_options[] = {
	{ "root", required_argument, NULL, 'r' },
	{ "run", required_argument, NULL, 'd' },
	{ "config", required_argument, NULL, 'c' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "worker-fd", required_argument, NULL, OPTION_WORKER_FD },
	{ "print-config", no_argument, NULL, OPTION_PRINT_CONFIG },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void
print_help(FILE *to)
{
	fputs("Usage: layerfsd [--root DIR] [--run DIR] [--config FILE]\n"
	      "\n"
	      "  --root DIR        the store (" LAYERFS_SYSTEM_ROOT ")\n"
	      "  --run DIR         socket and mount points (" LAYERFS_SYSTEM_RUN
	      ")\n"
	      "  --config FILE     instead of /etc/layerfs/layerfs.toml\n"
	      "  --log-level L     error, warn, info or debug\n"
	      "  --print-config    every key with its default, then exit\n"
	      "  --version, --help\n",
	    to);
}

/* -1 to go on, else the exit status. */
static int
parse_options(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){ .root = LAYERFS_SYSTEM_ROOT,
		.run = LAYERFS_SYSTEM_RUN,
		.worker_fd = -1 };
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case 'r':
			o->root = optarg;
			break;
		case 'd':
			o->run = optarg;
			break;
		case 'c':
			o->config = optarg;
			break;
		case 'l':
			o->log_level = optarg;
			break;
		case OPTION_WORKER_FD:
			o->worker_fd = atoi(optarg);
			break;
		case OPTION_PRINT_CONFIG:
			config_print_defaults();
			return 0;
		case 'V':
			puts("layerfsd " PACKAGE_VERSION);
			return 0;
		case 'h':
			print_help(stdout);
			return 0;
		default:
			print_help(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "layerfsd: unexpected \"%s\"\n", argv[optind]);
		return 2;
	}
	return -1;
}

static int
set_log_level(const struct options *o, const struct config *c, struct err *e)
{
	const char *name = o->log_level != NULL ? o->log_level : c->log_level;
	int level = log_parse_level(name);

	if (level < 0)
		return err_set(e, EINVAL,
		    "log level \"%s\" is not error, warn, info or debug", name);
	log_set_level(level);
	return 0;
}

static int
supervise(
    const struct options *o, const struct config *c, char **argv, struct err *e)
{
	struct supervisor_options s = {
		.root = o->root,
		.run = o->run,
		.user = *c->user == 0 ? NULL : c->user,
		.worker_path = "/proc/self/exe",
		.worker_argv = argv,
	};

	log_set_name("layerfsd");
	return supervisor_run(&s, e);
}

static int
work(const struct options *o, struct config *c, struct err *e)
{
	log_set_name("layerfsd[worker]");
	return daemon_run(c, o->root, o->run, o->worker_fd, e);
}

int
main(int argc, char **argv)
{
	struct options o;
	struct config c;
	struct err e = ERR_INIT;
	int status = parse_options(&o, argc, argv);

	if (status >= 0)
		return status;
	if (config_load(&c, o.config, &e) < 0) {
		log_error("%s", e.msg);
		return 1;
	}
	if (set_log_level(&o, &c, &e) < 0)
		status = -1;
	else if (o.worker_fd >= 0)
		status = work(&o, &c, &e);
	else
		status = supervise(&o, &c, argv, &e);
	if (status < 0)
		log_error("%s", e.msg);
	config_release(&c);
	return status < 0 ? 1 : 0;
}
