#include "daemon/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"

enum { STAT_BYTES = 4096 };

static int
count_fds(uint64_t *n, struct err *e)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *entry;

	if (d == NULL)
		return err_sys(e, "open /proc/self/fd");
	*n = 0;
	while ((entry = readdir(d)) != NULL)
		*n += entry->d_name[0] != '.';
	--*n; /* the folder's own */
	closedir(d);
	return 0;
}

/* proc(5): the name, in parentheses, may hold anything; behind it are fields
 * from the third on. */
static int
parse_stat(const char *text, struct process *p, struct err *e)
{
	const char *at = strrchr(text, ')');
	uint64_t threads, ticks, pages;

	if (at == NULL ||
	    sscanf(at + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
		"%*d %*d %" SCNu64 " %*d %" SCNu64 " %*u %" SCNu64,
		&threads, &ticks, &pages) != 3)
		return err_set(e, EPROTO, "/proc/self/stat");
	p->threads = threads;
	p->resident_bytes = pages * sysconf(_SC_PAGESIZE);
	p->started_s = ticks / sysconf(_SC_CLK_TCK); /* since boot, so far */
	return 0;
}

static int64_t
boot_s(void)
{
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	return clock_wall_s() - up.tv_sec;
}

static void
look_at_heap(struct process *p)
{
	struct mallinfo2 m = mallinfo2();

	p->heap_bytes = m.uordblks;
	p->mapped_bytes = m.hblkhd;
}

int
process_look(struct process *p, struct err *e)
{
	AUTO_BUF struct buf stat = BUF_INIT(STAT_BYTES);
	struct rlimit l;

	if (count_fds(&p->open_fds, e) < 0 ||
	    fs_read_file(AT_FDCWD, "/proc/self/stat", &stat, e) < 0 ||
	    parse_stat(buf_str(&stat), p, e) < 0)
		return -1;
	p->started_s += boot_s();
	look_at_heap(p);
	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return err_sys(e, "limits");
	p->max_fds = l.rlim_cur;
	return 0;
}
