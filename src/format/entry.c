#include "format/entry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "index/tree.h"
#include "base/err.h"
#include "base/limits.h"

#define WHITEOUT ".wh."
#define AUFS ".wh..wh."
#define OPAQUE ".wh..wh..opq"

enum meaning { PLAIN, HIDES, MAKES_OPAQUE, IGNORED };

/* A path cut at its last component; trailing slashes belong to neither. */
struct parts {
	size_t dir_len; /* with its slash */
	const char *name;
	size_t name_len;
};

static struct parts
split(const char *path, size_t len)
{
	struct parts p;

	while (len > 0 && path[len - 1] == '/')
		len--;
	p.dir_len = len;
	while (p.dir_len > 0 && path[p.dir_len - 1] != '/')
		p.dir_len--;
	p.name = path + p.dir_len;
	p.name_len = len - p.dir_len;
	return p;
}

static bool
begins(const struct parts *p, const char *prefix)
{
	size_t n = strlen(prefix);

	return p->name_len >= n && memcmp(p->name, prefix, n) == 0;
}

static enum meaning
meaning_of(const struct parts *p)
{
	if (!begins(p, WHITEOUT))
		return PLAIN;
	if (begins(p, OPAQUE) && p->name_len == strlen(OPAQUE))
		return MAKES_OPAQUE;
	return begins(p, AUFS) ? IGNORED : HIDES;
}

int
entry_type_of_name(enum tar_type *out, const char *name, struct err *e)
{
	static const struct {
		const char *name;
		enum tar_type type;
	} types[] = {
		{ "dir", TAR_DIR },
		{ "reg", TAR_FILE },
		{ "symlink", TAR_SYMLINK },
		{ "hardlink", TAR_HARDLINK },
		{ "char", TAR_CHAR },
		{ "block", TAR_BLOCK_DEVICE },
		{ "fifo", TAR_FIFO },
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(name, types[i].name) == 0) {
			*out = types[i].type;
			return 0;
		}
	}
	return err_set(e, EBADMSG, "unknown entry type");
}

bool
entry_has_contents(const struct tar_entry *x)
{
	struct parts p = split(x->path, x->path_len);

	return x->type == TAR_FILE && x->size > 0 && meaning_of(&p) == PLAIN;
}

int
entry_wrap(struct err *e, const char *path, size_t len)
{
	char text[121], *at = text;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = path[i];

		if (at + 5 > text + sizeof text)
			break;
		if (c < ' ' || c == 0x7f || c == '\\')
			at += sprintf(at, "\\x%02x", c);
		else
			*at++ = c;
	}
	*at = 0;
	return err_wrap(e, "entry %s", text);
}

static int
add_whiteout(struct tree *t, const struct tar_entry *x, const struct parts *p,
    struct err *e)
{
	char path[LIMIT_PATH_BYTES];
	size_t skip = strlen(WHITEOUT), n = p->name_len - skip;

	/* "", "." and "..": what it would hide is not in its folder. */
	if (n == 0 || (n <= 2 && memcmp(p->name + skip, "..", n) == 0))
		return err_set(e, EBADMSG, "whiteout of nothing");
	if (p->dir_len + n > sizeof path)
		return err_set(e, EBADMSG, "path too long");
	memcpy(path, x->path, p->dir_len);
	memcpy(path + p->dir_len, p->name + skip, n);
	return tree_add_whiteout(t, path, p->dir_len + n, e);
}

static bool
is_root(const struct tar_entry *x)
{
	for (size_t i = 0; i < x->path_len; i++) {
		bool begins = i == 0 || x->path[i - 1] == '/';
		bool ends = i + 1 == x->path_len || x->path[i + 1] == '/';

		if (x->path[i] != '/' && !(x->path[i] == '.' && begins && ends))
			return false;
	}
	return true;
}

static mode_t
type_bits(enum tar_type type)
{
	switch (type) {
	case TAR_FILE:
	case TAR_HARDLINK:
		return S_IFREG;
	case TAR_SYMLINK:
		return S_IFLNK;
	case TAR_CHAR:
		return S_IFCHR;
	case TAR_BLOCK_DEVICE:
		return S_IFBLK;
	case TAR_DIR:
		return S_IFDIR;
	case TAR_FIFO:
		return S_IFIFO;
	}
	return 0;
}

/* What containerd and podman can say to a file system, which has no time before
 * 1970 or after 2262: they make 1970 of both. */
#define TIME_MAX_S (INT64_MAX / 1000000000)

static void
set_time(struct node_attr *a, const struct tar_entry *x)
{
	if (x->mtime_s < 0 || x->mtime_s >= TIME_MAX_S)
		return;
	a->mtime_s = x->mtime_s;
	a->mtime_ns = x->mtime_ns;
}

static int
set_xattrs(struct tree *t, struct node *n, const struct tar_entry *x,
    uint64_t *dropped, struct err *e)
{
	for (size_t i = 0; i < x->n_xattrs; i++) {
		const struct tar_xattr *a = &x->xattrs[i];

		/* containerd takes no administrator's attributes from an
		 * archive either: they say what the kernel shall trust. */
		if (strncmp(a->name, "trusted.", strlen("trusted.")) == 0) {
			++*dropped;
			continue;
		}
		if (tree_set_xattr(t, n, a->name, a->value, a->len, e) == 0)
			continue;
		if (e->code != ENOTSUP)
			return -1;
		++*dropped;
	}
	return 0;
}

/* What a link's own entry says is said of the file, as unpacking does it; in a table
 * it may say nothing. */
static int
add_hardlink(struct tree *t, const struct tar_entry *x,
    const struct node_attr *a, uint64_t *dropped, struct err *e)
{
	struct node *n;

	if (tree_add_hardlink(
		t, x->path, x->path_len, x->link, x->link_len, e) < 0)
		return -1;
	n = x->mode == 0 ? NULL : tree_find_linked(t, x->path, x->path_len);
	if (n == NULL)
		return 0;
	tree_change(n, a);
	return set_xattrs(t, n, x, dropped, e);
}

static int
add_node(struct tree *t, const struct tar_entry *x, uint64_t content,
    uint64_t *dropped, struct err *e)
{
	bool is_device = x->type == TAR_CHAR || x->type == TAR_BLOCK_DEVICE;
	struct node_attr a = {
		/* Nobody can change a symbolic link's. */
		.mode = type_bits(x->type) |
			(x->type == TAR_SYMLINK ? 0777 : x->mode),
		.uid = x->uid,
		.gid = x->gid,
		.rdev = is_device ? makedev(x->major, x->minor) : 0,
		.size = x->type == TAR_FILE ? x->size : 0,
		.content = content,
	};
	struct node *n;

	set_time(&a, x);
	if (x->type == TAR_HARDLINK)
		return add_hardlink(t, x, &a, dropped, e);
	n = tree_add(t, x->path, x->path_len, &a, e);
	if (n == NULL)
		return -1;
	if (x->type == TAR_SYMLINK &&
	    tree_set_target(t, n, x->link, x->link_len, e) < 0)
		return -1;
	return set_xattrs(t, n, x, dropped, e);
}

int
entry_add(struct tree *t, const struct tar_entry *x, uint64_t content,
    uint64_t *dropped, struct err *e)
{
	struct parts p = split(x->path, x->path_len);

	/* The root is the runtime's: what a layer says of it nobody unpacks. */
	if (x->type == TAR_DIR && is_root(x))
		return 0;
	switch (meaning_of(&p)) {
	case PLAIN:
		return add_node(t, x, content, dropped, e);
	case HIDES:
		return add_whiteout(t, x, &p, e);
	case MAKES_OPAQUE:
		return tree_add_opaque(t, x->path, p.dir_len, e);
	case IGNORED:
		return 0;
	}
	return 0;
}
