/* Images that are not what they should be: each is a good one with one thing
 * changed and the checksum made right again.  And images that travelled. */
#include "index/erofs.h"
#include "index/test_support.h"

/* root: long (a link with a block of its own), d/f, d/x (with xattrs), l. */
struct image {
	uint8_t *p;
	size_t n;
	struct erofs_super *super;
	struct erofs_inode *root, *d, *f, *l, *x;
};

static struct erofs_inode *
inode(struct image *m, uint64_t nid)
{
	return (void *)(m->p + EROFS_META + nid * EROFS_SLOT);
}

static struct image
good_image(void)
{
	struct tree *t = new_tree();
	char target[LIMIT_LINK_BYTES + 1] = { 0 };
	struct image m;
	struct err e;
	struct node *n;

	memset(target, 't', LIMIT_LINK_BYTES);
	add_link(t, "long", target);
	add_link(t, "l", "short");
	add_file(t, "d/f", 5000);
	add_file(t, "d/g", 6000);
	n = add_file(t, "d/x", 5000);
	assert_int_equal(tree_set_xattr(t, n, "user.k", "value", 5, &e), 0);
	assert_int_equal(tree_finish(t, &e), 0);

	int fd = write_tree(t);
	AUTO_INDEX struct index *x = index_open(fd, &e);

	assert_non_null(x);
	tree_free(t);
	m.p = read_image(fd, &m.n);
	m.super = (void *)(m.p + EROFS_SUPER_OFF);
	m.root = inode(&m, INDEX_ROOT);
	m.d = inode(&m, find(x, "d"));
	m.f = inode(&m, find(x, "d/f"));
	m.x = inode(&m, find(x, "d/x"));
	m.l = inode(&m, find(x, "l"));
	return m;
}

static struct index *
open_image(const struct image *m, struct err *e)
{
	int fd = memfd_create("index", MFD_CLOEXEC);
	struct index *x;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, m->p, m->n), m->n);
	x = index_open(fd, e);
	if (x == NULL)
		close(fd);
	return x;
}

/* Refused, and the image is freed. */
static void
assert_damaged(struct image *m)
{
	struct err e;

	m->super->checksum = erofs_checksum(m->p);
	assert_null_with(open_image(m, &e), e, EBADMSG);
	free(m->p);
}

/* A good image with one change. */
#define DAMAGED(change)                        \
	do {                                   \
		struct image m = good_image(); \
		change;                        \
		assert_damaged(&m);            \
	} while (0)

static struct erofs_dirent *
entry(struct erofs_inode *dir, unsigned k)
{
	return (struct erofs_dirent *)(dir + 1) + k;
}

/* d's entries: . .. f g x */
enum { DOT, DOT_DOT, F, G, X };

static char *
name_of(struct erofs_inode *dir, unsigned k)
{
	return (char *)(dir + 1) + entry(dir, k)->nameoff;
}

/* ---- the whole ---- */

static void
the_good_image_is_good(void **state)
{
	struct image m = good_image();
	struct err e = ERR_INIT;
	AUTO_INDEX struct index *x = open_image(&m, &e);

	(void)state;
	assert_string_equal(e.msg, "");
	assert_non_null(x);
	free(m.p);
}

static void
an_image_of_another_size_is_refused(void **state)
{
	(void)state;
	DAMAGED(m.n -= 4096);
	DAMAGED(m.n -= 1);
	DAMAGED(m.n = 4096);
	DAMAGED(m.n = 100);
	DAMAGED(m.n = 0);
	DAMAGED(m.super->blocks++);
}

static void
another_kind_of_image_is_refused(void **state)
{
	(void)state;
	DAMAGED(m.super->magic++);
	DAMAGED(m.super->compat = 0);
	DAMAGED(m.super->incompat |= 1);
	DAMAGED(m.super->label[14] = '2');
	DAMAGED(m.super->block_bits = 9);
	DAMAGED(m.super->ext_slots = 1);
	DAMAGED(m.super->root_nid = 3);
	DAMAGED(m.super->meta_block = 0);
	DAMAGED(m.super->devices = 2);
	DAMAGED(m.super->device_slot = 0);
	DAMAGED(m.super->dir_block_bits = 1);
	DAMAGED(m.super->inodes++);
	DAMAGED(((struct erofs_device *)(m.super + 1))->uniaddr = 1);
}

static void
a_wrong_checksum_is_refused(void **state)
{
	struct image m = good_image();
	struct err e;

	(void)state;
	m.super->uuid[0] ^= 1;
	assert_null_with(open_image(&m, &e), e, EBADMSG);
	free(m.p);
}

/* ---- inodes ---- */

static void
a_bad_core_is_refused(void **state)
{
	(void)state;
	DAMAGED(m.f->format = 0); /* compact */
	DAMAGED(m.f->format |= 1 << 4);
	DAMAGED(m.f->format = EROFS_PLAIN);
	DAMAGED(m.d->format = EROFS_CHUNKED);
	DAMAGED(m.d->format = EROFS_PLAIN);
	DAMAGED(m.f->mode = 0644);
	DAMAGED(m.f->mode = S_IFDIR | 0755);
	DAMAGED(m.f->nb = 1);
	DAMAGED(m.f->nlink = 0);
	DAMAGED(m.f->mtime_ns = 1000000000);
	DAMAGED(m.root->mode = S_IFREG);
}

static void
a_bad_place_in_data_is_refused(void **state)
{
	(void)state;
	DAMAGED(((struct erofs_chunk *)(m.f + 1))->device = 0);
	DAMAGED(((struct erofs_chunk *)(m.f + 1))->device = 2);
	DAMAGED(((struct erofs_chunk *)(m.f + 1))->block_hi = 1);
	DAMAGED(((struct erofs_chunk *)(m.f + 1))->block = UINT32_MAX);
	DAMAGED(m.f->size = 8193); /* more than the chunk */
	DAMAGED(m.f->size = LIMIT_FILE_BYTES + 1);
	DAMAGED(m.f->size = 0); /* chunked, and empty */
	DAMAGED(m.f->what &= ~EROFS_CHUNK_INDEXES);
	DAMAGED(m.f->what |= 0x40);
}

static void
sizes_past_every_limit_are_refused(void **state)
{
	(void)state;
	DAMAGED(m.f->size = UINT64_MAX);
	DAMAGED(m.d->size = UINT64_MAX);
	DAMAGED(m.l->size = UINT64_MAX);
}

static void
a_bad_link_is_refused(void **state)
{
	(void)state;
	DAMAGED(m.l->size = 0);
	DAMAGED(m.l->size = 4096);
	DAMAGED(m.l->size = 4095); /* its tail would cross a block */
	DAMAGED(((char *)(m.l + 1))[2] = 0);
	DAMAGED(m.l->format = EROFS_PLAIN);                /* block 0 */
	DAMAGED(m.l->format = EROFS_PLAIN; m.l->what = 1); /* the inodes */
	DAMAGED(m.l->format = EROFS_PLAIN; m.l->what = 2); /* `long`'s */
	DAMAGED(m.l->format = EROFS_PLAIN; m.l->what = 3); /* outside */
	DAMAGED(m.l->format = EROFS_PLAIN; m.l->what = UINT32_MAX);
}

static void
bad_attributes_are_refused(void **state)
{
	(void)state;
	struct erofs_xattr_header *h;
	struct erofs_xattr *a;

#define ATTR(change)                               \
	DAMAGED({                                  \
		h = (void *)(m.x + 1);             \
		a = (void *)(h + 1);               \
		assert_int_equal(a->value_len, 5); \
		change;                            \
	})
	ATTR(h->shared = 1);
	ATTR(a->prefix = 0);
	ATTR(a->prefix = 5);
	ATTR(a->prefix = 2); /* an ACL has no more name */
	ATTR(a->name_len = 0);
	ATTR(a->name_len = 255);
	ATTR(*(char *)(a + 1) = 0);
	ATTR(a->value_len = 8);
	ATTR(a->value_len = UINT16_MAX);
	ATTR(m.x->xattr_count = UINT16_MAX);
	ATTR(m.x->xattr_count++);
#undef ATTR
}

/* ---- folders ---- */

static void
a_bad_entry_is_refused(void **state)
{
	(void)state;
	DAMAGED(entry(m.d, F)->nid = 0);
	DAMAGED(entry(m.d, F)->nid = UINT64_MAX);
	DAMAGED(entry(m.d, F)->nid = (m.n - EROFS_META) / EROFS_SLOT - 1);
	DAMAGED(entry(m.d, F)->nid++); /* inside an inode */
	DAMAGED(entry(m.d, F)->type = 2);
	DAMAGED(entry(m.d, F)->type = 0);
	DAMAGED(entry(m.d, F)->type = 200);
}

static void
dots_that_lead_elsewhere_are_refused(void **state)
{
	(void)state;
	DAMAGED(entry(m.d, DOT)->nid = INDEX_ROOT);
	DAMAGED(entry(m.d, DOT_DOT)->nid = entry(m.d, DOT)->nid);
	DAMAGED(entry(m.d, DOT)->type = 1);
	DAMAGED(name_of(m.d, DOT_DOT)[1] = 'a');
}

static void
a_folder_in_two_places_is_refused(void **state)
{
	(void)state;
	DAMAGED({
		entry(m.d, F)->nid = INDEX_ROOT;
		entry(m.d, F)->type = 2;
	});
	DAMAGED({
		entry(m.d, F)->nid = entry(m.d, DOT)->nid;
		entry(m.d, F)->type = 2;
	});
}

static void
bad_names_are_refused(void **state)
{
	(void)state;
	DAMAGED(*name_of(m.d, F) = 'g'); /* twice */
	DAMAGED(*name_of(m.d, F) = 'h'); /* out of order */
	DAMAGED(*name_of(m.d, F) = '/');
	DAMAGED(*name_of(m.d, F) = 0);
	DAMAGED(*name_of(m.d, X) = 0);
	DAMAGED(entry(m.d, DOT)->nameoff = 0);
	DAMAGED(entry(m.d, DOT)->nameoff = 13);
	DAMAGED(entry(m.d, DOT)->nameoff = 12 * 300);
	DAMAGED(entry(m.d, G)->nameoff = entry(m.d, F)->nameoff);
	DAMAGED(entry(m.d, G)->nameoff = 0);
	DAMAGED(entry(m.d, X)->nameoff = UINT16_MAX);
	DAMAGED(m.d->size = 11);
	DAMAGED(m.d->size--); /* the last name's */
	DAMAGED(m.d->size = 0);
}

static void
a_name_may_not_be_longer_than_the_limit(void **state)
{
	(void)state;
	/* The last name runs on to the size's end, over inodes that are made
	 * unreachable: a..., 256 bytes. */
	DAMAGED({
		struct erofs_inode *d = m.d;

		memset(name_of(d, X), 'x', 256);
		d->size = entry(d, X)->nameoff + 256;
	});
}

static void
a_missing_inode_count_is_noticed(void **state)
{
	(void)state;
	DAMAGED({
		m.d->size = m.d->size - 1;
		memset(name_of(m.d, X), 0, 1);
	});
}

/* ---- images that travelled ---- */

static uint64_t
shift(void *ctx, uint64_t data_off, uint64_t size)
{
	assert_true(size == 5000 || size == 6000);
	return data_off + *(uint64_t *)ctx;
}

static void
relocation_moves_every_file(void **state)
{
	struct image m = good_image();
	uint64_t by = 1ull << 40, off, size;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(index_relocate(m.p, m.n, shift, &by, &e), 0);

	AUTO_INDEX struct index *x = open_image(&m, &e);

	assert_non_null(x);
	assert_true(index_file(x, find(x, "d/f"), &off, &size));
	assert_int_equal(off, by + 5000 * 4096);
	assert_true(index_file(x, find(x, "d/g"), &off, &size));
	assert_int_equal(off, by + 6000 * 4096);
	free(m.p);
}

static void
relocation_refuses_what_is_no_place(void **state)
{
	struct image m = good_image();
	uint64_t bys[] = { 1, LIMIT_DATA_BYTES, UINT64_MAX - 4095 };
	struct err e;

	(void)state;
	assert_fails(index_relocate(m.p, m.n, shift, &bys[0], &e), e, EFBIG);
	assert_fails(index_relocate(m.p, m.n, shift, &bys[1], &e), e, EFBIG);
	m.d->size--;
	assert_fails(index_relocate(m.p, m.n, shift, &bys[0], &e), e, EBADMSG);
	free(m.p);
}

/* ---- every byte ---- */

static void
use(const struct index *x)
{
	struct index_totals n;
	struct stat st;

	index_totals(x, &n);
	for (uint64_t nid = 0; nid <= n.index_bytes / EROFS_SLOT; nid++) {
		struct index_entry entry;
		uint64_t cookie = 0;
		const char *target;
		size_t len;

		while (index_read_dir(x, nid, &cookie, &entry))
			assert_true(index_stat(x, entry.nid, &st));
		index_read_link(x, nid, &target, &len);
	}
}

static void
no_changed_byte_does_harm(void **state)
{
	struct image m = good_image();

	(void)state;
	for (size_t i = 1024; i < m.n; i++) {
		if (i == 2 * EROFS_BLOCK) /* the rest is a link's target */
			break;
		for (int bit = 0; bit < 8; bit += 3) {
			struct err e;
			struct index *x;

			m.p[i] ^= 1 << bit;
			m.super->checksum = erofs_checksum(m.p);
			x = open_image(&m, &e);
			if (x != NULL)
				use(x);
			index_close(x);
			m.p[i] ^= 1 << bit;
			if (i > 1300 && i < EROFS_BLOCK)
				break; /* zeros before the inodes */
		}
	}
	free(m.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_good_image_is_good),
		cmocka_unit_test(an_image_of_another_size_is_refused),
		cmocka_unit_test(another_kind_of_image_is_refused),
		cmocka_unit_test(a_wrong_checksum_is_refused),
		cmocka_unit_test(a_bad_core_is_refused),
		cmocka_unit_test(a_bad_place_in_data_is_refused),
		cmocka_unit_test(sizes_past_every_limit_are_refused),
		cmocka_unit_test(a_bad_link_is_refused),
		cmocka_unit_test(bad_attributes_are_refused),
		cmocka_unit_test(a_bad_entry_is_refused),
		cmocka_unit_test(dots_that_lead_elsewhere_are_refused),
		cmocka_unit_test(a_folder_in_two_places_is_refused),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(a_name_may_not_be_longer_than_the_limit),
		cmocka_unit_test(a_missing_inode_count_is_noticed),
		cmocka_unit_test(relocation_moves_every_file),
		cmocka_unit_test(relocation_refuses_what_is_no_place),
		cmocka_unit_test(no_changed_byte_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
