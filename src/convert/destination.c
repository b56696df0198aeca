#include "convert/destination.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "registry/reference.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

int
destination_check(const struct reference *ref, struct err *e)
{
	if (!ref->has_digest)
		return 0;
	return err_set(e, EINVAL,
	    "%s: what comes out has a digest of its own: name a tag",
	    ref->name);
}

struct destination *
destination_new(
    const struct reference *ref, struct registry *r, bool make, struct err *e)
{
	return ref->is_layout ? destination_new_layout(ref, make, e)
			      : destination_new_registry(ref, r, e);
}

/* O_TMPFILE is more than some file systems have (NFS, overlayfs before Linux
 * 6.3). */
int
nameless_file(int dir, const char *path, struct err *e)
{
	char name[LIMIT_PATH_BYTES];
	int fd = openat(dir, path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return err_sys(e, "a file in %s", path);
	snprintf(name, sizeof name, "%s/.layerfs-%d-%lx", path, (int)getpid(),
	    random());
	fd = openat(dir, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "%s", name);
	unlinkat(dir, name, 0);
	return fd;
}
