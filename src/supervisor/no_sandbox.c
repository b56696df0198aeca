/* In place of sandbox.c where libseccomp is not there. */
#include <errno.h>

#include "supervisor/sandbox.h"
#include "base/err.h"

int
sandbox_enter(struct err *e)
{
	return err_set(
	    e, ENOTSUP, "this layerfsd was built without libseccomp");
}
