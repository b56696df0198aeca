#include "layer/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/index.h"
#include "store/store.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

#define MANIFESTS "manifests"
#define TMP "tmp"

enum { PATH_SIZE = 128 };

static const char *const kind_dirs[] = { "layers", "images" };

static void
dir_path(char path[PATH_SIZE], enum files_kind k, const struct digest *d)
{
	snprintf(path, PATH_SIZE, "%s/%s", kind_dirs[k], DIGEST_HEX(d));
}

static void
blob_path(char path[PATH_SIZE], const struct digest *d)
{
	snprintf(path, PATH_SIZE, MANIFESTS "/%s", DIGEST_HEX(d));
}

int
files_prepare(struct store *s, struct err *e)
{
	int root = store_root(s);

	if (fs_remove_tree(root, TMP, e) < 0)
		return -1;
	if (fs_make_dirs(root, TMP, 0700, e) < 0 ||
	    fs_make_dirs(root, MANIFESTS, 0700, e) < 0)
		return -1;
	for (int k = FILES_LAYERS; k <= FILES_IMAGES; k++)
		if (fs_make_dirs(root, kind_dirs[k], 0700, e) < 0)
			return -1;
	return 0;
}

static int
sync_kind(struct store *s, enum files_kind k, struct err *e)
{
	AUTO_CLOSE int dir = fs_open_dir(store_root(s), kind_dirs[k], e);

	return dir < 0 ? -1 : fs_sync_dir(dir, e);
}

int
files_open_dir(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e)
{
	char path[PATH_SIZE];

	dir_path(path, k, d);
	return fs_open_dir(store_root(s), path, e);
}

int
files_remove_dir(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e)
{
	char path[PATH_SIZE], away[PATH_SIZE];

	/* Renamed first, so that a crash leaves no half of a layer. */
	dir_path(path, k, d);
	snprintf(away, sizeof away, TMP "/gone-%s", DIGEST_HEX(d));
	if (renameat(store_root(s), path, store_root(s), away) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(e, "remove %s", path);
	}
	/* A map that came back after a power cut would name addresses that are
	 * somebody else's by then. */
	if (sync_kind(s, k, e) < 0)
		return -1;
	return fs_remove_tree(store_root(s), away, e);
}

struct index *
files_open_index(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e)
{
	char path[PATH_SIZE + 8];
	AUTO_CLOSE int fd = -1;
	struct index *x;

	dir_path(path, k, d);
	strcat(path, "/index");
	fd = openat(store_root(s), path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_sys(e, "open %s", path);
		return NULL;
	}
	x = index_open(fd, e);
	if (x == NULL)
		err_wrap(e, "%s", path);
	else
		fd = -1;
	return x;
}

static void
close_dir(DIR **d)
{
	if (*d != NULL)
		closedir(*d);
}

int
files_each(struct store *s, enum files_kind k,
    int (*fn)(void *ctx, const struct digest *d), void *ctx, struct err *e)
{
	CLEANUP(close_dir) DIR *dir = NULL;
	int fd = fs_open_dir(store_root(s), kind_dirs[k], e);
	struct dirent *entry;

	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return err_sys(e, "read %s", kind_dirs[k]);
	}
	while ((entry = readdir(dir)) != NULL) {
		struct digest d;
		int rc;

		if (digest_parse_hex(&d, entry->d_name, &(struct err){ 0 }) < 0)
			continue;
		rc = fn(ctx, &d);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- drafts ---- */

int
draft_begin(struct draft *w, struct store *s, struct err *e)
{
	char path[PATH_SIZE];

	*w = (struct draft){ .store = s, .dir = -1 };
	/* Unique among this process's threads; ROOT/lock keeps others out. */
	snprintf(w->name, sizeof w->name, "%p", (void *)w);
	snprintf(path, sizeof path, TMP "/%s", w->name);
	if (fs_make_dirs(store_root(s), path, 0700, e) < 0) {
		w->name[0] = 0;
		return -1;
	}
	w->dir = fs_open_dir(store_root(s), path, e);
	return w->dir < 0 ? -1 : 0;
}

int
draft_create(struct draft *w, const char *name, struct err *e)
{
	int fd =
	    openat(w->dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(e, "create %s", name) : fd;
}

static int
sync_files(int dir, struct err *e)
{
	static const char *const names[] = { "index", "map", "info" };

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		AUTO_CLOSE int fd = openat(dir, names[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || fsync(fd) < 0)
			return err_sys(e, "sync %s", names[i]);
	}
	return fs_sync_dir(dir, e);
}

int
draft_commit(
    struct draft *w, enum files_kind k, const struct digest *d, struct err *e)
{
	int root = store_root(w->store);
	char from[PATH_SIZE], to[PATH_SIZE];

	if (sync_files(w->dir, e) < 0)
		return -1;
	snprintf(from, sizeof from, TMP "/%s", w->name);
	dir_path(to, k, d);
	if (renameat(root, from, root, to) < 0) {
		if (errno == ENOTEMPTY || errno == EEXIST)
			return 0;
		return err_sys(e, "rename %s", to);
	}
	w->name[0] = 0;
	return sync_kind(w->store, k, e);
}

void
draft_discard(struct draft *w)
{
	char path[PATH_SIZE];

	if (w->dir >= 0)
		close(w->dir);
	w->dir = -1;
	if (w->name[0] == 0)
		return;
	snprintf(path, sizeof path, TMP "/%s", w->name);
	fs_remove_tree(store_root(w->store), path, &(struct err){ 0 });
	w->name[0] = 0;
}

/* ---- manifests and configs ---- */

int
files_save_blob(struct store *s, const struct digest *d, const void *p,
    size_t n, struct err *e)
{
	char path[PATH_SIZE];

	if (files_has_blob(s, d))
		return 0;
	blob_path(path, d);
	return fs_replace_file(store_root(s), path, p, n, 0600, e);
}

bool
files_has_blob(struct store *s, const struct digest *d)
{
	char path[PATH_SIZE];

	blob_path(path, d);
	return faccessat(store_root(s), path, F_OK, 0) == 0;
}

int
files_read_blob(
    struct store *s, const struct digest *d, struct buf *out, struct err *e)
{
	char path[PATH_SIZE];
	struct digest got;

	blob_path(path, d);
	if (fs_read_file(store_root(s), path, out, e) < 0)
		return -1;
	digest_of(&got, out->data, out->len);
	if (digest_equal(&got, d))
		return 0;
	files_remove_blob(s, d, e);
	return err_set(e, EBADMSG, "%s is damaged", path);
}

int
files_remove_blob(struct store *s, const struct digest *d, struct err *e)
{
	char path[PATH_SIZE];

	blob_path(path, d);
	if (unlinkat(store_root(s), path, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", path);
	return 0;
}
