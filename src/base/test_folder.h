/* A folder of a test's own, for cmocka's set-up and tear-down.  Only test_*.c
 * includes it, after base/test.h. */
#ifndef BASE_TEST_FOLDER_H
#define BASE_TEST_FOLDER_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

struct folder {
	char path[32];
	int fd;
};

static inline int
make_folder(void **s)
{
	struct folder *f = calloc(1, sizeof *f);
	struct err e;

	strcpy(f->path, "/tmp/layerfs-test-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = fs_open_dir(AT_FDCWD, f->path, &e);
	*s = f;
	return f->fd < 0;
}

static inline int
remove_folder(void **s)
{
	struct folder *f = *s;
	struct err e;
	int rc = fs_remove_tree(AT_FDCWD, f->path, &e);

	close(f->fd);
	free(f);
	return rc;
}

#endif
