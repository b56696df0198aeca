#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/scout.h"

#define MOUNTINFO "/proc/self/mountinfo"

/* A start of a container copies every mount, and who looks at all of them has each
 * for a moment: that is no use of it. */
enum { BUSY_TRIES = 20, BUSY_PAUSE_US = 50 * 1000 };

static int
too_long(const char *text, struct err *e)
{
	return err_set(e, ENAMETOOLONG, "%.100s...", text);
}

/* The path without slashes at its end. */
static int
copy_trimmed(const char *text, char out[LIMIT_PATH_BYTES], struct err *e)
{
	size_t n = strlen(text);

	while (n > 1 && text[n - 1] == '/')
		n--;
	if (n == 0)
		return err_set(e, EINVAL, "an empty path");
	if (n >= LIMIT_PATH_BYTES)
		return too_long(text, e);
	memcpy(out, text, n);
	out[n] = 0;
	return 0;
}

static int
join(const char *folder, const char *name, char out[LIMIT_PATH_BYTES],
    struct err *e)
{
	int n = snprintf(out, LIMIT_PATH_BYTES, "%s/%s",
	    strcmp(folder, "/") == 0 ? "" : folder, name);

	return n >= LIMIT_PATH_BYTES ? too_long(name, e) : 0;
}

int
target_absolute(const char *text, char path[LIMIT_PATH_BYTES], struct err *e)
{
	char trimmed[LIMIT_PATH_BYTES], folder[LIMIT_PATH_BYTES], *slash;
	const char *name = trimmed;

	if (copy_trimmed(text, trimmed, e) < 0)
		return -1;
	if (realpath(trimmed, path) != NULL)
		return 0;
	slash = strrchr(trimmed, '/');
	if (slash == trimmed)
		return strcpy(path, trimmed), 0;
	if (slash != NULL) {
		*slash = 0;
		name = slash + 1;
	}
	if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
		return err_set(e, ENOENT, "%s does not exist", text);
	/* Parents first: their own last part may be missing as well. */
	if (target_absolute(slash == NULL ? "." : trimmed, folder, e) < 0)
		return -1;
	return join(folder, name, path, e);
}

/* ---- by a child ---- */

struct opening {
	struct errand errand;
	const char *text;
	char path[LIMIT_PATH_BYTES];
};

static int
run_opening(struct errand *x, struct err *e)
{
	struct opening *o = container_of(x, struct opening, errand);

	if (realpath(o->text, o->path) == NULL)
		return errno == ENOENT
			   ? err_set(e, ENOENT, "the folder does not exist")
			   : err_sys(e, "resolve it");
	x->fds[0] =
	    open(o->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (x->fds[0] < 0)
		return errno == ENOTDIR ? err_set(e, ENOTDIR, "it is no folder")
					: err_sys(e, "open it");
	x->n_fds = 1;
	return 0;
}

int
target_open(const char *text, char path[LIMIT_PATH_BYTES], struct err *e)
{
	struct opening o = {
		.errand = { .run = run_opening, .size = sizeof o },
		.text = text,
	};

	if (scout_send(&o.errand, e) < 0)
		return -1;
	memcpy(path, o.path, sizeof o.path);
	return o.errand.fds[0];
}

/* The number of the mount that the path leads into.  O_PATH asks the file system
 * nothing, so this works where the daemon behind it is dead.  What holds it open is
 * gone with the child: umount(2) would find it in use. */
static int
read_mount_id(const char *path, uint64_t *id)
{
	AUTO_CLOSE int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	AUTO_BUF struct buf info = BUF_INIT(KIB(64));
	char name[64];
	const char *line;
	struct err e;

	if (fd < 0)
		return errno;
	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
	if (fs_read_file(AT_FDCWD, name, &info, &e) < 0)
		return e.code;
	line = strstr(buf_str(&info), "mnt_id:");
	if (line == NULL || sscanf(line, "mnt_id: %" SCNu64, id) != 1)
		return EPROTO;
	return 0;
}

struct finding {
	struct errand errand;
	const char *text;
	struct target found;
};

static int
run_finding(struct errand *x, struct err *e)
{
	struct finding *f = container_of(x, struct finding, errand);

	if (target_absolute(f->text, f->found.path, e) < 0)
		return -1;
	f->found.code = read_mount_id(f->found.path, &f->found.mount);
	return 0;
}

int
target_find(const char *text, struct target *t, struct err *e)
{
	struct finding f = {
		.errand = { .run = run_finding, .size = sizeof f },
		.text = text,
	};

	if (scout_send(&f.errand, e) < 0)
		return -1;
	*t = f.found;
	return 0;
}

struct detaching {
	struct errand errand;
	const char *path;
	int flags;
};

static int
run_detaching(struct errand *x, struct err *e)
{
	const struct detaching *d = container_of(x, struct detaching, errand);

	for (int n = 1; umount2(d->path, d->flags) < 0; n++) {
		if (errno != EBUSY)
			return err_sys(e, "umount");
		if (n == BUSY_TRIES)
			return err_set(e, EBUSY, "files in it are in use");
		usleep(BUSY_PAUSE_US);
	}
	return 0;
}

/* One that is away already may write to a disk, which takes its time: the child is
 * done with it some day. */
int
target_detach(const struct target *t, bool lazy, struct err *e)
{
	struct detaching d = {
		.errand = { .run = run_detaching, .size = sizeof d },
		.path = t->path,
		.flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0),
	};
	enum target_state state;
	struct err ignored;

	if (scout_send(&d.errand, e) == 0)
		return 0;
	if (e->code == ETIMEDOUT && target_state(t, &state, &ignored) == 0 &&
	    state == TARGET_EMPTY)
		return 0;
	return -1;
}

/* ---- what may be done there ---- */

static const struct {
	const char *name;
	uint64_t attribute;
} mount_options[] = {
	{ "nosuid", MOUNT_ATTR_NOSUID },
	{ "nodev", MOUNT_ATTR_NODEV },
};

static uint64_t
find_option(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof mount_options / sizeof *mount_options;
	     i++)
		if (strlen(mount_options[i].name) == n &&
		    memcmp(mount_options[i].name, name, n) == 0)
			return mount_options[i].attribute;
	return 0;
}

int
target_parse_options(const char *list, uint64_t *attributes, struct err *e)
{
	*attributes = 0;
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ",");
		uint64_t attribute = find_option(p, n);

		if (attribute == 0)
			return err_set(e, EINVAL,
			    "\"%.*s\" is neither nosuid nor nodev",
			    (int)(n > 80 ? 80 : n), p);
		*attributes |= attribute;
		p += n;
		if (*p == 0)
			return 0;
	}
}

int
target_restrict(int mount, uint64_t attributes, struct err *e)
{
	struct mount_attr set = { .attr_set = attributes };

	if (attributes != 0 &&
	    mount_setattr(mount, "", AT_EMPTY_PATH, &set, sizeof set) < 0)
		return err_sys(e, "restrict the mount");
	return 0;
}

int
target_attach(int target, int mount, struct err *e)
{
	/* By descriptor on both sides: nobody can put a link in between. */
	if (syscall(SYS_move_mount, mount, "", target, "",
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(e, "put the mount in place");
	return 0;
}

int
target_withdraw(int mount, struct err *e)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", mount);
	return umount2(path, MNT_DETACH) < 0 ? err_sys(e, "umount") : 0;
}

/* ---- what is there ---- */

int
target_state(const struct target *t, enum target_state *state, struct err *e)
{
	AUTO_BUF struct buf all = BUF_INIT(MIB(64));

	if (t->code != 0)
		return err_set(
		    e, t->code, "open %s: %s", t->path, strerror(t->code));
	if (fs_read_file(AT_FDCWD, MOUNTINFO, &all, e) < 0)
		return -1;
	*state = target_state_in(buf_str(&all), t->mount, t->path);
	return 0;
}

/* Whether the field (up to a space) is the path, spaces and the like written as
 * \040 in it. */
static bool
field_is(const char *field, const char *path)
{
	for (; *field != 0 && *field != ' ' && *field != '\n'; path++) {
		unsigned char c = *field++;

		if (c == '\\' && strspn(field, "01234567") >= 3) {
			c = (field[0] - '0') << 6 | (field[1] - '0') << 3 |
			    (field[2] - '0');
			field += 3;
		}
		if (c != (unsigned char)*path)
			return false;
	}
	return *path == 0;
}

static const char *
next_field(const char *p)
{
	p += strcspn(p, " \n");
	return *p == ' ' ? p + 1 : p;
}

/* 36 35 98:0 /root /mount/point rw,noatime shared:1 - type source options
 * after the fifth field any number of optional ones, ended by a dash. */
static enum target_state
state_of_line(const char *line, const char *path)
{
	const char *p = line, *end = line + strcspn(line, "\n");

	for (int i = 0; i < 4; i++)
		p = next_field(p);
	if (!field_is(p, path))
		return TARGET_EMPTY;
	while (p < end && strncmp(p, "- ", 2) != 0)
		p = next_field(p);
	if (p >= end)
		return TARGET_EMPTY;
	p = next_field(p); /* the type */
	if (strncmp(p, "fuse.layerfs ", 13) == 0)
		return TARGET_OURS;
	p = next_field(p); /* the source, as the daemon sets it */
	if (strncmp(p, "layerfs", 7) == 0 && (p[7] == ':' || p[7] == ' '))
		return TARGET_OURS;
	return TARGET_FOREIGN;
}

enum target_state
target_state_in(const char *mountinfo, uint64_t id, const char *path)
{
	for (const char *line = mountinfo; *line != 0;) {
		if (strtoull(line, NULL, 10) == id)
			return state_of_line(line, path);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return TARGET_EMPTY;
}
