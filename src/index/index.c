#include "index/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "index/image.h"
#include "base/err.h"
#include "base/limits.h"

struct index {
	struct image m;
	int fd;
};

/* ---- life ---- */

static int
map_file(struct image *m, int fd, struct err *e)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "index");
	if (st.st_size <= 0 || (uint64_t)st.st_size > LIMIT_INDEX_BYTES)
		return err_set(e, EBADMSG, "no index has %lld bytes",
		    (long long)st.st_size);
	p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "index");
	m->base = p;
	m->size = st.st_size;
	return 0;
}

static void
unmap(struct image *m)
{
	if (m->base != NULL)
		munmap((void *)m->base, m->size);
	image_release(m);
}

struct index *
index_open(int fd, struct err *e)
{
	struct image m = { 0 };
	struct index *x = NULL;

	if (map_file(&m, fd, e) < 0)
		return NULL;
	if (image_check(&m, e) == 0) {
		x = malloc(sizeof *x);
		if (x == NULL)
			err_set(e, ENOMEM, "memory for an index");
	}
	if (x == NULL) {
		unmap(&m);
		return NULL;
	}
	/* The check touched every page; those that nobody reads need not count
	 * as ours. */
	madvise((void *)m.base, m.size, MADV_DONTNEED);
	*x = (struct index){ .m = m, .fd = fd };
	return x;
}

void
index_close(struct index *x)
{
	if (x == NULL)
		return;
	unmap(&x->m);
	close(x->fd);
	free(x);
}

int
index_fd(const struct index *x)
{
	return x->fd;
}

const uint8_t *
index_uuid(const struct index *x)
{
	const struct erofs_super *s =
	    (const void *)(x->m.base + EROFS_SUPER_OFF);

	return s->uuid;
}

void
index_totals(const struct index *x, struct index_totals *out)
{
	*out = x->m.totals;
}

/* ---- inodes ---- */

static const struct erofs_inode *
inode_of_type(const struct index *x, uint64_t nid, mode_t type)
{
	const struct erofs_inode *i = image_inode(&x->m, nid);

	return i != NULL && (i->mode & S_IFMT) == type ? i : NULL;
}

bool
index_stat(const struct index *x, uint64_t nid, struct stat *st)
{
	const struct erofs_inode *i = image_inode(&x->m, nid);

	if (i == NULL)
		return false;
	*st = (struct stat){
		.st_ino = nid,
		.st_mode = i->mode,
		.st_nlink = i->nlink,
		.st_uid = i->uid,
		.st_gid = i->gid,
		.st_size = i->size,
		.st_blksize = EROFS_BLOCK,
		.st_blocks = align_up(i->size, EROFS_BLOCK) / 512,
		.st_mtim = { i->mtime_s, i->mtime_ns },
	};
	st->st_atim = st->st_ctim = st->st_mtim;
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		st->st_rdev = erofs_decode_device(i->what);
	return true;
}

bool
index_is_implied(const struct index *x, uint64_t nid)
{
	const struct erofs_inode *i = inode_of_type(x, nid, S_IFDIR);

	return i != NULL && i->ino == 0;
}

bool
index_read_link(
    const struct index *x, uint64_t nid, const char **target, size_t *len)
{
	const struct erofs_inode *i = inode_of_type(x, nid, S_IFLNK);
	uint32_t n;

	if (i == NULL)
		return false;
	*target = (const char *)inode_block(&x->m, i, 0, &n);
	*len = n;
	return true;
}

static uint64_t
inode_data_off(const struct erofs_inode *i)
{
	return (uint64_t)inode_chunk(i)->block * EROFS_BLOCK;
}

bool
index_file(
    const struct index *x, uint64_t nid, uint64_t *data_off, uint64_t *size)
{
	const struct erofs_inode *i = inode_of_type(x, nid, S_IFREG);

	if (i == NULL)
		return false;
	*size = i->size;
	*data_off = i->size > 0 ? inode_data_off(i) : 0;
	return true;
}

/* ---- folders ---- */

/* The last block whose first name is not past `name`. */
static struct dir_block
find_block(const struct image *m, const struct erofs_inode *dir,
    const char *name, size_t len)
{
	uint32_t low = 0, high = inode_blocks(dir);

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;
		struct dir_block b = dir_block(m, dir, mid);
		size_t first_len;
		const char *first = dir_name(&b, 0, &first_len);

		if (compare_bytes(name, len, first, first_len) < 0)
			high = mid;
		else
			low = mid;
	}
	return dir_block(m, dir, low);
}

static uint64_t
find_entry(const struct dir_block *b, const char *name, size_t len)
{
	uint32_t low = 0, high = b->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		size_t mid_len;
		const char *mid_name = dir_name(b, mid, &mid_len);
		int order = compare_bytes(name, len, mid_name, mid_len);

		if (order == 0)
			return dir_entry(b, mid)->nid;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return 0;
}

uint64_t
index_lookup(const struct index *x, uint64_t dir, const char *name, size_t len)
{
	const struct erofs_inode *i = inode_of_type(x, dir, S_IFDIR);
	struct dir_block b;

	if (i == NULL)
		return 0;
	b = find_block(&x->m, i, name, len);
	return find_entry(&b, name, len);
}

/* A cookie is the place of the next entry; a block has at most 315. */
enum { ENTRY_BITS = 9 };

bool
index_read_dir(const struct index *x, uint64_t dir, uint64_t *cookie,
    struct index_entry *out)
{
	const struct erofs_inode *i = inode_of_type(x, dir, S_IFDIR);
	uint64_t block = *cookie >> ENTRY_BITS;
	uint32_t k = *cookie & ((1u << ENTRY_BITS) - 1);
	struct dir_block b;

	if (i == NULL || block >= inode_blocks(i))
		return false;
	b = dir_block(&x->m, i, block);
	if (k >= b.count)
		return false;
	out->name = dir_name(&b, k, &out->name_len);
	out->nid = dir_entry(&b, k)->nid;
	out->type = erofs_mode_of_type(dir_entry(&b, k)->type);
	*cookie = k + 1 < b.count ? *cookie + 1 : (block + 1) << ENTRY_BITS;
	return true;
}

/* ---- attributes ---- */

int
index_each_xattr(const struct index *x, uint64_t nid,
    int (*fn)(void *ctx, const char *name, const void *value, size_t len),
    void *ctx)
{
	const struct erofs_inode *i = image_inode(&x->m, nid);
	uint32_t at = sizeof(struct erofs_xattr_header), len;
	const uint8_t *p;

	if (i == NULL)
		return -1;
	p = inode_xattrs(i, &len);
	while (at < len) {
		const struct erofs_xattr *d = (const void *)(p + at);
		const uint8_t *suffix = (const uint8_t *)(d + 1);
		char name[LIMIT_NAME_BYTES + 1], *end;
		bool is_whole;
		int r;

		end =
		    stpcpy(name, erofs_xattr_prefix_text(d->prefix, &is_whole));
		memcpy(end, suffix, d->name_len);
		end[d->name_len] = 0;
		r = fn(ctx, name, suffix + d->name_len, d->value_len);
		if (r != 0)
			return r;
		at += align_up(sizeof *d + d->name_len + d->value_len, 4);
	}
	return 0;
}

struct wanted {
	const char *name;
	const void *value;
	size_t len;
};

static int
is_wanted(void *ctx, const char *name, const void *value, size_t len)
{
	struct wanted *w = ctx;

	if (strcmp(name, w->name) != 0)
		return 0;
	w->value = value;
	w->len = len;
	return 1;
}

bool
index_find_xattr(const struct index *x, uint64_t nid, const char *name,
    const void **value, size_t *len)
{
	struct wanted w = { .name = name };

	if (index_each_xattr(x, nid, is_wanted, &w) != 1)
		return false;
	*value = w.value;
	*len = w.len;
	return true;
}

/* ---- for messages: slow ---- */

/* The entry of `dir` that leads to nid, "." and ".." left out. */
static bool
find_in_folder(
    const struct index *x, uint64_t dir, uint64_t nid, struct index_entry *out)
{
	uint64_t cookie = 0;

	while (index_read_dir(x, dir, &cookie, out)) {
		bool is_dots = out->name[0] == '.' &&
			       (out->name_len == 1 ||
				   (out->name_len == 2 && out->name[1] == '.'));

		if (out->nid == nid && !is_dots)
			return true;
	}
	return false;
}

/* A folder that has nid in it, or 0. */
static uint64_t
find_parent(const struct index *x, uint64_t nid, struct index_entry *out)
{
	uint64_t dir = index_lookup(x, nid, "..", 2);

	if (dir != 0)
		return find_in_folder(x, dir, nid, out) ? dir : 0;
	for (dir = image_next(&x->m, 0); dir != 0;
	     dir = image_next(&x->m, dir + 1))
		if (find_in_folder(x, dir, nid, out))
			return dir;
	return 0;
}

char *
index_path(const struct index *x, uint64_t nid)
{
	const size_t max = LIMIT_DEPTH * (LIMIT_NAME_BYTES + 1);
	AUTO_FREE char *path = NULL;
	char *at;

	if (image_inode(&x->m, nid) == NULL)
		return NULL;
	path = malloc(max + 1);
	if (path == NULL)
		return NULL;
	at = path + max;
	*at = 0;
	while (nid != INDEX_ROOT) {
		struct index_entry entry;

		nid = find_parent(x, nid, &entry);
		if (nid == 0)
			return NULL;
		if (*at != 0)
			*--at = '/';
		at -= entry.name_len;
		memcpy(at, entry.name, entry.name_len);
	}
	return strdup(at);
}

uint64_t
index_next(const struct index *x, uint64_t nid)
{
	return image_next(&x->m, nid == 0 ? 0 : nid + 1);
}

uint64_t
index_find_position(const struct index *x, uint64_t data_off)
{
	for (uint64_t nid = index_next(x, 0); nid != 0;
	     nid = index_next(x, nid)) {
		uint64_t off, size;

		if (index_file(x, nid, &off, &size) && data_off >= off &&
		    data_off - off < size)
			return nid;
	}
	return 0;
}
