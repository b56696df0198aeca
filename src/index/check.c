/* Whether an image is what index/erofs.h says, so that readers need not ask
 * again.  Every byte of it may be an enemy's.
 *
 * The walk goes down from the root with a stack of folders.  Each inode and
 * each block claims the slots it lies in, and none may be claimed twice: so
 * inodes and folders do not overlap, no folder is met twice, and the work is
 * linear in the image however it is tied up.
 */
#include <errno.h>
#include <stdlib.h>

#include "index/image.h"
#include "base/err.h"
#include "base/limits.h"

struct folder {
	uint32_t nid;
	uint32_t parent;
	uint32_t depth;
};

struct check {
	struct image *m;
	uint64_t *claimed; /* a bit for each slot, nid 0 the first */
	struct folder *stack;
	size_t n_stack, cap_stack;
	struct err *e;
};

static int
bad(struct check *c, uint64_t nid, const char *why)
{
	return err_set(c->e, EBADMSG, "damaged index: inode %llu: %s",
	    (unsigned long long)nid, why);
}

static bool
claim(struct check *c, uint64_t off, uint64_t len)
{
	uint64_t first = (off - EROFS_META) / EROFS_SLOT;
	uint64_t end = (off - EROFS_META + len + EROFS_SLOT - 1) / EROFS_SLOT;

	if (off < EROFS_META || off > c->m->size || len > c->m->size - off)
		return false;
	for (uint64_t s = first; s < end; s++) {
		uint64_t bit = 1ull << s % 64;

		if (c->claimed[s / 64] & bit)
			return false;
		c->claimed[s / 64] |= bit;
	}
	return true;
}

/* ---- superblock ---- */

static int
check_super(const struct image *m, struct err *e)
{
	const struct erofs_super *s = (const void *)(m->base + EROFS_SUPER_OFF);
	const struct erofs_device *d = (const void *)(s + 1);

	if (s->magic != EROFS_MAGIC)
		return err_set(e, EBADMSG, "not an index");
	if (s->compat != EROFS_COMPAT || s->incompat != EROFS_INCOMPAT ||
	    memcmp(s->label, EROFS_LABEL, sizeof s->label) != 0)
		return err_set(e, EBADMSG, "an index of another kind");
	if (s->checksum != erofs_checksum(m->base))
		return err_set(e, EBADMSG, "damaged index: checksum");
	if (s->block_bits != EROFS_BLOCK_BITS || s->ext_slots != 0 ||
	    s->root_nid != EROFS_ROOT || s->meta_block != EROFS_META_BLOCK ||
	    s->xattr_block != 0 || s->compression != 0 || s->devices != 1 ||
	    s->device_slot != (EROFS_SUPER_OFF + sizeof *s) / sizeof *d ||
	    s->dir_block_bits != 0 || d->uniaddr != 0)
		return err_set(e, EBADMSG, "damaged index: superblock");
	if (s->blocks != m->size / EROFS_BLOCK)
		return err_set(e, EBADMSG,
		    "damaged index: %u blocks in a "
		    "file of %llu bytes",
		    s->blocks, (unsigned long long)m->size);
	return 0;
}

/* ---- parts of an inode ---- */

/* One attribute at p; its padded size, or 0 when it is bad. */
static uint32_t
check_xattr(const uint8_t *p, uint32_t left)
{
	const struct erofs_xattr *x = (const void *)p;
	const char *prefix;
	uint32_t bytes;
	bool is_whole;

	if (left < sizeof *x)
		return 0;
	bytes = align_up(sizeof *x + x->name_len + x->value_len, 4);
	prefix = erofs_xattr_prefix_text(x->prefix, &is_whole);
	if (bytes > left || prefix == NULL || is_whole != (x->name_len == 0) ||
	    strlen(prefix) + x->name_len > LIMIT_NAME_BYTES ||
	    memchr(p + sizeof *x, 0, x->name_len) != NULL)
		return 0;
	return bytes;
}

static int
check_xattrs(struct check *c, uint64_t nid, const struct erofs_inode *i)
{
	const struct erofs_xattr_header *h = (const void *)(i + 1);
	uint32_t len, at = sizeof *h, bytes;
	const uint8_t *p = inode_xattrs(i, &len);

	if (len == 0)
		return 0;
	if (h->shared != 0)
		return bad(c, nid, "shared attributes");
	for (; at < len; at += bytes) {
		bytes = check_xattr(p + at, len - at);
		if (bytes == 0)
			return bad(c, nid, "an attribute");
	}
	c->m->totals.has_xattrs = true;
	return 0;
}

static int
check_file(struct check *c, uint64_t nid, const struct erofs_inode *i)
{
	const struct erofs_chunk *k;
	uint64_t *bytes = &c->m->totals.bytes;
	unsigned bits = i->what & EROFS_CHUNK_BITS;

	if (i->size == 0)
		return i->format == EROFS_PLAIN ? 0 : bad(c, nid, "layout");
	if (i->size > LIMIT_FILE_BYTES ||
	    __builtin_add_overflow(*bytes, i->size, bytes))
		return bad(c, nid, "size");
	if (!inode_is_chunked(i) || i->what != (bits | EROFS_CHUNK_INDEXES) ||
	    (uint64_t)EROFS_BLOCK << bits < i->size)
		return bad(c, nid, "layout");
	k = inode_chunk(i);
	if (k->block_hi != 0 || k->device != EROFS_DATA_DEVICE ||
	    (uint64_t)k->block * EROFS_BLOCK > LIMIT_DATA_BYTES - i->size)
		return bad(c, nid, "place in data");
	return 0;
}

/* A folder's or link's bytes: where they are, not what they say. */
static int
check_content(struct check *c, uint64_t nid, const struct erofs_inode *i)
{
	uint64_t max = S_ISLNK(i->mode) ? LIMIT_LINK_BYTES : c->m->size;
	uint64_t at = EROFS_META + nid * EROFS_SLOT + inode_head(i);
	uint32_t tail = inode_tail(i);

	if (i->size == 0 || i->size > max)
		return bad(c, nid, "size");
	if (i->format != EROFS_PLAIN && tail == 0)
		return bad(c, nid, "layout");
	if (at % EROFS_BLOCK + tail > EROFS_BLOCK)
		return bad(c, nid, "its tail crosses a block");
	if (i->size > tail && !claim(c, (uint64_t)i->what * EROFS_BLOCK,
				  align_up(i->size - tail, EROFS_BLOCK)))
		return bad(c, nid, "its blocks are outside or another's");
	return 0;
}

static int
check_link(struct check *c, uint64_t nid, const struct erofs_inode *i)
{
	uint32_t len;

	if (check_content(c, nid, i) < 0)
		return -1;
	if (memchr(inode_block(c->m, i, 0, &len), 0, i->size) != NULL)
		return bad(c, nid, "a NUL in its target");
	return 0;
}

static int
check_kind(struct check *c, uint64_t nid, const struct erofs_inode *i)
{
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		return check_file(c, nid, i);
	case S_IFDIR:
		return check_content(c, nid, i);
	case S_IFLNK:
		return check_link(c, nid, i);
	default:
		if (i->size != 0 || i->format != EROFS_PLAIN)
			return bad(c, nid, "size");
		return 0;
	}
}

/* An inode met for the first time, whose core is inside the image. */
static int
check_inode(struct check *c, uint64_t nid)
{
	const struct erofs_inode *i = inode_at(c->m, nid);

	if (i->format != EROFS_PLAIN && i->format != EROFS_INLINE &&
	    i->format != EROFS_CHUNKED)
		return bad(c, nid, "layout");
	if (inode_is_chunked(i) && !S_ISREG(i->mode))
		return bad(c, nid, "layout");
	if (erofs_type_of_mode(i->mode) == 0 || i->nb != 0 || i->nlink == 0 ||
	    i->mtime_ns >= 1000000000)
		return bad(c, nid, "core");
	if (!claim(c, EROFS_META + nid * EROFS_SLOT,
		inode_head(i) + inode_tail(i)))
		return bad(c, nid, "outside, or inside another");
	if (check_xattrs(c, nid, i) < 0 || check_kind(c, nid, i) < 0)
		return -1;
	if (++c->m->totals.inodes > LIMIT_ENTRIES)
		return bad(c, nid, "too many");
	c->m->inodes[nid / 64] |= 1ull << nid % 64;
	return 0;
}

/* ---- folders ---- */

static int
push(struct check *c, struct folder f)
{
	if (c->n_stack == c->cap_stack) {
		size_t cap = c->cap_stack ? 2 * c->cap_stack : 64;
		void *p = reallocarray(c->stack, cap, sizeof f);

		if (p == NULL)
			return err_set(c->e, ENOMEM, "memory for folders");
		c->stack = p;
		c->cap_stack = cap;
	}
	c->stack[c->n_stack++] = f;
	return 0;
}

static bool
is_dots(const char *name, size_t len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

static int
check_child(
    struct check *c, const struct folder *f, const struct erofs_dirent *d)
{
	bool is_new;
	const struct erofs_inode *i;

	if (d->nid == 0 || d->nid >= image_nids(c->m) - 1)
		return bad(c, f->nid, "an entry leads outside");
	if (f->depth >= LIMIT_DEPTH)
		return bad(c, f->nid, "too deep");
	i = inode_at(c->m, d->nid);
	if (d->type != erofs_type_of_mode(i->mode))
		return bad(c, f->nid, "an entry's type");
	is_new = image_inode(c->m, d->nid) == NULL;
	if (is_new && check_inode(c, d->nid) < 0)
		return -1;
	if (!S_ISDIR(i->mode))
		return 0;
	if (!is_new)
		return bad(c, d->nid, "a folder in two places");
	return push(c, (struct folder){ d->nid, f->nid, f->depth + 1 });
}

/* "." and "..": is it the one, and does it lead where it must? */
static int
check_dots(struct check *c, const struct folder *f,
    const struct erofs_dirent *d, size_t len)
{
	if (d->nid != (len == 1 ? f->nid : f->parent) ||
	    d->type != erofs_type_of_mode(S_IFDIR))
		return bad(c, f->nid, "'.' or '..'");
	return 0;
}

struct previous {
	const char *name; /* NULL before the first */
	size_t len;
	unsigned dots;
};

/* Entry k's name: inside the block, ascending. */
static int
check_name(struct check *c, const struct folder *f, const struct dir_block *b,
    uint32_t k, struct previous *prev)
{
	uint32_t from = dir_entry(b, k)->nameoff;
	uint32_t to = k + 1 < b->count ? dir_entry(b, k + 1)->nameoff : b->len;
	const char *name = (const char *)b->p + from;
	size_t len;

	if (from < b->count * sizeof(struct erofs_dirent) || from >= to ||
	    to > b->len)
		return bad(c, f->nid, "a name outside its block");
	len = strnlen(name, to - from);
	if (len == 0 || len > LIMIT_NAME_BYTES ||
	    (k + 1 < b->count && len != to - from) ||
	    memchr(name, '/', len) != NULL)
		return bad(c, f->nid, "a name");
	if (prev->name != NULL &&
	    compare_bytes(prev->name, prev->len, name, len) >= 0)
		return bad(c, f->nid, "names out of order");
	prev->name = name;
	prev->len = len;
	return 0;
}

static int
check_block(struct check *c, const struct folder *f, uint32_t number,
    struct previous *prev)
{
	const size_t unit = sizeof(struct erofs_dirent);
	const struct erofs_inode *i = inode_at(c->m, f->nid);
	struct dir_block b;
	uint32_t names;

	b.p = inode_block(c->m, i, number, &b.len);
	if (b.len < unit)
		return bad(c, f->nid, "a block too short");
	names = dir_entry(&b, 0)->nameoff;
	if (names < unit || names % unit != 0 || names >= b.len)
		return bad(c, f->nid, "a block's first name");
	b.count = names / unit;
	for (uint32_t k = 0; k < b.count; k++) {
		const struct erofs_dirent *d = dir_entry(&b, k);
		int r;

		if (check_name(c, f, &b, k, prev) < 0)
			return -1;
		if (is_dots(prev->name, prev->len)) {
			prev->dots++;
			r = check_dots(c, f, d, prev->len);
		} else {
			r = check_child(c, f, d);
		}
		if (r < 0)
			return -1;
	}
	return 0;
}

static int
check_folder(struct check *c, const struct folder *f)
{
	uint32_t n = inode_blocks(inode_at(c->m, f->nid));
	struct previous prev = { 0 };

	for (uint32_t b = 0; b < n; b++)
		if (check_block(c, f, b, &prev) < 0)
			return -1;
	if (prev.dots != 2)
		return bad(c, f->nid, "no '.' or '..'");
	return 0;
}

/* ---- the whole ---- */

static int
check_tree(struct check *c)
{
	const struct erofs_super *s =
	    (const void *)(c->m->base + EROFS_SUPER_OFF);

	if (!S_ISDIR(inode_at(c->m, EROFS_ROOT)->mode))
		return bad(c, EROFS_ROOT, "the root is not a folder");
	if (check_inode(c, EROFS_ROOT) < 0 ||
	    push(c, (struct folder){ EROFS_ROOT, EROFS_ROOT, 0 }) < 0)
		return -1;
	while (c->n_stack > 0) {
		struct folder f = c->stack[--c->n_stack];

		if (check_folder(c, &f) < 0)
			return -1;
	}
	if (s->inodes != c->m->totals.inodes)
		return err_set(c->e, EBADMSG,
		    "damaged index: not all inodes are in a folder");
	return 0;
}

int
image_check(struct image *m, struct err *e)
{
	AUTO_FREE uint64_t *claimed = NULL;
	struct check c = { .m = m, .e = e };
	int r;

	if (m->size < 2 * EROFS_BLOCK || m->size % EROFS_BLOCK != 0 ||
	    m->size > LIMIT_INDEX_BYTES)
		return err_set(e, EBADMSG, "no index has %llu bytes",
		    (unsigned long long)m->size);
	if (check_super(m, e) < 0)
		return -1;
	m->inodes = calloc(image_nids(m) / 64, sizeof m->inodes[0]);
	c.claimed = claimed = calloc(image_nids(m) / 64, sizeof claimed[0]);
	if (m->inodes == NULL || claimed == NULL)
		return err_set(e, ENOMEM, "memory for an index");
	m->totals = (struct index_totals){ .index_bytes = m->size };
	r = check_tree(&c);
	free(c.stack);
	return r;
}

void
image_release(struct image *m)
{
	free(m->inodes);
	m->inodes = NULL;
}

uint64_t
image_next(const struct image *m, uint64_t nid)
{
	for (; nid < image_nids(m); nid = (nid / 64 + 1) * 64) {
		uint64_t word = m->inodes[nid / 64] >> nid % 64;

		if (word != 0)
			return nid + __builtin_ctzll(word);
	}
	return 0;
}
