/* Replies:
 *
 *	lookup      entry, for no time; what the owner says
 *	create, rmdir   what the owner says
 *	getattr     attributes, for no time
 *	readlink    target; EINVAL
 *	open        EROFS to write
 *	read        bytes: the text's, or what the owner says
 *	readdir     nothing
 *	any         ESTALE for a node that the kernel knows of an earlier life:
 *	            it looks the path up again
 */
#include "mount/path_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mount/path_node.h"
#include "mount/session.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"

struct path_fs {
	struct path_fs_options options;
	struct path_nodes nodes;
	struct session *session;
};

struct path_ask {
	struct path_fs *fs;
	struct session *session; /* a reference */
	fuse_req_t req;
	enum path_question question;
	char path[];
};

struct path_read {
	struct session *session; /* a reference */
	fuse_req_t req;
	uint64_t off;
	size_t len;
	char path[];
};

static struct path_fs *
fs_of(fuse_req_t req)
{
	return SESSION_OF(req)->owner;
}

/* ---- answers ---- */

const char *
path_ask_path(const struct path_ask *a)
{
	return a->path;
}

enum path_question
path_ask_question(const struct path_ask *a)
{
	return a->question;
}

static void
end_ask(struct path_ask *a)
{
	session_unref(a->session);
	free(a);
}

void
path_answer_error(struct path_ask *a, int code)
{
	SESSION_SCOPE(a->session);

	/* The next worker will be asked again. */
	if (atomic_load(&a->session->mount.server->is_stopping))
		fuse_reply_none(a->req);
	else
		fuse_reply_err(a->req, code);
	end_ask(a);
}

static void
answer_entry(struct path_ask *a, const struct path_content *c)
{
	struct fuse_entry_param entry = { 0 };
	SESSION_SCOPE(a->session);

	if (a->question != PATH_LOOKUP ||
	    !path_nodes_enter(&a->fs->nodes, a->path, c, &entry.attr)) {
		path_answer_error(a, EIO);
		return;
	}
	entry.ino = entry.attr.st_ino;
	/* A reply that nobody took counts as no lookup. */
	if (fuse_reply_entry(a->req, &entry) != 0)
		path_nodes_forget(&a->fs->nodes, entry.ino, 1);
	end_ask(a);
}

void
path_answer_folder(struct path_ask *a)
{
	answer_entry(a, &(struct path_content){ .mode = S_IFDIR | 0755 });
}

void
path_answer_link(struct path_ask *a, const char *target)
{
	answer_entry(a,
	    &(struct path_content){ .mode = S_IFLNK | 0777, .text = target });
}

void
path_answer_text(struct path_ask *a, const char *text)
{
	answer_entry(
	    a, &(struct path_content){ .mode = S_IFREG | 0444, .text = text });
}

void
path_answer_file(struct path_ask *a, uint64_t size)
{
	answer_entry(
	    a, &(struct path_content){ .mode = S_IFREG | 0444, .size = size });
}

/* ---- questions ---- */

static void
ask(fuse_req_t req, fuse_ino_t dir, const char *name,
    enum path_question question)
{
	struct path_fs *fs = fs_of(req);
	AUTO_FREE char *parent = path_nodes_path(&fs->nodes, dir);
	size_t n = parent == NULL ? 0 : strlen(parent) + strlen(name) + 2;
	struct path_ask *a;

	if (parent == NULL || n > LIMIT_PATH_BYTES) {
		fuse_reply_err(req, parent == NULL ? ESTALE : ENAMETOOLONG);
		return;
	}
	a = calloc(1, sizeof *a + n);
	if (a == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	a->fs = fs;
	a->session = session_ref(SESSION_OF(req));
	a->req = req;
	a->question = question;
	snprintf(a->path, n, "%s%s%s", parent, *parent != 0 ? "/" : "", name);
	fs->options.ask(fs->options.ctx, a);
}

static void
on_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	ask(req, dir, name, PATH_LOOKUP);
}

static void
on_create(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode,
    struct fuse_file_info *fi)
{
	(void)mode;
	(void)fi;
	ask(req, dir, name, PATH_CREATE);
}

static void
on_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	ask(req, dir, name, PATH_REMOVE_FOLDER);
}

/* ---- looking at what was found ---- */

static void
on_init(void *userdata, struct fuse_conn_info *c)
{
	(void)userdata;
	c->max_read = SESSION_MAX_READ;
	c->max_readahead = SESSION_MAX_READ;
	/* A parked lookup must not hold up the others in its folder. */
	c->want = c->capable & FUSE_CAP_PARALLEL_DIROPS;
}

static void
on_forget(fuse_req_t req, fuse_ino_t id, uint64_t lookups)
{
	path_nodes_forget(&fs_of(req)->nodes, id, lookups);
	fuse_reply_none(req);
}

static void
on_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (path_nodes_stat(&fs_of(req)->nodes, id, &st))
		fuse_reply_attr(req, &st, 0);
	else
		fuse_reply_err(req, ESTALE);
}

static void
on_readlink(fuse_req_t req, fuse_ino_t id)
{
	AUTO_FREE char *target = path_nodes_text(&fs_of(req)->nodes, id);

	if (target != NULL)
		fuse_reply_readlink(req, target);
	else
		fuse_reply_err(req, EINVAL);
}

static void
on_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	(void)id;
	if ((fi->flags & O_ACCMODE) == O_RDONLY)
		fuse_reply_open(req, fi);
	else
		fuse_reply_err(req, EROFS);
}

static void
ask_owner(fuse_req_t req, const char *path, uint64_t off, size_t len)
{
	struct path_fs *fs = fs_of(req);
	struct path_read *r = calloc(1, sizeof *r + strlen(path) + 1);

	if (r == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	r->session = session_ref(SESSION_OF(req));
	r->req = req;
	r->off = off;
	r->len = len;
	strcpy(r->path, path);
	fs->options.read(fs->options.ctx, r);
}

static void
on_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	struct path_nodes *nodes = &fs_of(req)->nodes;
	AUTO_FREE char *path = path_nodes_path(nodes, id);
	AUTO_FREE char *text = path_nodes_text(nodes, id);
	struct stat st;

	(void)fi;
	if (path == NULL || !path_nodes_stat(nodes, id, &st)) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	off = min_u64(off, st.st_size);
	size = min_u64(size, st.st_size - off);
	if (text != NULL && off + size <= strlen(text))
		fuse_reply_buf(req, text + off, size);
	else if (size == 0)
		fuse_reply_buf(req, NULL, 0);
	else
		ask_owner(req, path, off, size);
}

/* ---- bytes that the owner was asked for ---- */

const char *
path_read_path(const struct path_read *r)
{
	return r->path;
}

uint64_t
path_read_offset(const struct path_read *r)
{
	return r->off;
}

size_t
path_read_length(const struct path_read *r)
{
	return r->len;
}

static void
end_read(struct path_read *r)
{
	session_unref(r->session);
	free(r);
}

void
path_read_answer(struct path_read *r, const void *p)
{
	SESSION_SCOPE(r->session);

	fuse_reply_buf(r->req, p, r->len);
	end_read(r);
}

void
path_read_fail(struct path_read *r, int code)
{
	SESSION_SCOPE(r->session);

	if (atomic_load(&r->session->mount.server->is_stopping))
		fuse_reply_none(r->req);
	else
		fuse_reply_err(r->req, code);
	end_read(r);
}

static void
on_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)id;
	(void)size;
	(void)off;
	(void)fi;
	fuse_reply_buf(req, NULL, 0);
}

static const struct fuse_lowlevel_ops path_ops = {
	.init = on_init,
	.lookup = on_lookup,
	.forget = on_forget,
	.getattr = on_getattr,
	.readlink = on_readlink,
	.open = on_open,
	.read = on_read,
	.readdir = on_readdir,
	.create = on_create,
	.rmdir = on_rmdir,
};

/* ---- from start to end ---- */

static struct session *
start(struct path_fs *p, struct mount_server *s, struct held *h, struct err *e)
{
	const struct session_face face = { .ops = &path_ops, .owner = p };
	const struct agent_fuse_options o = { .source = p->options.source,
		.read_ahead_kb = s->options.read_ahead_kb,
		.is_writable = true };

	return h != NULL ? session_resume(s, p->options.id, &face, h, e)
			 : session_mount(s, p->options.id, &face, &o, e);
}

struct path_fs *
path_fs_new(struct mount_server *s, const struct path_fs_options *o,
    struct held *h, struct err *e)
{
	struct path_fs *p = calloc(1, sizeof *p);

	if (p == NULL) {
		err_set(e, ENOMEM, "%s", o->source);
		return NULL;
	}
	p->options = *o;
	path_nodes_init(&p->nodes);
	p->session = start(p, s, h, e);
	if (p->session != NULL)
		return p;
	path_nodes_release(&p->nodes);
	free(p);
	return NULL;
}

void
path_fs_free(struct path_fs *p)
{
	if (p == NULL)
		return;
	session_unref(p->session);
	path_nodes_release(&p->nodes);
	free(p);
}
