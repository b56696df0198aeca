#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mount/fake_view.h"
#include "mount/mounttool.h"
#include "index/index.h"
#include "index/tree.h"
#include "index/writer.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/hmap.h"

/* The first name of a file that has several. */
struct linked {
	struct hnode node; /* by inode number */
	char path[];
};

struct maker {
	struct tree *tree;
	struct hmap linked;
	int data;
	uint64_t warm, cold; /* where the next file goes */
};

static void
copy(struct maker *m, int fd, uint64_t at)
{
	char bytes[64 << 10];
	struct err e;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof bytes)) > 0) {
		check(fs_pwrite(m->data, bytes, n, at, &e), &e);
		at += n;
	}
}

static void
add_xattrs(struct maker *m, struct node *node, const char *full)
{
	char names[4096], value[4096];
	ssize_t n = llistxattr(full, names, sizeof names);
	struct err e;

	for (char *s = names; n > 0 && s < names + n; s += strlen(s) + 1) {
		ssize_t len = lgetxattr(full, s, value, sizeof value);
		if (len >= 0)
			check(tree_set_xattr(m->tree, node, s, value, len, &e),
			    &e);
	}
}

static void
add_one(struct maker *m, int dir, const char *name, const char *path,
    const struct stat *st)
{
	struct node_attr a = { .mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = st->st_mtim.tv_nsec,
		.rdev = st->st_rdev };
	uint64_t *next = strncmp(path, "cold/", 5) == 0 ? &m->cold : &m->warm;
	char full[PATH_MAX], target[PATH_MAX];
	struct err e;

	if (S_ISREG(st->st_mode)) {
		AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
		a.size = st->st_size;
		a.content = *next;
		copy(m, fd, *next);
		*next = align_up(*next + a.size, 4096);
	}
	struct node *node = tree_add(m->tree, path, strlen(path), &a, &e);
	if (node == NULL)
		die("%s", e.msg);
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dir, name, target, sizeof target);
		check(tree_set_target(m->tree, node, target, n, &e), &e);
	}
	snprintf(full, sizeof full, "/proc/self/fd/%d/%s", dir, name);
	add_xattrs(m, node, full);
}

/* True when it is another name of a file that is there already. */
static bool
add_as_link(struct maker *m, const char *path, const struct stat *st)
{
	struct err e;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return false;
	hmap_for_each_match(&m->linked, st->st_ino, n) {
		struct linked *l = container_of(n, struct linked, node);
		check(tree_add_hardlink(m->tree, path, strlen(path), l->path,
			  strlen(l->path), &e),
		    &e);
		return true;
	}
	struct linked *l = malloc(sizeof *l + strlen(path) + 1);
	strcpy(l->path, path);
	hmap_insert(&m->linked, &l->node, st->st_ino);
	return false;
}

static void
add_folder(struct maker *m, int dir, const char *prefix)
{
	DIR *d = fdopendir(dup(dir));
	struct dirent *entry;

	if (d == NULL)
		die("%s: %s", prefix, strerror(errno));
	while ((entry = readdir(d)) != NULL) {
		char path[PATH_MAX];
		struct stat st;
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		snprintf(path, sizeof path, "%s%s", prefix, name);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			die("%s: %s", path, strerror(errno));
		if (!add_as_link(m, path, &st))
			add_one(m, dir, name, path, &st);
		if (!S_ISDIR(st.st_mode))
			continue;
		AUTO_CLOSE int sub =
		    openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		strcat(path, "/");
		add_folder(m, sub, path);
	}
	closedir(d);
}

static void
forget_links(struct maker *m)
{
	struct hnode *n;

	while ((n = hmap_any(&m->linked)) != NULL) {
		hmap_remove(&m->linked, n);
		free(container_of(n, struct linked, node));
	}
	hmap_release(&m->linked);
}

void
make_store(const char *folder, const char *store)
{
	const struct index_options o = { .data_blocks = 1 << 30 };
	struct err e;
	struct maker m = {
		.tree = tree_new(&e), .linked = HMAP_INIT, .cold = FAKE_COLD
	};
	int from = fs_open_dir(AT_FDCWD, folder, &e);
	int to = fs_open_dir(AT_FDCWD, store, &e);
	struct stat st;

	if (from < 0 || to < 0)
		die("%s", e.msg);
	m.data = openat(to, "data", O_RDWR | O_CREAT | O_TRUNC, 0644);
	int index = openat(to, "index", O_RDWR | O_CREAT | O_TRUNC, 0644);
	fstat(from, &st);
	add_one(&m, from, ".", "", &st);
	add_folder(&m, from, "");
	check(tree_finish(m.tree, &e), &e);
	check(index_write(m.tree, &o, index, &e), &e);
	/* EROFS reads whole blocks. */
	check(ftruncate(m.data, align_up(m.cold, 4096)), &e);
	tree_free(m.tree);
	forget_links(&m);
}
