#include "supervisor/drop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"

/* The first namespace maps all of 32 bits to itself. */
static bool
is_in_user_namespace(void)
{
	AUTO_BUF struct buf b = BUF_INIT(4096);
	struct err ignored;
	unsigned inside, outside, count;

	if (fs_read_file(AT_FDCWD, "/proc/self/uid_map", &b, &ignored) != 0)
		return false;
	return sscanf(buf_str(&b), "%u %u %u", &inside, &outside, &count) !=
		   3 ||
	       count != UINT32_MAX;
}

static const struct passwd *
find_user(const char *user, struct err *e)
{
	const struct passwd *p = getpwnam(user != NULL ? user : "layerfs");

	if (p == NULL && user == NULL) {
		log_warn("there is no user \"layerfs\": the worker runs as "
			 "\"nobody\"");
		p = getpwnam("nobody");
	}
	if (p == NULL)
		err_set(e, ENOENT, "there is no user \"%s\"",
		    user != NULL ? user : "nobody");
	else if (p->pw_uid == 0) {
		err_set(e, EINVAL, "the worker may not run as root");
		p = NULL;
	}
	return p;
}

static bool
is_empty(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool empty = d != NULL;

	if (d == NULL)
		return false;
	while (empty && (entry = readdir(d)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	closedir(d);
	return empty;
}

/* As where the user is younger than the store: tmpfiles.d gives it the folder. */
static int
check_contents(
    int dir, const char *root, const struct stat *folder, struct err *e)
{
	struct stat st;

	if (fstatat(dir, "data", &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    st.st_uid == folder->st_uid)
		return 0;
	return err_set(e, EACCES,
	    "%s belongs to another user than what is in it: chown -R --from=%u "
	    "%u:%u %s",
	    root, st.st_uid, folder->st_uid, folder->st_gid, root);
}

static int
choose(struct account *a, int dir, const char *root, const char *user,
    struct err *e)
{
	const struct passwd *p;
	struct stat st;

	if (fstat(dir, &st) != 0)
		return err_sys(e, "%s", root);
	a->uid = st.st_uid;
	a->gid = st.st_gid;
	if (st.st_uid != 0)
		return check_contents(dir, root, &st, e);
	if (!is_empty(dir))
		return err_set(e, EACCES,
		    "%s belongs to root and is not empty: give it to the "
		    "worker's user (chown -R)",
		    root);
	p = find_user(user, e);
	if (p == NULL)
		return -1;
	a->uid = p->pw_uid;
	a->gid = p->pw_gid;
	if (fchown(dir, a->uid, a->gid) != 0)
		return err_sys(e, "chown %s", root);
	return 0;
}

int
account_open_root(
    struct account *a, const char *root, const char *user, struct err *e)
{
	AUTO_CLOSE int dir = -1;

	*a = (struct account){ .is_root = geteuid() == 0 };
	a->in_user_ns = a->is_root && is_in_user_namespace();
	a->is_changed = a->is_root && !a->in_user_ns;
	if (fs_make_dirs(AT_FDCWD, root, 0755, e) != 0 ||
	    (dir = fs_open_dir(AT_FDCWD, root, e)) < 0)
		return err_wrap(e, "the store's folder");
	if (a->is_changed && choose(a, dir, root, user, e) != 0)
		return -1;
	return take_fd(&dir);
}

static void
drop_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap);
}

/* Root of a user namespace stays uid 0 there: without the bit, exec would give
 * it every capability back. */
static int
drop_capabilities(struct err *e)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED) !=
		0 ||
	    syscall(SYS_capset, &header, none) != 0)
		return err_sys(e, "drop capabilities");
	return 0;
}

/* From root to another user, the kernel drops the capabilities itself. */
static int
change_user(uid_t uid, gid_t gid, struct err *e)
{
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return err_sys(e, "become uid %u", uid);
	return 0;
}

int
account_become(const struct account *a, struct err *e)
{
	if (a->is_root)
		drop_bounding_set();
	if (a->is_changed && change_user(a->uid, a->gid, e) != 0)
		return -1;
	if (a->is_root && !a->is_changed && drop_capabilities(e) != 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_sys(e, "set no_new_privs");
	return 0;
}
