/* Any bytes as an index: opened, walked through every accessor, relocated and
 * merged with itself.  The checksum is made right first, or the fuzzer would
 * never get past it. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/erofs.h"
#include "index/index.h"
#include "index/merge.h"
#include "index/tree.h"
#include "index/writer.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
fix_checksum(uint8_t *image, size_t n)
{
	uint32_t sum;

	if (n < EROFS_BLOCK)
		return;
	sum = erofs_checksum(image);
	memcpy(image + EROFS_SUPER_OFF + offsetof(struct erofs_super, checksum),
	    &sum, sizeof sum);
}

static struct index *
open_bytes(const uint8_t *p, size_t n)
{
	struct err e;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct index *x = NULL;

	if (fd >= 0 && write(fd, p, n) == (ssize_t)n)
		x = index_open(fd, &e);
	if (x == NULL && fd >= 0)
		close(fd);
	return x;
}

static unsigned
sum_bytes(const void *p, size_t n)
{
	const uint8_t *b = p;
	unsigned sum = 0;

	while (n-- > 0)
		sum += *b++;
	return sum;
}

static int
use_xattr(void *ctx, const char *name, const void *value, size_t len)
{
	unsigned *sum = ctx;

	*sum += sum_bytes(name, strlen(name)) + sum_bytes(value, len);
	return 0;
}

static unsigned
use_folder(const struct index *x, uint64_t dir)
{
	struct index_entry n;
	uint64_t cookie = 0;
	unsigned sum = 0;

	while (index_read_dir(x, dir, &cookie, &n)) {
		struct stat st;

		assert(index_lookup(x, dir, n.name, n.name_len) == n.nid);
		assert(index_stat(x, n.nid, &st));
		assert((st.st_mode & S_IFMT) == n.type);
		sum += sum_bytes(n.name, n.name_len);
	}
	return sum;
}

static unsigned
use_inode(const struct index *x, uint64_t nid)
{
	uint64_t off, size;
	const char *target;
	unsigned sum = 0;
	size_t len;

	if (index_read_link(x, nid, &target, &len))
		sum += sum_bytes(target, len);
	index_each_xattr(x, nid, use_xattr, &sum);
	sum += use_folder(x, nid);
	/* They walk the tree: not for each, or there is time for nothing else. */
	if (nid % 16 != 1)
		return sum;
	free(index_path(x, nid));
	if (index_file(x, nid, &off, &size) && size > 0)
		assert(index_find_position(x, off) != 0);
	return sum;
}

static uint64_t
stay(void *ctx, uint64_t data_off, uint64_t file_size)
{
	(void)ctx;
	(void)file_size;
	return data_off;
}

static void
use_all(struct index *x, uint8_t *image, size_t n)
{
	struct index *layers[] = { x, x };
	volatile unsigned sum = 0;
	struct tree *t;
	struct err e;

	/* All nids, also those that are none, and some outside. */
	for (uint64_t nid = 0; nid < n / EROFS_SLOT + 2; nid++)
		sum += use_inode(x, nid);
	assert(index_relocate(image, n, stay, NULL, &e) == 0);
	t = index_merge(layers, 2, &e);
	tree_free(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t *image = malloc(n + 1);
	struct index *x;

	if (image == NULL)
		return 0;
	memcpy(image, p, n);
	fix_checksum(image, n);
	x = open_bytes(image, n);
	if (x != NULL)
		use_all(x, image, n);
	index_close(x);
	free(image);
	return 0;
}
