#include "supervisor/loop_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

/* What was free may be another's a moment later: EBUSY. */
enum { TRIES = 64, BLOCK = 4096 };

static int
find_free(struct err *e)
{
	AUTO_CLOSE int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	return n < 0 ? err_sys(e, "find a free loop device") : n;
}

static int
configure(int fd, int file, bool is_direct)
{
	struct loop_config c = { .fd = file,
		.block_size = BLOCK,
		.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR };

	if (is_direct)
		c.info.lo_flags |= LO_FLAGS_DIRECT_IO;
	return ioctl(fd, LOOP_CONFIGURE, &c);
}

/* 1: another was faster. */
static int
try_open(struct loop_device *l, int file, bool is_direct, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	int n = find_free(e);

	if (n < 0)
		return -1;
	snprintf(l->path, sizeof l->path, "/dev/loop%d", n);
	fd = open(l->path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open %s", l->path);
	if (configure(fd, file, is_direct) != 0)
		return errno == EBUSY ? 1 : err_sys(e, "set up %s", l->path);
	l->fd = take_fd(&fd);
	return 0;
}

/* A hint. */
static void
set_read_ahead(const struct loop_device *l, uint32_t kb)
{
	enum { SECTOR = 512 };

	if (kb > 0 && ioctl(l->fd, BLKRASET, kb * 1024UL / SECTOR) != 0)
		log_debug("%s: readahead: %s", l->path, strerror(errno));
}

int
loop_device_open(struct loop_device *l, int file, bool is_direct,
    uint32_t read_ahead_kb, struct err *e)
{
	int rc = 1;

	for (int i = 0; i < TRIES && rc == 1; i++)
		rc = try_open(l, file, is_direct, e);
	if (rc == 1)
		return err_set(e, EBUSY, "no loop device is free");
	if (rc == 0)
		set_read_ahead(l, read_ahead_kb);
	return rc;
}

void
loop_device_close(struct loop_device *l)
{
	cleanup_close(&l->fd);
	*l = LOOP_DEVICE_NONE;
}
