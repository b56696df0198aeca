/* sandboxtool COMMAND [ARGUMENT...] - runs it as the worker's programs run. */
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "supervisor/sandbox.h"
#include "base/err.h"

int
main(int argc, char **argv)
{
	struct err e;

	if (argc < 2) {
		fprintf(stderr, "usage: sandboxtool COMMAND [ARGUMENT...]\n");
		return 2;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    sandbox_hide(&e) < 0 || sandbox_enter(&e) < 0) {
		fprintf(stderr, "sandboxtool: %s\n", e.msg);
		return 77;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 1;
}
