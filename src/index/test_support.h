/* What the tests of this folder share: trees by one line an entry, indexes in a
 * memfd, and look-ups by path. */
#ifndef INDEX_TEST_SUPPORT_H
#define INDEX_TEST_SUPPORT_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "index/index.h"
#include "index/tree.h"
#include "index/writer.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/test.h"

static inline struct tree *
new_tree(void)
{
	struct err e = ERR_INIT;
	struct tree *t = tree_new(&e);

	assert_non_null(t);
	return t;
}

static inline struct node *
add_attr(struct tree *t, const char *path, const struct node_attr *a)
{
	struct err e = ERR_INIT;
	struct node *n = tree_add(t, path, strlen(path), a, &e);

	if (n == NULL)
		fail_msg("%s", e.msg);
	return n;
}

static inline struct node *
add_dir(struct tree *t, const char *path, mode_t mode)
{
	struct node_attr a = { .mode = S_IFDIR | mode };

	return add_attr(t, path, &a);
}

/* A file is told from others by its size; its content is its place. */
static inline struct node *
add_file(struct tree *t, const char *path, uint64_t size)
{
	struct node_attr a = {
		.mode = S_IFREG | 0644,
		.size = size,
		.content = size * 4096,
	};

	return add_attr(t, path, &a);
}

static inline struct node *
add_link(struct tree *t, const char *path, const char *target)
{
	struct node_attr a = { .mode = S_IFLNK | 0777 };
	struct node *n = add_attr(t, path, &a);
	struct err e = ERR_INIT;

	assert_int_equal(tree_set_target(t, n, target, strlen(target), &e), 0);
	return n;
}

static inline void
add_hard(struct tree *t, const char *path, const char *target)
{
	struct err e = ERR_INIT;

	if (tree_add_hardlink(
		t, path, strlen(path), target, strlen(target), &e) < 0)
		fail_msg("%s", e.msg);
}

static inline void
add_whiteout(struct tree *t, const char *path)
{
	struct err e = ERR_INIT;

	assert_int_equal(tree_add_whiteout(t, path, strlen(path), &e), 0);
}

static inline void
add_opaque(struct tree *t, const char *path)
{
	struct err e = ERR_INIT;

	assert_int_equal(tree_add_opaque(t, path, strlen(path), &e), 0);
}

/* ---- images ---- */

static inline int
write_tree(const struct tree *t)
{
	struct index_options o = { .uuid = "0123456789abcdef" };
	struct err e = ERR_INIT;
	int fd = memfd_create("index", MFD_CLOEXEC);

	assert_true(fd >= 0);
	if (index_write(t, &o, fd, &e) < 0)
		fail_msg("%s", e.msg);
	return fd;
}

/* The written image's bytes; the caller frees. */
static inline uint8_t *
read_image(int fd, size_t *size)
{
	struct stat st;
	uint8_t *p;

	assert_int_equal(fstat(fd, &st), 0);
	p = malloc(st.st_size);
	assert_non_null(p);
	assert_int_equal(pread(fd, p, st.st_size, 0), st.st_size);
	*size = st.st_size;
	return p;
}

/* Finishes, frees the tree, writes and opens. */
static inline struct index *
open_finished(struct tree *t)
{
	struct err e = ERR_INIT;
	struct index *x = index_open(write_tree(t), &e);

	if (x == NULL)
		fail_msg("%s", e.msg);
	tree_free(t);
	return x;
}

static inline struct index *
open_tree(struct tree *t)
{
	struct err e = ERR_INIT;

	if (tree_finish(t, &e) < 0)
		fail_msg("%s", e.msg);
	return open_finished(t);
}

/* 0 when there is none; links are not followed. */
static inline uint64_t
find(const struct index *x, const char *path)
{
	uint64_t nid = INDEX_ROOT;

	while (*path != 0 && nid != 0) {
		size_t len = strcspn(path, "/");

		nid = index_lookup(x, nid, path, len);
		path += len + (path[len] == '/');
	}
	return nid;
}

static inline struct stat
stat_of(const struct index *x, const char *path)
{
	struct stat st;
	uint64_t nid = find(x, path);

	if (nid == 0)
		fail_msg("%s is not there", path);
	assert_true(index_stat(x, nid, &st));
	return st;
}

static inline bool
has(const struct index *x, const char *path)
{
	return find(x, path) != 0;
}

static inline bool
has_xattr(const struct index *x, const char *path, const char *name)
{
	const void *value;
	size_t len;

	return index_find_xattr(x, find(x, path), name, &value, &len);
}

/* Reads a folder to its end; checks order; returns how many entries. */
static inline unsigned
read_all(const struct index *x, uint64_t dir)
{
	struct index_entry n, before = { 0 };
	uint64_t cookie = 0;
	unsigned count = 0;

	while (index_read_dir(x, dir, &cookie, &n)) {
		struct stat st;

		assert_true(index_stat(x, n.nid, &st));
		assert_int_equal(n.type, st.st_mode & S_IFMT);
		assert_int_equal(
		    index_lookup(x, dir, n.name, n.name_len), n.nid);
		if (count > 0) {
			size_t len = n.name_len < before.name_len
					 ? n.name_len
					 : before.name_len;
			int order = memcmp(before.name, n.name, len);

			assert_true(
			    order < 0 ||
			    (order == 0 && before.name_len < n.name_len));
		}
		before = n;
		count++;
		assert_true(cookie != 0);
	}
	assert_false(index_read_dir(x, dir, &cookie, &n));
	return count;
}

static inline void
assert_refused(const char *path)
{
	AUTO_TREE struct tree *t = new_tree();
	struct node_attr a = { .mode = S_IFREG | 0644 };
	struct err e;

	assert_null_with(tree_add(t, path, strlen(path), &a, &e), e, EBADMSG);
}

#endif
