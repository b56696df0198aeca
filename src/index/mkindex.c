/* For tests: an index of a directory, or of other indexes merged.
 *
 *	mkindex DIR INDEX DATA     contents are appended to DATA
 *	mkindex -m INDEX LAYER...  the bottom layer first
 *	mkindex -l INDEX           checks it and prints its figures
 *	mkindex -k INDEX DATA DIR  mounts it with the kernel's EROFS, without
 *	                           the loop device that mount(8) insists on
 *
 * Trusts its directory: nothing may change in it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

#include "index/erofs.h"
#include "index/index.h"
#include "index/merge.h"
#include "index/tree.h"
#include "index/writer.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"

struct source {
	struct tree *t;
	struct hmap inodes; /* of several links */
	int data;
	uint64_t data_end;
	struct err *e;
};

struct inode {
	struct hnode in_inodes;
	dev_t dev;
	ino_t ino;
	char path[];
};

/* The first path of this inode, or NULL: this is the first. */
static const char *
first_path(struct source *s, const char *path, const struct stat *st)
{
	uint64_t hash = hash_u64(st->st_ino);
	size_t len = strlen(path);
	struct inode *i;

	hmap_for_each_match(&s->inodes, hash, h) {
		i = container_of(h, struct inode, in_inodes);
		if (i->ino == st->st_ino && i->dev == st->st_dev)
			return i->path;
	}
	i = calloc(1, sizeof *i + len + 1);
	if (i == NULL)
		return NULL; /* a copy instead of a link: the test will say */
	i->dev = st->st_dev;
	i->ino = st->st_ino;
	memcpy(i->path, path, len);
	hmap_insert(&s->inodes, &i->in_inodes, hash);
	return NULL;
}

static void
release_inodes(struct source *s)
{
	struct hnode *h;

	while ((h = hmap_any(&s->inodes)) != NULL) {
		hmap_remove(&s->inodes, h);
		free(container_of(h, struct inode, in_inodes));
	}
	hmap_release(&s->inodes);
}

/* Appends a file's bytes to `data`, holes left out. */
static int
copy_content(struct source *s, const char *path, uint64_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	off_t at = 0, end;

	if (fd < 0)
		return err_sys(s->e, "%s", path);
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && (uint64_t)at < size) {
		end = lseek(fd, at, SEEK_HOLE);
		while (at < end) {
			off_t to = s->data_end + at;

			if (copy_file_range(
				fd, &at, s->data, &to, end - at, 0) <= 0)
				return err_sys(s->e, "copying %s", path);
		}
	}
	s->data_end = align_up(s->data_end + size, EROFS_BLOCK);
	return 0;
}

static int
add_xattr(struct source *s, struct node *n, const char *path, const char *name)
{
	static const char opaque[] = "trusted.overlay.opaque";
	char value[LIMIT_XATTR_BYTES + 1];
	ssize_t len = lgetxattr(path, name, value, sizeof value);

	if (len < 0)
		return err_sys(s->e, "%s: attribute %s", path, name);
	if (strcmp(name, opaque) == 0)
		return tree_add_opaque(s->t, path, strlen(path), s->e);
	if (tree_set_xattr(s->t, n, name, value, len, s->e) == 0)
		return 0;
	return s->e->code == ENOTSUP ? 0 : -1; /* of no use in a layer */
}

static int
add_xattrs(struct source *s, struct node *n, const char *path)
{
	char names[65536];
	ssize_t len = llistxattr(path, names, sizeof names);

	if (len < 0 && errno != ENOTSUP)
		return err_sys(s->e, "%s: attributes", path);
	for (char *p = names; p < names + len; p += strlen(p) + 1)
		if (add_xattr(s, n, path, p) < 0)
			return -1;
	return 0;
}

static int
add_target(struct source *s, struct node *n, const char *path)
{
	char target[LIMIT_LINK_BYTES + 1];
	ssize_t len = readlink(path, target, sizeof target);

	if (len < 0)
		return err_sys(s->e, "%s", path);
	return tree_set_target(s->t, n, target, len, s->e);
}

static int
add_inode(struct source *s, const char *path, const struct stat *st)
{
	struct node_attr a = {
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = st->st_mtim.tv_nsec,
		.rdev = st->st_rdev,
		.size = st->st_size,
		.content = s->data_end,
	};
	struct node *n;

	if (S_ISREG(st->st_mode) && st->st_size > 0 &&
	    copy_content(s, path, st->st_size) < 0)
		return -1;
	n = tree_add(s->t, path, strlen(path), &a, s->e);
	if (n == NULL)
		return -1;
	if (S_ISLNK(st->st_mode) && add_target(s, n, path) < 0)
		return -1;
	return add_xattrs(s, n, path);
}

static int add_path(struct source *s, const char *path);

static int
add_children(struct source *s, const char *path)
{
	struct dirent **list;
	int n = scandir(path, &list, NULL, alphasort), r = 0;

	if (n < 0)
		return err_sys(s->e, "%s", path);
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;
		AUTO_FREE char *child = NULL;

		if (r == 0 && strcmp(name, ".") != 0 &&
		    strcmp(name, "..") != 0) {
			r = asprintf(&child, "%s/%s", path, name) < 0
				? err_set(s->e, ENOMEM, "memory")
				: add_path(s, child);
		}
		free(list[i]);
	}
	free(list);
	return r;
}

static int
add_path(struct source *s, const char *path)
{
	const char *first = NULL;
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_sys(s->e, "%s", path);
	/* Overlayfs makes its whiteouts links of one inode. */
	if (!S_ISDIR(st.st_mode) && !S_ISCHR(st.st_mode) && st.st_nlink > 1)
		first = first_path(s, path, &st);
	if (first != NULL)
		return tree_add_hardlink(
		    s->t, path, strlen(path), first, strlen(first), s->e);
	if (add_inode(s, path, &st) < 0)
		return -1;
	return S_ISDIR(st.st_mode) ? add_children(s, path) : 0;
}

/* ---- commands ---- */

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static int
write_index(
    struct tree *t, const char *path, uint64_t data_bytes, struct err *e)
{
	AUTO_CLOSE int fd =
	    open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct index_options o = { .data_blocks = data_bytes / EROFS_BLOCK };
	uint64_t start = now_us();

	if (fd < 0)
		return err_sys(e, "%s", path);
	memcpy(o.uuid, "mkindex-mkindex", sizeof o.uuid);
	if (index_write(t, &o, fd, e) < 0)
		return err_wrap(e, "%s", path);
	printf("%s: %llu inodes written in %llu us\n", path,
	    (unsigned long long)tree_inodes(t),
	    (unsigned long long)(now_us() - start));
	return 0;
}

static int
from_directory(
    const char *dir, const char *index, const char *data, struct err *e)
{
	AUTO_TREE struct tree *t = tree_new(e);
	AUTO_CLOSE int out = open(index, O_CREAT | O_CLOEXEC, 0644);
	struct source s = { .t = t, .e = e };
	struct stat st;
	int r;

	/* Both are opened before the directory becomes ".". */
	s.data = open(data, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (t == NULL)
		return -1;
	if (out < 0 || s.data < 0 || fstat(s.data, &st) < 0)
		return err_sys(e, "%s, %s", index, data);
	s.data_end = align_up(st.st_size, EROFS_BLOCK);
	AUTO_CLOSE int here = open(".", O_PATH | O_CLOEXEC);
	if (here < 0 || chdir(dir) < 0)
		return err_sys(e, "%s", dir);
	r = add_path(&s, ".");
	release_inodes(&s);
	if (fchdir(here) < 0 || ftruncate(s.data, s.data_end) < 0)
		return err_sys(e, "%s", data);
	close(s.data);
	if (r < 0 || tree_finish(t, e) < 0)
		return -1;
	return write_index(t, index, s.data_end, e);
}

static struct index *
open_index(const char *path, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct index *x;

	if (fd < 0) {
		err_sys(e, "%s", path);
		return NULL;
	}
	x = index_open(fd, e);
	if (x == NULL)
		err_wrap(e, "%s", path);
	else
		take_fd(&fd);
	return x;
}

static int
merge(const char *out, char **layers, size_t n, struct err *e)
{
	struct index *x[LIMIT_LAYERS] = { 0 };
	AUTO_TREE struct tree *t = NULL;
	uint64_t start = now_us();
	size_t opened = 0;

	while (opened < n && opened < LIMIT_LAYERS &&
	       (x[opened] = open_index(layers[opened], e)) != NULL)
		opened++;
	if (opened == n)
		t = index_merge(x, n, e);
	for (size_t i = 0; i < opened; i++)
		index_close(x[i]);
	if (t == NULL)
		return -1;
	printf("%zu layers merged in %llu us\n", n,
	    (unsigned long long)(now_us() - start));
	return write_index(t, out, 0, e);
}

static int
check(const char *path, struct err *e)
{
	uint64_t start = now_us();
	AUTO_INDEX struct index *x = open_index(path, e);
	struct index_totals n;

	if (x == NULL)
		return -1;
	index_totals(x, &n);
	printf("%llu inodes, %llu bytes in %llu (%llu an inode), "
	       "opened in %llu us\n",
	    (unsigned long long)n.inodes, (unsigned long long)n.bytes,
	    (unsigned long long)n.index_bytes,
	    (unsigned long long)(n.index_bytes / n.inodes),
	    (unsigned long long)(now_us() - start));
	return 0;
}

static int
kernel_mount(
    const char *index, const char *data, const char *dir, struct err *e)
{
	AUTO_FREE char *option = NULL;

	if (asprintf(&option, "device=%s", data) < 0) {
		option = NULL;
		return err_set(e, ENOMEM, "memory");
	}
	if (mount(index, dir, "erofs", MS_RDONLY, option) < 0)
		return err_sys(e, "mounting %s", index);
	return 0;
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	int r;

	if (argc >= 4 && strcmp(argv[1], "-m") == 0) {
		r = merge(argv[2], argv + 3, argc - 3, &e);
	} else if (argc == 5 && strcmp(argv[1], "-k") == 0) {
		r = kernel_mount(argv[2], argv[3], argv[4], &e);
	} else if (argc == 3 && strcmp(argv[1], "-l") == 0) {
		r = check(argv[2], &e);
	} else if (argc == 4) {
		r = from_directory(argv[1], argv[2], argv[3], &e);
	} else {
		fprintf(stderr, "usage: mkindex DIR INDEX DATA | "
				"-m INDEX LAYER... | -l INDEX | "
				"-k INDEX DATA DIR\n");
		return 2;
	}
	if (r < 0)
		fprintf(stderr, "mkindex: %s\n", e.msg);
	return r < 0;
}
