#include "supervisor/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

/* The handles that EROFS gives and takes: FILEID_INO32_GEN, or in newer kernels
 * (seen in 6.18) FILEID_INO64_GEN.  Whichever it is not is ESTALE. */
struct handle {
	struct file_handle head;
	uint32_t words[3];
};

/* Without opening it: an image has devices, too. */
static int
find_file(int mount, uint64_t nid)
{
	struct handle narrow = { .head = { .handle_bytes = 8,
				     .handle_type = 1 },
		.words = { nid } };
	struct handle wide = { .head = { .handle_bytes = 12,
				   .handle_type = 0x81 },
		.words = { nid >> 32, nid } };
	int fd = open_by_handle_at(mount, &wide.head, O_PATH | O_CLOEXEC);

	if (fd >= 0 || errno != ESTALE || nid > UINT32_MAX)
		return fd;
	return open_by_handle_at(mount, &narrow.head, O_PATH | O_CLOEXEC);
}

/* -1 with ESTALE: there is no such file. */
static int
open_file(int mount, uint64_t nid)
{
	AUTO_CLOSE int found = find_file(mount, nid);
	char path[32];
	struct stat st;

	if (found < 0 || fstat(found, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = ESTALE;
		return -1;
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", found);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool
has_any(const uint8_t *flags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((flags[i] & 1) != 0)
			return true;
	return false;
}

/* True also where nobody can tell.  Not by cachestat(2), which needs Linux 6.5 and
 * a systemd that knows it. */
static bool
has_pages(int fd)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	uint8_t is_cached[4096];
	bool has = false;
	struct stat st;
	uint8_t *p;

	if (fstat(fd, &st) < 0 || st.st_size == 0)
		return false;
	p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return true; /* who knows */
	for (size_t at = 0; at < (size_t)st.st_size && !has;
	     at += sizeof is_cached * page) {
		size_t n = min_u64(sizeof is_cached * page, st.st_size - at);

		has = mincore(p + at, n, is_cached) != 0 ||
		      has_any(is_cached, (n + page - 1) / page);
	}
	munmap(p, st.st_size);
	return has;
}

int
pages_drop(const char *id, const uint64_t *nids, uint32_t n, uint32_t *n_kept,
    struct err *e)
{
	AUTO_CLOSE int mount =
	    open(id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*n_kept = 0;
	if (mount < 0)
		return err_sys(e, "open RUN/m/%s", id);
	for (uint32_t i = 0; i < n; i++) {
		AUTO_CLOSE int fd = open_file(mount, nids[i]);

		if (fd < 0 && errno == ESTALE)
			continue;
		if (fd < 0)
			return err_sys(e, "open a file of RUN/m/%s", id);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		*n_kept += has_pages(fd);
	}
	return 0;
}
