#include "store/boot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/fs.h"

/* The file's first line. */
static void
read_line(int dir, const char *name, char out[BOOT_ID_SIZE])
{
	AUTO_BUF struct buf b = BUF_INIT(BOOT_ID_SIZE - 1);
	struct err ignored = ERR_INIT;

	out[0] = 0;
	if (fs_read_file(dir, name, &b, &ignored) < 0 || b.len == 0)
		return;
	memcpy(out, b.data, b.len);
	out[b.len] = 0;
	out[strcspn(out, "\n")] = 0;
}

void
boot_id(char out[BOOT_ID_SIZE])
{
	read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", out);
}

bool
boot_is_same(int root, const char *id)
{
	char written[BOOT_ID_SIZE];

	read_line(root, "boot", written);
	return id[0] != 0 && strcmp(written, id) == 0;
}

int
boot_write(int root, const char *id, struct err *e)
{
	return fs_replace_file(root, "boot", id, strlen(id), 0600, e);
}

void
boot_forget(int root)
{
	unlinkat(root, "boot", 0);
}
