/* LD_PRELOAD for layerfsd: from when on something is mounted at $SYNC_TARGET, syncs of
 * state.db take as long as $SYNC_DIR/slow is there; $SYNC_DIR/waits when one does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int dir = -1;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("SYNC_DIR");

	if (path != NULL)
		dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int
is_mounted(void)
{
	const char *target = getenv("SYNC_TARGET");
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	int found = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		found |= strstr(line, target) != NULL;
	if (f != NULL)
		fclose(f);
	return found;
}

static void
wait(int fd)
{
	char link[40], path[4096];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	if (dir < 0 || strstr(path, "/state.db") == NULL || !is_mounted())
		return;
	while (faccessat(dir, "slow", F_OK, 0) == 0) {
		close(
		    openat(dir, "waits", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
		usleep(10000);
	}
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int
fsync(int fd)
{
	wait(fd);
	return REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
	wait(fd);
	return REAL(fdatasync)(fd);
}
