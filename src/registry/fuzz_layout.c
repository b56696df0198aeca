/* A folder in OCI layout that somebody else made: any index.json. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "registry/layout.h"
#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool
put(int dir, const char *name, const void *p, size_t n)
{
	AUTO_CLOSE int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd >= 0 && write(fd, p, n) == (ssize_t)n;
}

static void
find(int dir, const char *tag)
{
	struct err e = ERR_INIT;
	struct descriptor d;

	if (layout_find(dir, tag, &d, &e) == 0)
		descriptor_release(&d);
}

/* ---- one folder for all inputs ---- */

static char path[] = "/tmp/layerfs-fuzz-XXXXXX";
static int folder = -1;

static void
remove_folder(void)
{
	unlinkat(folder, "index.json", 0);
	unlinkat(folder, "oci-layout", 0);
	rmdir(path);
}

static void
make_folder(void)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	struct err e;

	if (mkdtemp(path) == NULL ||
	    (folder = fs_open_dir(AT_FDCWD, path, &e)) < 0 ||
	    !put(folder, "oci-layout", version, sizeof version - 1) ||
	    atexit(remove_folder) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (folder < 0)
		make_folder();
	if (put(folder, "index.json", p, n)) {
		find(folder, NULL);
		find(folder, "v1");
	}
	return 0;
}
