/* The operations of a read-only file system over an index.  Replies:
 *
 *	lookup      entry, for ever; ino 0: no such name, for ever
 *	            ENAMETOOLONG, ENOTDIR
 *	getattr     attributes, for ever
 *	readlink    target; EINVAL
 *	open, opendir  ENOSYS, once a mount: never asked again, and the page and
 *	            folder caches stay valid for ever
 *	readdir, readdirplus   ENOTDIR
 *	read        bytes; EIO (read.c)
 *	getxattr, listxattr   value, size, ENODATA, ERANGE.  Never ENOSYS, not
 *	            even where no inode has any: the kernel would say EOPNOTSUPP
 *	            from then on, and containerd's diff of a container that lies
 *	            on the mount fails there (it asks for security.capability)
 *	statfs      the layer's totals
 *	any         ESTALE for a node id that is none of the index's
 *
 * A node id is the index's nid and needs no table: FORGET is nothing.  Access
 * is the kernel's (default_permissions).
 */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "mount/session.h"
#include "layer/view.h"
#include "index/index.h"
#include "base/bytes.h"
#include "base/limits.h"

static const double FOREVER = 365 * 86400.0;

static const struct index *
index_of(fuse_req_t req)
{
	return view_index(SESSION_OF(req)->mount.view);
}

/* Why an accessor found nothing in nid: ESTALE, or that it is of another
 * type. */
static int
why_not(const struct index *x, uint64_t nid, int otherwise)
{
	struct stat st;

	return index_stat(x, nid, &st) ? otherwise : ESTALE;
}

static void
on_init(void *userdata, struct fuse_conn_info *c)
{
	(void)userdata;
	init_choose(c);
}

static void
on_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	const struct index *x = index_of(req);
	struct fuse_entry_param entry = { .attr_timeout = FOREVER,
		.entry_timeout = FOREVER };
	size_t len = strlen(name);
	struct stat st;

	if (len > LIMIT_NAME_BYTES) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	entry.ino = index_lookup(x, dir, name, len);
	if (entry.ino != 0 && index_stat(x, entry.ino, &entry.attr))
		fuse_reply_entry(req, &entry);
	else if (!index_stat(x, dir, &st))
		fuse_reply_err(req, ESTALE);
	else if (!S_ISDIR(st.st_mode))
		fuse_reply_err(req, ENOTDIR);
	else
		fuse_reply_entry(req, &entry);
}

static void
on_getattr(fuse_req_t req, fuse_ino_t nid, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (index_stat(index_of(req), nid, &st))
		fuse_reply_attr(req, &st, FOREVER);
	else
		fuse_reply_err(req, ESTALE);
}

static void
on_readlink(fuse_req_t req, fuse_ino_t nid)
{
	const struct index *x = index_of(req);
	const char *target;
	size_t len;

	if (index_read_link(x, nid, &target, &len))
		fuse_reply_buf(req, target, len);
	else
		fuse_reply_err(req, why_not(x, nid, EINVAL));
}

static void
on_open(fuse_req_t req, fuse_ino_t nid, struct fuse_file_info *fi)
{
	(void)nid;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

static void
on_read(fuse_req_t req, fuse_ino_t nid, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	struct reading r = {
		.req = req, .mount = &SESSION_OF(req)->mount, .nid = nid
	};
	uint64_t file_size;

	(void)fi;
	if (!index_file(index_of(req), nid, &r.data_off, &file_size)) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if ((uint64_t)off >= file_size || size == 0) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	r.len = min_u64(min_u64(size, SERVER_BUFFER), file_size - off);
	r.data_off += off;
	read_answer(&r);
}

/* ---- folders ---- */

static bool
is_dot(const struct index_entry *i)
{
	return i->name[0] == '.' &&
	       (i->name_len == 1 || (i->name_len == 2 && i->name[1] == '.'));
}

/* One entry into p.  Bytes it takes, more than `room` when it did not fit. */
static size_t
put_entry(fuse_req_t req, char *p, size_t room, const struct index_entry *i,
    uint64_t next, bool with_attributes)
{
	char name[LIMIT_NAME_BYTES + 1];
	struct fuse_entry_param entry = { .attr_timeout = FOREVER,
		.entry_timeout = FOREVER };

	memcpy(name, i->name, i->name_len);
	name[i->name_len] = '\0';
	entry.attr.st_ino = i->nid;
	entry.attr.st_mode = i->type;
	if (!with_attributes)
		return fuse_add_direntry(req, p, room, name, &entry.attr, next);
	/* "." and ".." take no lookup count: ino 0. */
	if (!is_dot(i) && index_stat(index_of(req), i->nid, &entry.attr))
		entry.ino = i->nid;
	return fuse_add_direntry_plus(req, p, room, name, &entry, next);
}

static void
list(fuse_req_t req, uint64_t dir, size_t size, uint64_t cookie,
    bool with_attributes)
{
	const struct index *x = index_of(req);
	char *p = (char *)server_buffer();
	struct index_entry i;
	struct stat st;
	size_t at = 0;

	if (!index_stat(x, dir, &st) || !S_ISDIR(st.st_mode)) {
		fuse_reply_err(req, why_not(x, dir, ENOTDIR));
		return;
	}
	size = min_u64(size, SERVER_BUFFER);
	while (index_read_dir(x, dir, &cookie, &i)) {
		size_t n = put_entry(
		    req, p + at, size - at, &i, cookie, with_attributes);
		if (n > size - at)
			break;
		at += n;
	}
	fuse_reply_buf(req, p, at);
}

static void
on_readdir(fuse_req_t req, fuse_ino_t dir, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)fi;
	list(req, dir, size, off, false);
}

static void
on_readdirplus(fuse_req_t req, fuse_ino_t dir, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)fi;
	list(req, dir, size, off, true);
}

/* ---- extended attributes ---- */

/* As getxattr(2) and listxattr(2) have it: size 0 asks how much there is. */
static void
reply_sized(fuse_req_t req, const void *p, size_t n, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, n);
	else if (size < n)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, p, n);
}

/* What covers the folders below it is marked in trusted.*; an overlayfs in a
 * user namespace ("userxattr": a user's podman) looks in user.*. */
static bool
find_xattr(const struct index *x, uint64_t nid, const char *name,
    const void **value, size_t *len)
{
	if (index_find_xattr(x, nid, name, value, len))
		return true;
	return strcmp(name, "user.overlay.opaque") == 0 &&
	       index_find_xattr(x, nid, "trusted.overlay.opaque", value, len);
}

static void
on_getxattr(fuse_req_t req, fuse_ino_t nid, const char *name, size_t size)
{
	const struct index *x = index_of(req);
	const void *value;
	size_t len;

	if (find_xattr(x, nid, name, &value, &len))
		reply_sized(req, value, len, size);
	else
		fuse_reply_err(req, why_not(x, nid, ENODATA));
}

struct names {
	uint8_t *p; /* SERVER_BUFFER bytes: more than an inode may have */
	size_t len;
	bool is_privileged;
};

static int
add_name(void *ctx, const char *name, const void *value, size_t value_len)
{
	struct names *n = ctx;
	size_t len = strlen(name) + 1;

	(void)value;
	(void)value_len;
	/* As local file systems do: trusted.* is nobody's but root's. */
	if (!n->is_privileged && strncmp(name, "trusted.", 8) == 0)
		return 0;
	if (len > SERVER_BUFFER - n->len)
		return 1;
	memcpy(n->p + n->len, name, len);
	n->len += len;
	return 0;
}

/* A kernel that lets mounts have other owners (init.c) says of nobody who asks:
 * -1.  Then everybody sees the names; the values are guarded by the kernel. */
static bool
may_list_trusted(fuse_req_t req)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	return uid == 0 || uid == (uid_t)-1;
}

static void
on_listxattr(fuse_req_t req, fuse_ino_t nid, size_t size)
{
	struct names n = { .p = server_buffer(),
		.is_privileged = may_list_trusted(req) };

	if (index_each_xattr(index_of(req), nid, add_name, &n) < 0)
		fuse_reply_err(req, ESTALE);
	else
		reply_sized(req, n.p, n.len, size);
}

static void
on_statfs(fuse_req_t req, fuse_ino_t nid)
{
	struct index_totals t;

	(void)nid;
	index_totals(index_of(req), &t);
	struct statvfs s = { .f_bsize = 4096,
		.f_frsize = 4096,
		.f_blocks = align_up(t.bytes + t.index_bytes, 4096) / 4096,
		.f_files = t.inodes,
		.f_namemax = LIMIT_NAME_BYTES };
	fuse_reply_statfs(req, &s);
}

const struct fuse_lowlevel_ops session_ops = {
	.init = on_init,
	.lookup = on_lookup,
	.getattr = on_getattr,
	.readlink = on_readlink,
	.open = on_open,
	.opendir = on_open,
	.flush = on_open,
	.read = on_read,
	.readdir = on_readdir,
	.readdirplus = on_readdirplus,
	.getxattr = on_getxattr,
	.listxattr = on_listxattr,
	.statfs = on_statfs,
};
