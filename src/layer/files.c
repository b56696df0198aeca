#include "layer/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/index.h"
#include "store/boot.h"
#include "store/store.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

#define MANIFESTS "manifests"
#define TMP "tmp"
#define FRESH "fresh"

enum { PATH_SIZE = 128 };

static const char *const kind_dirs[] = { "layers", "images" };

/* Of what a layer's or an image's folder may have. */
static const char *const names[] = { "index", "index.sum", "map", "points",
	"info" };
enum { N_NAMES = sizeof names / sizeof *names };

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

static int
sync_dir(struct store *s, const char *name, struct err *e)
{
	AUTO_CLOSE int dir = fs_open_dir(store_root(s), name, e);

	return dir < 0 ? -1 : fs_sync_dir(dir, e);
}

static int
sync_kind(struct store *s, enum files_kind k, struct err *e)
{
	return sync_dir(s, kind_dirs[k], e);
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
	if (fs_remove_temporaries(root, ".", e) < 0 ||
	    fs_remove_temporaries(root, MANIFESTS, e) < 0)
		return -1;
	/* What the last process gave its name, and was killed before it had
	 * synced that. */
	return files_sync_blobs(s, e);
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
	struct err left = ERR_INIT;

	dir_path(path, k, d);
	snprintf(away, sizeof away, TMP "/gone-%s", DIGEST_HEX(d));
	/* Renamed first, so that a crash leaves no half of a layer. */
	if (fs_remove_tree(store_root(s), away, e) < 0)
		return -1;
	if (renameat(store_root(s), path, store_root(s), away) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(e, "remove %s", path);
	}
	/* A map that came back after a power cut would name addresses that are
	 * somebody else's by then. */
	if (sync_kind(s, k, e) < 0) {
		renameat(store_root(s), away, store_root(s), path);
		return -1;
	}
	if (fs_remove_tree(store_root(s), away, &left) < 0)
		log_warn("%s stays till the next start: %s", away, left.msg);
	return 0;
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

static int
each_in(struct store *s, const char *folder,
    int (*fn)(void *ctx, const struct digest *d), void *ctx, struct err *e)
{
	CLEANUP(close_dir) DIR *dir = NULL;
	int fd = fs_open_dir(store_root(s), folder, e);
	struct dirent *entry;

	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return err_sys(e, "read %s", folder);
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

int
files_each(struct store *s, enum files_kind k,
    int (*fn)(void *ctx, const struct digest *d), void *ctx, struct err *e)
{
	return each_in(s, kind_dirs[k], fn, ctx, e);
}

/* ---- drafts ---- */

int
draft_begin(struct draft *w, struct store *s, struct err *e)
{
	char path[PATH_SIZE];

	*w = (struct draft){ .store = s, .dir = -1 };
	/* Unique among this process's threads; ROOT/lock keeps others out.  One
	 * that could not be discarded must not lend its files to the next. */
	snprintf(w->name, sizeof w->name, "%p", (void *)w);
	snprintf(path, sizeof path, TMP "/%s", w->name);
	if (fs_remove_tree(store_root(s), path, e) < 0 ||
	    fs_make_dirs(store_root(s), path, 0700, e) < 0) {
		w->name[0] = 0;
		return -1;
	}
	w->dir = fs_open_dir(store_root(s), path, e);
	return w->dir < 0 ? -1 : 0;
}

int
draft_create(const struct draft *w, const char *name, struct err *e)
{
	int fd =
	    openat(w->dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(e, "create %s", name) : fd;
}

static int
sync_files(int dir, struct err *e)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		AUTO_CLOSE int fd = openat(dir, names[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || fsync(fd) < 0)
			return err_sys(e, "sync %s", names[i]);
	}
	return fs_sync_dir(dir, e);
}

/* Without a boot's id nothing would tell later whether it is fresh. */
static int
mark_fresh(const struct draft *w, bool *is_fresh, struct err *e)
{
	char boot[BOOT_ID_SIZE];
	AUTO_CLOSE int fd = -1;

	boot_id(boot);
	*is_fresh = *boot != 0;
	if (!*is_fresh)
		return sync_files(w->dir, e);
	fd = draft_create(w, FRESH, e);
	return fd < 0 ? -1 : fs_pwrite(fd, boot, strlen(boot), 0, e);
}

int
draft_commit(
    struct draft *w, enum files_kind k, const struct digest *d, struct err *e)
{
	int root = store_root(w->store);
	char from[PATH_SIZE], to[PATH_SIZE];
	bool is_fresh;

	if (mark_fresh(w, &is_fresh, e) < 0)
		return -1;
	snprintf(from, sizeof from, TMP "/%s", w->name);
	dir_path(to, k, d);
	if (renameat(root, from, root, to) < 0) {
		if (errno == ENOTEMPTY || errno == EEXIST)
			return 0;
		return err_sys(e, "rename %s", to);
	}
	w->name[0] = 0;
	return is_fresh ? 0 : sync_kind(w->store, k, e);
}

/* ---- fresh ---- */

int
files_check_boot(struct store *s, enum files_kind k, const struct digest *d,
    bool *is_fresh, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	AUTO_CLOSE int dir = files_open_dir(s, k, d, e);
	char boot[BOOT_ID_SIZE];
	struct err none = ERR_INIT;

	*is_fresh = false;
	if (dir < 0)
		return -1;
	if (fs_read_file(dir, FRESH, &text, &none) < 0)
		return none.code == ENOENT ? 0 : (*e = none, -1);
	boot_id(boot);
	*is_fresh =
	    text.len == strlen(boot) && memcmp(text.data, boot, text.len) == 0;
	if (*is_fresh && *boot != 0)
		return 0;
	return err_set(e, ESTALE,
	    "%s/%s was not on disk when the machine went down", kind_dirs[k],
	    DIGEST_HEX(d));
}

int
files_settle(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e)
{
	AUTO_CLOSE int dir = files_open_dir(s, k, d, e);

	if (dir < 0 || sync_files(dir, e) < 0 || sync_kind(s, k, e) < 0)
		return -1;
	if (unlinkat(dir, FRESH, 0) < 0 && errno != ENOENT)
		return err_sys(e, "settle %s", DIGEST_HEX(d));
	return fs_sync_dir(dir, e);
}

/* By their names: a walk would need descriptors, and may be here for want of them. */
static void
remove_files(const struct draft *w)
{
	char path[PATH_SIZE];

	for (size_t i = 0; i < N_NAMES; i++) {
		snprintf(path, sizeof path, TMP "/%s/%s", w->name, names[i]);
		unlinkat(store_root(w->store), path, 0);
	}
	snprintf(path, sizeof path, TMP "/%s/" FRESH, w->name);
	unlinkat(store_root(w->store), path, 0);
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
	remove_files(w);
	snprintf(path, sizeof path, TMP "/%s", w->name);
	if (unlinkat(store_root(w->store), path, AT_REMOVEDIR) < 0)
		log_debug("%s stays till the next start: %m", path);
	w->name[0] = 0;
}

/* ---- manifests and configs ---- */

int
files_save_blob(struct store *s, const struct digest *d, const void *p,
    size_t n, struct err *e)
{
	char path[PATH_SIZE];

	blob_path(path, d);
	return fs_replace_file(store_root(s), path, p, n, 0600, e);
}

int
files_sync_blobs(struct store *s, struct err *e)
{
	return sync_dir(s, MANIFESTS, e);
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

int
files_each_blob(struct store *s, int (*fn)(void *ctx, const struct digest *d),
    void *ctx, struct err *e)
{
	return each_in(s, MANIFESTS, fn, ctx, e);
}
