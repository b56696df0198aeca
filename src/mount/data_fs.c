/* Replies:
 *
 *	lookup      a file, for ever; ENOENT for an id that has none
 *	getattr     of the root, or of any file, known or not: all are alike
 *	open        FOPEN_DIRECT_IO; ENOENT
 *	read        bytes; EIO (read.c); ENOENT
 */
#include "mount/data_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mount/session.h"
#include "supervisor/agent.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

static const double FOREVER = 365 * 86400.0;

/* An id's 16 digits fill 64 bits, and 1 is the root's. */
#define NODE_BIT ((uint64_t)1 << 63)
enum { DIGITS_MAX = 16 };

struct data_file {
	struct mount mount; /* a reference is the table's */
	uint64_t id;        /* the node's */

	/* data_fs->lock */
	struct hnode node;
	bool is_listed;
	bool is_owned;
	unsigned opens;
};

static struct data_file *
file_of(struct mount *m)
{
	return container_of(m, struct data_file, mount);
}

/* ---- the table ---- */

static bool
parse_id(const char *id, uint64_t *node)
{
	size_t n = strlen(id);

	if (n == 0 || n > DIGITS_MAX || strspn(id, "0123456789abcdef") != n)
		return false;
	*node = strtoull(id, NULL, 16) | NODE_BIT;
	return true;
}

static struct data_file *
find_file(struct data_fs *f, uint64_t id)
{
	hmap_for_each_match(&f->files, id, n) {
		struct data_file *d = container_of(n, struct data_file, node);

		if (d->id == id)
			return d;
	}
	return NULL;
}

/* With the lock held.  True when the table's reference is the caller's to
 * drop, without it. */
static bool
take_out(struct data_fs *f, struct data_file *d)
{
	if (!d->is_listed)
		return false;
	d->is_listed = false;
	hmap_remove(&f->files, &d->node);
	return true;
}

static bool
take_out_unused(struct data_fs *f, struct data_file *d)
{
	return !d->is_owned && d->opens == 0 && take_out(f, d);
}

/* A reference, or NULL. */
static struct data_file *
get_file(struct data_fs *f, uint64_t id)
{
	LOCK_SCOPE(&f->lock);
	struct data_file *d = find_file(f, id);

	if (d != NULL)
		mount_ref(&d->mount);
	return d;
}

/* ---- owners ---- */

static void
free_file(struct mount *m)
{
	mount_release(m);
	free(file_of(m));
}

static struct data_file *
new_file(struct mount_server *s, const struct mount_kind *kind, const char *id,
    uint64_t node, struct view *v)
{
	struct data_file *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	mount_init(&d->mount, kind, s, id, v, free_file);
	d->id = node;
	return d;
}

/* The file that has an owner from now on: `fresh`, or the one that the kernel
 * still has open; NULL: it has an owner. */
static struct data_file *
own(struct data_fs *f, struct data_file *fresh, bool is_open)
{
	LOCK_SCOPE(&f->lock);
	struct data_file *d = find_file(f, fresh->id);

	if (d == NULL) {
		d = fresh;
		d->is_listed = true;
		d->opens = is_open;
		hmap_insert(&f->files, &d->node, d->id);
		mount_ref(&d->mount);
	} else if (d->is_owned || strcmp(d->mount.id, fresh->mount.id) != 0) {
		return NULL;
	} else {
		mount_ref(&d->mount);
	}
	d->is_owned = true;
	return d;
}

static void
begin_again(struct mount *m, const struct mount_kind *kind)
{
	mount_set_patience(m, m->server->options.patience_ms);
	LOCK_SCOPE(&m->server->lock);
	m->kind = kind;
	m->is_removed = false;
	m->is_dead = false;
	m->on_gone = NULL;
}

struct mount *
data_fs_add(struct mount_server *s, const struct mount_kind *kind,
    const char *id, struct view *v, bool is_open, struct err *e)
{
	struct data_file *fresh, *d;
	uint64_t node;

	if (!parse_id(id, &node)) {
		err_set(e, EINVAL, "mount %s: no name for a data file", id);
		return NULL;
	}
	fresh = new_file(s, kind, id, node, v);
	if (fresh == NULL) {
		err_set(e, ENOMEM, "mount %s", id);
		return NULL;
	}
	d = own(&s->data, fresh, is_open);
	if (d != fresh)
		mount_unref(&fresh->mount);
	if (d == NULL) {
		err_set(e, EEXIST, "mount %s has its data file already", id);
		return NULL;
	}
	begin_again(&d->mount, kind);
	return &d->mount;
}

static bool
disown(struct data_fs *f, struct data_file *d)
{
	LOCK_SCOPE(&f->lock);
	d->is_owned = false;
	return take_out_unused(f, d);
}

void
data_fs_remove(struct mount *m)
{
	if (disown(&m->server->data, file_of(m)))
		mount_unref(m);
	mount_unref(m);
}

/* ---- requests ---- */

static struct data_fs *
fs_of(fuse_req_t req)
{
	return &SESSION_OF(req)->mount.server->data;
}

/* Opened by the kernel, or not any more. */
static void
count_open(struct data_fs *f, struct data_file *d, int change)
{
	bool is_last;

	{
		LOCK_SCOPE(&f->lock);
		if (change > 0 || d->opens > 0)
			d->opens += change;
		is_last = take_out_unused(f, d);
	}
	if (is_last)
		mount_unref(&d->mount);
}

static struct stat
stat_of(uint64_t node)
{
	if (node == FUSE_ROOT_ID)
		return (struct stat){
			.st_ino = node, .st_mode = S_IFDIR | 0700, .st_nlink = 2
		};
	return (struct stat){ .st_ino = node,
		.st_mode = S_IFREG | 0400,
		.st_nlink = 1,
		.st_size = LIMIT_DATA_BYTES };
}

static void
on_init(void *userdata, struct fuse_conn_info *c)
{
	(void)userdata;
	init_choose(c);
	c->want &= ~FUSE_CAP_NO_OPEN_SUPPORT;
}

static void
on_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct fuse_entry_param entry = { .attr_timeout = FOREVER,
		.entry_timeout = FOREVER };
	struct data_file *d = NULL;
	uint64_t node;

	if (dir == FUSE_ROOT_ID && parse_id(name, &node))
		d = get_file(fs_of(req), node);
	if (d != NULL && strcmp(d->mount.id, name) == 0) {
		entry.ino = node;
		entry.attr = stat_of(node);
		fuse_reply_entry(req, &entry);
	} else {
		fuse_reply_err(req, ENOENT);
	}
	if (d != NULL)
		mount_unref(&d->mount);
}

static void
on_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct stat st = stat_of(node);

	(void)fi;
	fuse_reply_attr(req, &st, FOREVER);
}

static void
on_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct data_fs *f = fs_of(req);
	struct data_file *d = get_file(f, node);

	if (d == NULL) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	count_open(f, d, 1);
	fi->direct_io = 1;
	/* An answer that nobody took is no open file. */
	if (fuse_reply_open(req, fi) != 0)
		count_open(f, d, -1);
	mount_unref(&d->mount);
}

static void
on_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct data_fs *f = fs_of(req);
	struct data_file *d = get_file(f, node);

	(void)fi;
	if (d != NULL) {
		count_open(f, d, -1);
		mount_unref(&d->mount);
	}
	fuse_reply_err(req, 0);
}

static void
read_trial(fuse_req_t req, size_t len, uint64_t off)
{
	static const char text[] = AGENT_TRIAL_TEXT;
	uint8_t *bytes = server_buffer();

	memset(bytes, 0, len);
	if (off < sizeof text)
		memcpy(bytes, text + off, min_u64(len, sizeof text - off));
	fuse_reply_buf(req, (const char *)bytes, len);
}

static void
on_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	struct data_file *d = get_file(fs_of(req), node);
	uint64_t from = min_u64(off, LIMIT_DATA_BYTES);
	size_t len =
	    min_u64(min_u64(size, SERVER_BUFFER), LIMIT_DATA_BYTES - from);

	(void)fi;
	if (d == NULL) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	if (len == 0)
		fuse_reply_buf(req, NULL, 0);
	else if (d->mount.view == NULL)
		read_trial(req, len, from);
	else
		read_answer(&(struct reading){ .req = req,
		    .mount = &d->mount,
		    .data_off = from,
		    .len = len });
	mount_unref(&d->mount);
}

const struct fuse_lowlevel_ops data_fs_ops = {
	.init = on_init,
	.lookup = on_lookup,
	.getattr = on_getattr,
	.open = on_open,
	.release = on_release,
	.read = on_read,
};

/* ---- the session ---- */

static const struct session_face face = { .ops = &data_fs_ops };

static bool
take_session(struct data_fs *f, const struct session *x)
{
	LOCK_SCOPE(&f->lock);
	if (f->session != x)
		return false;
	f->session = NULL;
	f->state = DATA_FS_UNMAKING;
	return true;
}

/* Somebody unmounted it, or aborted the connection.  The next one is not mounted
 * before: it would be unmounted in its place. */
static void
on_gone(void *ctx, struct mount *m)
{
	struct data_fs *f = ctx;
	struct session *x = container_of(m, struct session, mount);

	if (!take_session(f, x))
		return;
	session_unmount(x);
	LOCK_SCOPE(&f->lock);
	if (f->state == DATA_FS_UNMAKING)
		f->state = DATA_FS_BEGUN;
	cond_broadcast(&f->changed);
}

static void
begin(struct data_fs *f, struct session *x)
{
	{
		LOCK_SCOPE(&f->lock);
		f->session = x;
		f->state = DATA_FS_BEGUN;
		cond_broadcast(&f->changed);
	}
	if (x != NULL)
		mount_on_gone(&x->mount, on_gone, f);
}

int
data_fs_begin(struct mount_server *s, struct held *h, struct err *e)
{
	struct session *x = NULL;

	if (h != NULL)
		x = session_resume(s, AGENT_DATA_ID, &face, h, e);
	begin(&s->data, x);
	return h != NULL && x == NULL ? -1 : 0;
}

/* 1: the session is the caller's to make. */
static int
wait_for_session(struct data_fs *f, struct err *e)
{
	LOCK_SCOPE(&f->lock);
	while (f->state == DATA_FS_WAITS || f->state == DATA_FS_MAKING ||
	       f->state == DATA_FS_UNMAKING)
		cond_wait(&f->changed, &f->lock);
	if (f->state == DATA_FS_ENDED)
		return err_set(e, ECANCELED, "the daemon ends");
	if (f->session != NULL)
		return 0;
	f->state = DATA_FS_MAKING;
	return 1;
}

int
data_fs_prepare(struct mount_server *s, struct err *e)
{
	const struct agent_fuse_options o = { .source = "layerfs-data" };
	int rc = wait_for_session(&s->data, e);
	struct session *x;

	if (rc != 1)
		return rc;
	x = session_mount(s, AGENT_DATA_ID, &face, &o, e);
	begin(&s->data, x);
	return x == NULL ? -1 : 0;
}

struct session *
data_fs_mount_trial(struct mount_server *s, struct err *e)
{
	const struct agent_fuse_options o = { .source = "layerfs-trial" };

	return session_mount(s, AGENT_TRIAL_DATA_ID, &face, &o, e);
}

/* ---- from start to end ---- */

void
data_fs_init(struct data_fs *f)
{
	memset(f, 0, sizeof *f);
	lock_init(&f->lock, RANK_LEAF);
	cond_init(&f->changed);
}

void
data_fs_release(struct data_fs *f)
{
	hmap_release(&f->files);
	cond_destroy(&f->changed);
	lock_destroy(&f->lock);
}

static struct data_file *
take_any(struct data_fs *f)
{
	LOCK_SCOPE(&f->lock);
	struct hnode *n = hmap_any(&f->files);
	struct data_file *d;

	if (n == NULL)
		return NULL;
	d = container_of(n, struct data_file, node);
	take_out(f, d);
	return d;
}

void
data_fs_end(struct mount_server *s)
{
	struct data_fs *f = &s->data;
	struct data_file *d;
	struct session *x;

	{
		LOCK_SCOPE(&f->lock);
		f->state = DATA_FS_ENDED;
		x = f->session;
		f->session = NULL;
		cond_broadcast(&f->changed);
	}
	if (x != NULL)
		session_unref(x);
	while ((d = take_any(f)) != NULL)
		mount_unref(&d->mount);
}
