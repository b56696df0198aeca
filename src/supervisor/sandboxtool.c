/* sandboxtool [-c CALL]... COMMAND [ARGUMENT...] - runs it as the worker's
 * programs run; with -c where only those calls, as systemd's SystemCallFilter=
 * has them, are there: others fail with ENOSYS. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "supervisor/sandbox.h"
#include "base/err.h"

/* Enters a filter of its own; the first word behind the options. */
static int
enter_listed(char **argv, struct err *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int at = 1, rc = 0;

	for (; rc == 0 && argv[at] != NULL && strcmp(argv[at], "-c") == 0 &&
	       argv[at + 1] != NULL;
	     at += 2) {
		int number = seccomp_syscall_resolve_name(argv[at + 1]);

		if (number >= 0)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, number, 0);
	}
	if (rc == 0 && at > 1)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc == 0 ? at : err_set(e, -rc, "%s", strerror(-rc));
}

static int
enter(char **argv, struct err *e)
{
	int at;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_sys(e, "no_new_privs");
	at = enter_listed(argv, e);
	if (at == 1 && (sandbox_hide(e) < 0 || sandbox_enter(e) < 0))
		return -1;
	return at;
}

int
main(int argc, char **argv)
{
	struct err e;
	int at = enter(argv, &e);

	(void)argc;
	if (at < 0) {
		fprintf(stderr, "sandboxtool: %s\n", e.msg);
		return 77;
	}
	if (argv[at] == NULL) {
		fprintf(stderr, "usage: sandboxtool [-c CALL]... COMMAND...\n");
		return 2;
	}
	execvp(argv[at], argv + at);
	perror(argv[at]);
	return 1;
}
