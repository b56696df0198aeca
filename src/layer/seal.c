#include "layer/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/hmap.h"
#include "base/limits.h"

enum { SUM_DIGITS = 16 };

static int
sum_of(int fd, char out[SUM_DIGITS + 1], struct err *e)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "index");
	if (st.st_size == 0 || st.st_size > LIMIT_INDEX_BYTES)
		return err_set(
		    e, EBADMSG, "index of %jd bytes", (intmax_t)st.st_size);
	p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "map an index");
	snprintf(
	    out, SUM_DIGITS + 1, "%016" PRIx64, hash_bytes(p, st.st_size, 0));
	munmap(p, st.st_size);
	return 0;
}

int
seal_index(struct draft *w, int fd, struct err *e)
{
	char sum[SUM_DIGITS + 1];
	AUTO_CLOSE int out = -1;

	if (sum_of(fd, sum, e) < 0)
		return -1;
	out = draft_create(w, "index.sum", e);
	return out < 0 ? -1 : fs_pwrite(out, sum, SUM_DIGITS, 0, e);
}

static int
read_sum(int dir, struct buf *out, struct err *e)
{
	if (fs_read_file(dir, "index.sum", out, e) < 0)
		return -1;
	if (out->len != SUM_DIGITS)
		return err_set(e, ENOENT, "index.sum is not whole");
	return 0;
}

int
seal_check(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e)
{
	AUTO_BUF struct buf want = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	AUTO_CLOSE int dir = files_open_dir(s, k, d, e), fd = -1;
	char sum[SUM_DIGITS + 1];

	if (dir < 0 || read_sum(dir, &want, e) < 0)
		return -1;
	fd = openat(dir, "index", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open index");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (sum_of(fd, sum, e) < 0)
		return -1;
	if (memcmp(sum, want.data, SUM_DIGITS) != 0)
		return err_set(e, EBADMSG, "the index is not what was written");
	return 0;
}
