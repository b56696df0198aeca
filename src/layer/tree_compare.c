#include "layer/tree_compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "index/index.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"

/* A content of the store that was compared. */
struct compared {
	struct hnode node;
	uint64_t data_off;
	struct digest digest;
};

struct comparing {
	const struct tree_comparison *q;
	struct buf path;
	struct hmap compared;
	uint8_t *room; /* STEP_BYTES */
	struct err *e;
};

#define STEP_BYTES MIB(1)

static int
differs(struct comparing *c, const char *what)
{
	return err_set(c->e, EBADMSG, "/%.300s: %s", buf_str(&c->path), what);
}

/* ---- contents ---- */

static int
hash_stored(struct comparing *c, uint64_t off, uint64_t size, struct digest *d)
{
	AUTO_HASHER struct hasher *h = hasher_new();

	for (uint64_t at = 0; at < size; at += STEP_BYTES) {
		size_t n = min_u64(STEP_BYTES, size - at);

		if (store_read(c->q->store, c->room, n, off + at, c->e) < 0)
			return -1;
		hasher_update(h, c->room, n);
	}
	hasher_end(h, d);
	return 0;
}

static const struct compared *
find_compared(const struct comparing *c, uint64_t data_off)
{
	hmap_for_each_match(&c->compared, hash_u64(data_off), n) {
		const struct compared *x =
		    container_of(n, struct compared, node);

		if (x->data_off == data_off)
			return x;
	}
	return NULL;
}

/* Of bytes that many files share once. */
static const struct digest *
stored_digest(struct comparing *c, uint64_t off, uint64_t size)
{
	const struct compared *known = find_compared(c, off);
	struct compared *x;

	if (known != NULL)
		return &known->digest;
	x = calloc(1, sizeof *x);
	if (x == NULL) {
		err_set(c->e, ENOMEM, "comparing trees");
		return NULL;
	}
	x->data_off = off;
	if (hash_stored(c, off, size, &x->digest) < 0) {
		free(x);
		return NULL;
	}
	hmap_insert(&c->compared, &x->node, hash_u64(off));
	return &x->digest;
}

static int
compare_contents(struct comparing *c, uint64_t want, uint64_t shown)
{
	const struct digest *right, *stored;
	uint64_t want_off, shown_off, size, shown_size;

	if (!index_file(c->q->want, want, &want_off, &size) ||
	    !index_file(c->q->shown, shown, &shown_off, &shown_size) ||
	    size != shown_size)
		return differs(c, "another size");
	if (size == 0)
		return 0;
	right = c->q->digest_of(c->q->ctx, want_off);
	stored = stored_digest(c, shown_off, size);
	if (stored == NULL)
		return -1;
	if (right == NULL || !digest_equal(right, stored))
		return differs(c, "other contents");
	return 0;
}

/* ---- attributes ---- */

struct xattrs {
	const struct index *other;
	uint64_t nid; /* there */
	unsigned n;
};

static int
find_same(void *ctx, const char *name, const void *value, size_t len)
{
	struct xattrs *x = ctx;
	const void *other;
	size_t n;

	x->n++;
	return !index_find_xattr(x->other, x->nid, name, &other, &n) ||
	       n != len || memcmp(value, other, n) != 0;
}

static int
count_xattr(void *ctx, const char *name, const void *value, size_t len)
{
	(void)name, (void)value, (void)len;
	++*(unsigned *)ctx;
	return 0;
}

static int
compare_xattrs(struct comparing *c, uint64_t want, uint64_t shown)
{
	struct xattrs x = { c->q->shown, shown, 0 };
	unsigned n = 0;

	if (index_each_xattr(c->q->want, want, find_same, &x) != 0)
		return differs(c, "other extended attributes");
	index_each_xattr(c->q->shown, shown, count_xattr, &n);
	return n == x.n ? 0 : differs(c, "other extended attributes");
}

static int
compare_links(struct comparing *c, uint64_t want, uint64_t shown)
{
	const char *a, *b;
	size_t n, m;

	if (!index_read_link(c->q->want, want, &a, &n) ||
	    !index_read_link(c->q->shown, shown, &b, &m) || n != m ||
	    memcmp(a, b, n) != 0)
		return differs(c, "another target");
	return 0;
}

static int
compare_stats(
    struct comparing *c, const struct stat *want, const struct stat *shown)
{
	if (want->st_mode != shown->st_mode)
		return differs(c, "another type or mode");
	if (want->st_uid != shown->st_uid || want->st_gid != shown->st_gid)
		return differs(c, "another owner");
	if (want->st_rdev != shown->st_rdev)
		return differs(c, "another device");
	/* Of a folder its names say it. */
	if (!S_ISDIR(want->st_mode) && want->st_nlink != shown->st_nlink)
		return differs(c, "another number of links");
	if (want->st_mtim.tv_sec != shown->st_mtim.tv_sec ||
	    want->st_mtim.tv_nsec != shown->st_mtim.tv_nsec)
		return differs(c, "another time");
	return 0;
}

/* ---- trees ---- */

static int compare_inodes(struct comparing *c, uint64_t want, uint64_t shown);

static bool
next_name(const struct index *x, uint64_t dir, uint64_t *cookie,
    struct index_entry *out)
{
	while (index_read_dir(x, dir, cookie, out))
		if (out->name[0] != '.' || out->name_len > 2 ||
		    (out->name_len == 2 && out->name[1] != '.'))
			return true;
	return false;
}

static int
compare_entry(struct comparing *c, const struct index_entry *want,
    const struct index_entry *shown)
{
	size_t len = c->path.len;
	int rc;

	if ((len > 0 && buf_append(&c->path, "/", 1, c->e) < 0) ||
	    buf_append(&c->path, want->name, want->name_len, c->e) < 0)
		return -1;
	if (shown == NULL || want->name_len != shown->name_len ||
	    memcmp(want->name, shown->name, want->name_len) != 0)
		return differs(c, "only in one of them");
	rc = compare_inodes(c, want->nid, shown->nid);
	c->path.len = len;
	return rc;
}

/* Names are in one order in both. */
static int
compare_folders(struct comparing *c, uint64_t want, uint64_t shown)
{
	uint64_t at = 0, shown_at = 0;
	struct index_entry x, y;

	while (next_name(c->q->want, want, &at, &x)) {
		bool has = next_name(c->q->shown, shown, &shown_at, &y);

		if (compare_entry(c, &x, has ? &y : NULL) < 0)
			return -1;
	}
	return next_name(c->q->shown, shown, &shown_at, &y)
		   ? compare_entry(c, &y, NULL)
		   : 0;
}

static int
compare_inodes(struct comparing *c, uint64_t want, uint64_t shown)
{
	struct stat a, b;

	if (!index_stat(c->q->want, want, &a) ||
	    !index_stat(c->q->shown, shown, &b))
		return differs(c, "no inode");
	if (compare_stats(c, &a, &b) < 0 || compare_xattrs(c, want, shown) < 0)
		return -1;
	if (S_ISREG(a.st_mode))
		return compare_contents(c, want, shown);
	if (S_ISLNK(a.st_mode))
		return compare_links(c, want, shown);
	if (!S_ISDIR(a.st_mode))
		return 0;
	if (index_is_implied(c->q->want, want) !=
	    index_is_implied(c->q->shown, shown))
		return differs(c, "a folder that only one has an entry for");
	return compare_folders(c, want, shown);
}

static void
release(struct comparing *c)
{
	struct hnode *n;

	while ((n = hmap_any(&c->compared)) != NULL) {
		hmap_remove(&c->compared, n);
		free(container_of(n, struct compared, node));
	}
	hmap_release(&c->compared);
	buf_release(&c->path);
	free(c->room);
}

int
tree_compare(const struct tree_comparison *q, struct err *e)
{
	CLEANUP(release)
	struct comparing c = {
		.q = q,
		.path = BUF_INIT(LIMIT_PATH_BYTES),
		.room = malloc(STEP_BYTES),
		.e = e,
	};

	if (c.room == NULL)
		return err_set(e, ENOMEM, "comparing trees");
	return compare_inodes(&c, INDEX_ROOT, INDEX_ROOT);
}
