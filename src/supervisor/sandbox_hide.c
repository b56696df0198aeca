#include <sys/prctl.h>
#include <sys/resource.h>

#include "supervisor/sandbox.h"
#include "base/err.h"

int
sandbox_hide(struct err *e)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_sys(e, "limit cores");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_sys(e, "become undumpable");
	return 0;
}
