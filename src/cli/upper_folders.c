#include "cli/upper_folders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/target.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/scout.h"

struct opening {
	struct errand errand;
	const char *text;
};

/* ---- in the child ---- */

static int
open_both(const char *text, int pair[2], struct err *e)
{
	char upper[LIMIT_PATH_BYTES], work[LIMIT_PATH_BYTES + 8];
	struct stat upper_st, work_st;

	if (target_absolute(text, upper, e) < 0)
		return -1;
	pair[0] = fs_open_dir(AT_FDCWD, upper, e);
	if (pair[0] < 0)
		return -1;
	snprintf(work, sizeof work, "%s.work", upper);
	if (mkdir(work, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "make %s", work);
	pair[1] = fs_open_dir(AT_FDCWD, work, e);
	if (pair[1] < 0)
		return -1;
	if (fstat(pair[0], &upper_st) < 0 || fstat(pair[1], &work_st) < 0)
		return err_sys(e, "%s", upper);
	if (upper_st.st_dev != work_st.st_dev)
		return err_set(e, EXDEV,
		    "%s is a mount point; its work folder beside it lies on "
		    "another file system; use a folder inside it",
		    upper);
	return 0;
}

static int
run_opening(struct errand *x, struct err *e)
{
	const struct opening *o = container_of(x, struct opening, errand);

	x->n_fds = 2;
	return open_both(o->text, x->fds, e);
}

/* ---- in this process ---- */

int
upper_folders_open(const char *text, int pair[2], struct err *e)
{
	struct opening o = {
		.errand = { .run = run_opening, .size = sizeof o },
		.text = text,
	};

	if (scout_send(&o.errand, e) < 0)
		return -1;
	memcpy(pair, o.errand.fds, sizeof o.errand.fds);
	return 0;
}
