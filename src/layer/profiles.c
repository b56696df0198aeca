#include "layer/profiles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layer/profile.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

#define PROFILES "profiles"

enum { PATH_SIZE = sizeof PROFILES + 1 + DIGEST_HEX_SIZE };

static void
profile_path(char path[PATH_SIZE], const struct digest *image)
{
	snprintf(path, PATH_SIZE, PROFILES "/%s", DIGEST_HEX(image));
}

int
profiles_prepare(struct store *s, struct err *e)
{
	if (fs_make_dirs(store_root(s), PROFILES, 0700, e) < 0)
		return -1;
	return fs_remove_temporaries(store_root(s), PROFILES, e);
}

bool
profiles_has(struct store *s, const struct digest *image)
{
	char path[PATH_SIZE];

	profile_path(path, image);
	return faccessat(store_root(s), path, F_OK, 0) == 0;
}

int
profiles_remove(struct store *s, const struct digest *image, struct err *e)
{
	char path[PATH_SIZE];

	profile_path(path, image);
	if (unlinkat(store_root(s), path, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", path);
	return 0;
}

static struct profile *
read_profile(struct store *s, const char *path, const struct digest *image,
    struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_PROFILE_BYTES);
	AUTO_PROFILE struct profile *p = NULL;

	if (fs_read_file(store_root(s), path, &text, e) < 0)
		return NULL;
	p = profile_parse(text.data, text.len, e);
	if (p != NULL && !digest_equal(&p->image, image)) {
		err_set(e, EBADMSG, "a profile of another image");
		return NULL;
	}
	return take_ptr(&p);
}

struct profile *
profiles_load(struct store *s, const struct digest *image, struct err *e)
{
	char path[PATH_SIZE];
	struct profile *p;

	profile_path(path, image);
	p = read_profile(s, path, image, e);
	if (p == NULL && (e->code == EBADMSG || e->code == E2BIG)) {
		log_warn("%s: %s; removed, the next run makes another", path,
		    e->msg);
		if (profiles_remove(s, image, e) == 0)
			err_set(e, ENOENT, "%s was damaged", path);
	}
	return p;
}

/* ---- not too many ---- */

struct oldest {
	char name[DIGEST_HEX_SIZE];
	struct timespec written;
	size_t count;
};

static bool
is_earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec
				      : a->tv_nsec < b->tv_nsec;
}

static void
look_at(struct oldest *o, int dir, const char *name)
{
	struct digest d;
	struct stat st;

	if (digest_parse_hex(&d, name, &(struct err){ 0 }) < 0 ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (o->count++ == 0 || is_earlier(&st.st_mtim, &o->written)) {
		o->written = st.st_mtim;
		digest_hex(&d, o->name);
	}
}

/* One more comes at a time, so one has to go. */
static int
make_room(struct store *s, struct err *e)
{
	struct oldest o = { .count = 0 };
	int fd = fs_open_dir(store_root(s), PROFILES, e);
	const struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return err_sys(e, "read " PROFILES);
	}
	while ((entry = readdir(dir)) != NULL)
		look_at(&o, fd, entry->d_name);
	if (o.count >= LIMIT_PROFILES)
		unlinkat(fd, o.name, 0);
	closedir(dir);
	return 0;
}

int
profiles_save(struct store *s, const struct profile *p, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_PROFILE_BYTES);
	char path[PATH_SIZE];

	profile_path(path, &p->image);
	if (profile_write(p, &text, e) < 0 ||
	    (!profiles_has(s, &p->image) && make_room(s, e) < 0))
		return -1;
	return fs_replace_file(
	    store_root(s), path, text.data, text.len, 0600, e);
}
