/* layerfsd: reads its options, then is the supervisor, or with --worker-fd the
 * worker that the supervisor started. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/metrics_page.h"
#include "supervisor/supervisor.h"
#include "base/err.h"
#include "base/log.h"

#include "layerfs/control.h"

enum {
	OPTION_WORKER_FD = 256,
	OPTION_PRINT_CONFIG,
	OPTION_PRINT_METRICS,
	OPTION_PRINT_EVENTS,
	OPTION_CHECK,
};
enum { ARENAS = 4, HEAP_SLACK = 1 << 20 };

struct options {
	const char *root;
	const char *run;
	const char *config;
	const char *log_level;
	int worker_fd;
	bool is_check;
};

static const struct option long_options[] = {
	{ "root", required_argument, NULL, 'r' },
	{ "run", required_argument, NULL, 'd' },
	{ "config", required_argument, NULL, 'c' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "worker-fd", required_argument, NULL, OPTION_WORKER_FD },
	{ "print-config", no_argument, NULL, OPTION_PRINT_CONFIG },
	{ "print-metrics", no_argument, NULL, OPTION_PRINT_METRICS },
	{ "print-events", no_argument, NULL, OPTION_PRINT_EVENTS },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void
print_help(FILE *to)
{
	fprintf(to,
	    "Usage: layerfsd [--root DIR] [--run DIR] [--config FILE]\n"
	    "\n"
	    "  --root DIR        the store (" LAYERFS_SYSTEM_ROOT ")\n"
	    "  --run DIR         socket and mount points (" LAYERFS_SYSTEM_RUN
	    ")\n"
	    "  --config FILE     instead of %s\n"
	    "  --log-level L     error, warn, info or debug\n"
	    "  --print-config    every key with its default, then exit\n"
	    "  --print-metrics   every metric with its meaning, then exit\n"
	    "  --print-events    every event of the log, then exit\n"
	    "  --check           whether the configuration is right, then "
	    "exit\n"
	    "  --version, --help\n",
	    config_default_path);
}

static void
print_events(void)
{
	for (int ev = 0; ev < LOG_EVENT_COUNT; ev++)
		printf("%s %s\n", log_event_name(ev), log_event_meaning(ev));
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
		case OPTION_PRINT_METRICS:
			metrics_page_print_table();
			return 0;
		case OPTION_PRINT_EVENTS:
			print_events();
			return 0;
		case OPTION_CHECK:
			o->is_check = true;
			break;
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

/* The default file may be absent, one that was asked for may not. */
static int
load_config(struct options *o, struct config *c, struct err *e)
{
	if (o->config == NULL && access(config_default_path, F_OK) != 0)
		return config_read(c, -1, e);
	if (o->config == NULL)
		o->config = config_default_path;
	return config_load(c, o->config, e);
}

/* All that a start needs of this program and its configuration. */
static int
check(struct options *o, struct err *e)
{
	struct config c;
	int rc;

	if (load_config(o, &c, e) < 0)
		return -1;
	rc = daemon_set_log(o->log_level, &c, e);
	/* The defaults are right. */
	if (rc == 0 && daemon_check(&c, e) < 0)
		rc = err_wrap(e, "%s", o->config);
	config_release(&c);
	return rc;
}

/* Its path, which may have another file by the time it is wanted. */
static int
find_program(char path[PATH_MAX], struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n < 0)
		return err_sys(e, "find this program");
	path[n] = 0;
	return 0;
}

static int
supervise(struct options *o, char **argv, struct err *e)
{
	struct config c;
	struct supervisor_options s = {
		.root = o->root,
		.run = o->run,
		.worker_path = "/proc/self/exe",
		.worker_argv = argv,
	};
	char program[PATH_MAX];
	int rc;

	if (find_program(program, e) < 0 || load_config(o, &c, e) < 0)
		return -1;
	s.program = program;
	s.config = o->config;
	s.with_metrics = c.metrics_socket != 0 && HAVE_MICROHTTPD;
	s.login_files = c.credential_files;
	s.containerd = c.cri_containerd;
	s.user = *c.user == 0 ? NULL : c.user;
	rc = daemon_set_log(o->log_level, &c, e);
	if (rc == 0)
		rc = supervisor_run(&s, e);
	config_release(&c);
	return rc;
}

static int
work(const struct options *o, struct err *e)
{
	struct daemon_options d = {
		.root_path = o->root,
		.run_path = o->run,
		.log_level = o->log_level,
		.agent_fd = o->worker_fd,
	};

	/* By default each of our many threads would keep a heap of its own, and
	 * each heap twice the largest block that was ever freed: glibc takes
	 * that for its threshold, and malloc_trim() leaves the end of a
	 * thread's heap alone. */
	mallopt(M_ARENA_MAX, ARENAS);
	mallopt(M_TRIM_THRESHOLD, HEAP_SLACK);
	mallopt(M_MMAP_THRESHOLD, HEAP_SLACK);
	/* Started by way of /proc/self/exe, it would be called "exe". */
	prctl(PR_SET_NAME, "layerfsd-worker");
	log_set_name("layerfsd[worker]");
	return daemon_run(&d, e);
}

/* Where nobody reads the log any more, or where there is none, that is no reason to
 * wait or to end, nor to write it into whatever has its number. */
static void
secure_log(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd < STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	signal(SIGPIPE, SIG_IGN);
	log_never_wait();
}

int
main(int argc, char **argv)
{
	struct options o;
	struct err e = ERR_INIT;
	int status = parse_options(&o, argc, argv);

	if (status >= 0)
		return status;
	secure_log();
	log_set_name("layerfsd");
	if (o.is_check)
		status = check(&o, &e);
	else
		status =
		    o.worker_fd >= 0 ? work(&o, &e) : supervise(&o, argv, &e);
	if (status < 0)
		log_error("%s", e.msg);
	return status < 0 ? 1 : 0;
}
