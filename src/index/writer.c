#include "index/writer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "index/erofs.h"
#include "index/layout.h"
#include "index/tree_node.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

/* ---- a stream into the file, in the order of its bytes ---- */

enum { BUFFER_BYTES = 256 << 10 };

struct out {
	int fd;
	uint64_t off; /* of the buffer's first byte */
	size_t len;
	uint8_t *buffer;
	bool has_failed; /* then *e says why, and nothing more is written */
	struct err *e;
};

static void
flush(struct out *o)
{
	if (!o->has_failed &&
	    fs_pwrite(o->fd, o->buffer, o->len, o->off, o->e) < 0)
		o->has_failed = true;
	o->off += o->len;
	o->len = 0;
}

/* NULL: zeros. */
static void
put(struct out *o, const void *p, size_t n)
{
	while (n > 0) {
		size_t some = min_u64(n, BUFFER_BYTES - o->len);

		if (p == NULL) {
			memset(o->buffer + o->len, 0, some);
		} else {
			memcpy(o->buffer + o->len, p, some);
			p = (const uint8_t *)p + some;
		}
		o->len += some;
		n -= some;
		if (o->len == BUFFER_BYTES)
			flush(o);
	}
}

static void
pad_to(struct out *o, uint64_t off)
{
	assert(off >= o->off + o->len);
	put(o, NULL, off - (o->off + o->len));
}

static void
align(struct out *o, uint64_t unit)
{
	pad_to(o, align_up(o->off + o->len, unit));
}

/* ---- block 0 ---- */

static void
put_block0(
    struct out *o, const struct layout *l, const struct index_options *opt)
{
	uint8_t block[EROFS_BLOCK] = { 0 };
	struct erofs_super s = {
		.magic = EROFS_MAGIC,
		.compat = EROFS_COMPAT,
		.block_bits = EROFS_BLOCK_BITS,
		.root_nid = EROFS_ROOT,
		.inodes = l->n_places,
		.blocks = l->size / EROFS_BLOCK,
		.meta_block = EROFS_META_BLOCK,
		.label = EROFS_LABEL,
		.incompat = EROFS_INCOMPAT,
		.devices = 1,
		.device_slot =
		    (EROFS_SUPER_OFF + sizeof s) / sizeof(struct erofs_device),
	};
	struct erofs_device d = {
		.blocks = min_u64(opt->data_blocks, UINT32_MAX),
	};

	memcpy(s.uuid, opt->uuid, sizeof s.uuid);
	memcpy(block + EROFS_SUPER_OFF, &s, sizeof s);
	memcpy(block + EROFS_SUPER_OFF + sizeof s, &d, sizeof d);
	s.checksum = erofs_checksum(block);
	memcpy(block + EROFS_SUPER_OFF, &s, sizeof s);
	put(o, block, sizeof block);
}

/* ---- inodes ---- */

static void
put_xattrs(struct out *o, const struct node *n)
{
	const struct erofs_xattr_header h = { 0 };
	const struct xattr *x = n->xattrs;

	if (x == NULL)
		return;
	put(o, &h, sizeof h);
	do {
		x = x->next;
		struct erofs_xattr d = {
			.name_len = x->name_len,
			.prefix = x->prefix,
			.value_len = x->value_len,
		};

		put(o, &d, sizeof d);
		put(o, x->name, x->name_len);
		put(o, x->value, x->value_len);
		align(o, 4);
	} while (x != n->xattrs);
}

static void
put_place(struct out *o, const struct node *n, const struct index_options *opt)
{
	uint64_t off = n->content;
	struct erofs_chunk c = { 0 };

	if (opt->data_off != NULL)
		off = opt->data_off(opt->ctx, off);
	if (!erofs_encode_place(&c, off, n->size) && !o->has_failed) {
		o->has_failed = true;
		err_set(o->e, EFBIG, "%llu bytes at %llu: no place in data",
		    (unsigned long long)n->size, (unsigned long long)off);
	}
	align(o, sizeof c);
	put(o, &c, sizeof c);
}

static uint32_t
what(const struct place *p)
{
	const struct node *n = p->node;

	if (S_ISCHR(n->mode) || S_ISBLK(n->mode))
		return erofs_encode_device(n->rdev);
	if (S_ISREG(n->mode) && n->size > 0)
		return erofs_chunk_bits(n->size) | EROFS_CHUNK_INDEXES;
	return p->block;
}

static uint16_t
format(const struct place *p)
{
	if (S_ISREG(p->node->mode) && p->size > 0)
		return EROFS_CHUNKED;
	return p->tail > 0 ? EROFS_INLINE : EROFS_PLAIN;
}

static void
put_core(struct out *o, const struct place *p, uint32_t ino)
{
	const struct node *n = p->node;
	struct erofs_inode d = {
		.format = format(p),
		.mode = n->mode,
		.size = p->size,
		.what = what(p),
		.ino = ino,
		.uid = n->uid,
		.gid = n->gid,
		.mtime_s = n->mtime_s,
		.mtime_ns = n->mtime_ns,
		.nlink = n->nlink,
	};

	if (n->xattr_bytes > 0)
		d.xattr_count =
		    (n->xattr_bytes - sizeof(struct erofs_xattr_header)) / 4 +
		    1;
	put(o, &d, sizeof d);
}

/* ---- folders and links ---- */

static void
put_folder_block(struct out *o, const struct layout *l,
    const struct node *folder, uint32_t first, uint32_t n)
{
	struct name *const *names = folder->names + first;
	uint32_t off = n * sizeof(struct erofs_dirent);

	for (uint32_t i = 0; i < n; i++) {
		struct erofs_dirent d = {
			.nid = l->nids[names[i]->node->number],
			.nameoff = off,
			.type = erofs_type_of_mode(names[i]->node->mode),
		};

		put(o, &d, sizeof d);
		off += names[i]->len;
	}
	for (uint32_t i = 0; i < n; i++)
		put(o, names[i]->text, names[i]->len);
}

/* The folder's whole blocks, or its tail: the last names. */
static void
put_folder(
    struct out *o, const struct layout *l, const struct place *p, bool tail)
{
	const struct node *folder = p->node;
	uint32_t used, n;

	for (uint32_t i = 0; i < folder->size; i += n) {
		n = layout_fill_block(folder, i, &used);
		bool is_tail = p->tail > 0 && i + n == folder->size;

		if (is_tail != tail)
			continue;
		put_folder_block(o, l, folder, i, n);
		if (!is_tail)
			align(o, EROFS_BLOCK);
	}
}

static void
put_content(
    struct out *o, const struct layout *l, const struct place *p, bool tail)
{
	if (S_ISDIR(p->node->mode)) {
		put_folder(o, l, p, tail);
		return;
	}
	put(o, p->node->target, p->size);
	if (!tail)
		align(o, EROFS_BLOCK);
}

static void
put_inodes(
    struct out *o, const struct layout *l, const struct index_options *opt)
{
	uint32_t ino = 0;

	for (uint32_t i = 0; i < l->n_places; i++) {
		const struct place *p = &l->places[i];
		const struct node *n = p->node;

		ino++;
		pad_to(o, EROFS_META + (uint64_t)p->nid * EROFS_SLOT);
		put_core(o, p, n->flags & NODE_IMPLIED ? 0 : ino);
		put_xattrs(o, n);
		if (S_ISREG(n->mode) && n->size > 0)
			put_place(o, n, opt);
		else if (p->tail > 0)
			put_content(o, l, p, true);
	}
	align(o, EROFS_BLOCK);
}

static void
put_blocks(struct out *o, const struct layout *l)
{
	for (uint32_t i = 0; i < l->n_places; i++) {
		const struct place *p = &l->places[i];

		if (p->block == 0)
			continue;
		pad_to(o, (uint64_t)p->block * EROFS_BLOCK);
		put_content(o, l, p, false);
	}
}

int
index_write(const struct tree *t, const struct index_options *opt, int fd,
    struct err *e)
{
	AUTO_LAYOUT struct layout l = { 0 };
	AUTO_FREE uint8_t *buffer = malloc(BUFFER_BYTES);
	struct out o = { .fd = fd, .buffer = buffer, .e = e };

	assert(t->is_finished);
	if (buffer == NULL)
		return err_set(e, ENOMEM, "memory for an index");
	if (layout_make(&l, t, e) < 0)
		return -1;
	put_block0(&o, &l, opt);
	put_inodes(&o, &l, opt);
	put_blocks(&o, &l);
	flush(&o);
	assert(o.off == l.size);
	return o.has_failed ? -1 : 0;
}
