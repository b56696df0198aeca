#include "supervisor/login_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

static int
read_file(const char *path, struct buf *out, struct err *e)
{
	AUTO_CLOSE int fd =
	    open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "open %s", path);
	return fs_read_all(fd, out, e) < 0 ? err_wrap(e, "read %s", path) : 0;
}

/* Read anew each time: kubelets and logins replace the file. */
int
login_file_copy(char *const *paths, uint32_t n, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	AUTO_CLOSE int copy = -1;

	for (; paths != NULL && *paths != NULL && n > 0; n--)
		paths++;
	if (paths == NULL || *paths == NULL)
		return err_set(e, ENOENT, "there is no such file");
	if (read_file(*paths, &text, e) < 0)
		return -1;
	copy = memfd_create("layerfs-login", MFD_CLOEXEC);
	if (copy < 0)
		return err_sys(e, "copy %s", *paths);
	if (text.len > 0 && fs_pwrite(copy, text.data, text.len, 0, e) < 0)
		return -1;
	return take_fd(&copy);
}
