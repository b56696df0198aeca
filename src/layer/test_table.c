#include "layer/audits.h"
#include "layer/distrust.h"
#include "layer/layer.h"
#include "layer/testing.h"
#include "format/layer_index.h"
#include "format/testing_made.h"
#include "registry/source.h"
#include "codec/tar.h"
#include "store/map.h"
#include "store/scrub.h"
#include "base/lock.h"
#include "base/test.h"

#include "layerfs/layer_index.h"

/* A plain layer in the layout, and a table beside it. */
struct case_ {
	struct fixture *f;
	struct source *source;
	struct buf blob, table;
	struct descriptor layer, table_blob;
	struct layer_table found;
};

/* The same layout of the tar whatever the variant: what differs is what a liar
 * would change. */
static void
make_tar(struct buf *tar, const char *variant)
{
	bool other_bytes = strcmp(variant, "bytes") == 0;
	bool swapped = strcmp(variant, "swapped") == 0;
	uint8_t *h;

	tar->len = 0;
	tar_add(tar, '0', swapped ? "bin/b" : "bin/a", NULL,
	    other_bytes ? "AAAA\n" : "aaaa\n", 5);
	h = tar->data + tar->len - 2 * TAR_BLOCK;
	if (strcmp(variant, "setuid") == 0)
		memcpy(h + 100, "0004755", 7);
	tar_add(tar, '0', swapped ? "bin/a" : "bin/b", NULL, "bbbb\n", 5);
	if (strcmp(variant, "missing") != 0)
		tar_add(tar, '5', "etc/", NULL, NULL, 0);
	tar_finish(tar);
}

static void
fix_checksums(struct buf *tar)
{
	for (size_t at = 0; at + TAR_BLOCK <= tar->len; at += TAR_BLOCK) {
		uint8_t *h = tar->data + at;
		unsigned sum = 0;

		if (memcmp(h + 257, "ustar", 5) != 0)
			continue;
		memset(h + 148, ' ', 8);
		for (int i = 0; i < TAR_BLOCK; i++)
			sum += h[i];
		snprintf((char *)h + 148, 8, "%06o", sum);
	}
}

/* What somebody who saw the variant says of the layer `of`. */
static void
make_table(struct buf *out, const char *variant, const struct descriptor *of)
{
	AUTO_BUF struct buf tar = BUF_INIT(MIB(1));
	struct layerfs_layer_index_header *h;
	struct made *m;

	make_tar(&tar, variant);
	fix_checksums(&tar);
	m = made_new(&tar, 1000);
	made_place(m, 0, false);
	made_open(m);
	made_write_index(m, out);
	made_free(m);
	h = (void *)out->data;
	memcpy(h->blob, &of->digest, sizeof h->blob);
	h->blob_size = htole64(of->size);
}

static void
case_init(struct case_ *c, struct fixture *f, const char *variant)
{
	struct err e = ERR_INIT;

	*c = (struct case_){ .f = f };
	buf_init(&c->blob, MIB(1));
	make_tar(&c->blob, "");
	fix_checksums(&c->blob);
	add_blob(f, c->blob.data, c->blob.len, &c->layer.digest);
	c->layer.media_type = "application/vnd.oci.image.layer.v1.tar";
	c->layer.size = c->blob.len;
	make_table(&c->table, variant, &c->layer);
	add_blob(f, c->table.data, c->table.len, &c->table_blob.digest);
	c->table_blob.media_type = LAYERFS_LAYER_INDEX_MEDIA_TYPE;
	c->table_blob.size = c->table.len;
	c->found = (struct layer_table){ .format = &format_layer_index,
		.blob = &c->table_blob };
	c->source = source_new_layout(dup(f->layout), "oci:here", &e);
	assert_non_null(c->source);
}

static void
case_release(struct case_ *c)
{
	source_unref(c->source);
	buf_release(&c->blob);
	buf_release(&c->table);
}

static struct layer *
take(struct case_ *c)
{
	struct layer_making m = {
		.store = c->f->parts.store,
		.fetcher = c->f->parts.fetcher,
		.descriptor = &c->layer,
		.sources = &c->source,
		.n_sources = 1,
		.table = &c->found,
	};
	struct err e = ERR_INIT;
	struct layer *l = catalog_take_layer(c->f->catalog, &m, &e);

	if (l == NULL)
		fail_msg("%s", e.msg);
	return l;
}

static void
put(struct case_ *c, struct layer *l)
{
	catalog_put_layer(c->f->catalog, l);
}

/* ---- filling ---- */

struct waited {
	struct fill fill;
	struct lock lock;
	struct cond changed;
	bool is_done;
	struct err failure;
};

static void
note_done(struct fill *fill, const struct err *failure)
{
	struct waited *w = container_of(fill, struct waited, fill);
	LOCK_SCOPE(&w->lock);

	if (failure != NULL)
		w->failure = *failure;
	w->is_done = true;
	cond_broadcast(&w->changed);
}

static struct err
fill(struct layer *l)
{
	struct waited w = { .fill = { .blob_end = l->blob_size,
				.priority = SOURCE_SOON,
				.on_done = note_done } };

	lock_init(&w.lock, RANK_LEAF);
	cond_init(&w.changed);
	blob_fill(l->blob, &w.fill);
	lock_acquire(&w.lock);
	while (!w.is_done)
		cond_wait(&w.changed, &w.lock);
	lock_release(&w.lock);
	cond_destroy(&w.changed);
	lock_destroy(&w.lock);
	return w.failure;
}

static unsigned
audit(struct case_ *c)
{
	struct err e = ERR_INIT;
	struct audits *a = audits_new(c->f->catalog, 0, &e);
	unsigned n;

	assert_non_null(a);
	n = audits_run(a);
	audits_stop(a);
	return n;
}

/* ---- tests ---- */

static void
a_table_beside_the_image_makes_the_layer_lazy(void **state)
{
	struct case_ c;
	struct layer *l;

	case_init(&c, *state, "");
	l = take(&c);
	assert_string_equal(l->format, "layer-index");
	assert_string_equal(l->reason, "");
	assert_true(l->has_table);
	assert_memory_equal(&l->table, &c.table_blob.digest, sizeof l->table);
	assert_int_equal(store_map_present(l->store, l->map), 0);
	assert_int_equal(fill(l).code, 0);
	assert_int_equal(store_map_present(l->store, l->map), l->size);
	put(&c, l);
	case_release(&c);
}

static void
what_was_made_of_a_table_is_known_after_a_restart(void **state)
{
	struct case_ c;
	struct layer *l;

	case_init(&c, *state, "");
	put(&c, take(&c));
	stop(c.f);
	start(c.f);
	l = catalog_find_layer(c.f->catalog, &c.layer.digest);
	assert_non_null(l);
	assert_true(l->has_table);
	put(&c, l);
	case_release(&c);
}

static void
a_table_that_is_damaged_costs_the_laziness_only(void **state)
{
	struct case_ c;
	struct layer *l;
	struct digest d;

	case_init(&c, *state, "");
	c.table.data[c.table.len - 1] ^= 1;
	c.table.data[100] ^= 1;
	add_blob(c.f, c.table.data, c.table.len, &d);
	c.table_blob.digest = d;
	l = take(&c);
	assert_string_equal(l->format, "tar");
	assert_false(l->has_table);
	assert_non_null(strstr(l->reason, "layer-index"));
	put(&c, l);
	case_release(&c);
}

static void
a_table_that_is_not_there_costs_the_laziness_only(void **state)
{
	struct case_ c;
	struct layer *l;

	case_init(&c, *state, "");
	c.table_blob.digest.bytes[0] ^= 1;
	l = take(&c);
	assert_string_equal(l->format, "tar");
	assert_false(l->has_table);
	put(&c, l);
	case_release(&c);
}

static void
a_layer_too_large_to_be_read_whole_needs_its_table(void **state)
{
	struct case_ c;
	struct layer_making m;
	struct err e = ERR_INIT;

	case_init(&c, *state, "");
	m = (struct layer_making){
		.store = c.f->parts.store,
		.fetcher = c.f->parts.fetcher,
		.descriptor = &c.layer,
		.sources = &c.source,
		.n_sources = 1,
		.table = &c.found,
		.whole_max_bytes = 10,
	};
	assert_int_equal(layer_check_making(&m, &e), 0);
	c.table_blob.digest.bytes[0] ^= 1;
	assert_fails(layer_make(&m, &e), e, ENOTSUP);
	m.table = NULL;
	assert_fails(layer_check_making(&m, &e), e, ENOTSUP);
	case_release(&c);
}

static void
a_table_that_is_right_is_checked_once(void **state)
{
	struct case_ c;
	struct layer *l;

	case_init(&c, *state, "");
	l = take(&c);
	/* Not as long as some of it is missing. */
	assert_int_equal(audit(&c), 0);
	assert_int_equal(fill(l).code, 0);
	assert_int_equal(audit(&c), 1);
	assert_int_equal(audit(&c), 0);
	put(&c, l);
	l = take(&c);
	assert_true(l->has_table);
	put(&c, l);
	case_release(&c);
}

/* Who has it keeps it; then it is made anew, from the blob. */
static void
expect_lie(struct fixture *f, const char *variant, const char *what)
{
	char why[DISTRUST_WHY_SIZE];
	struct case_ c;
	struct layer *l;

	case_init(&c, f, variant);
	l = take(&c);
	assert_true(l->has_table);
	assert_int_equal(fill(l).code, 0);
	assert_int_equal(audit(&c), 1);
	assert_true(distrust_find(f->parts.store, &c.table_blob.digest, why));
	if (strstr(why, what) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, what);
	put(&c, l);
	assert_int_equal(audit(&c), 1);
	assert_null(catalog_find_layer(f->catalog, &c.layer.digest));
	stop(f);
	start(f);
	l = take(&c);
	assert_string_equal(l->format, "tar");
	assert_false(l->has_table);
	assert_non_null(strstr(l->reason, "lied"));
	put(&c, l);
	case_release(&c);
}

static void
a_setuid_bit_that_was_added_is_found(void **state)
{
	expect_lie(*state, "setuid", "/bin/a: another type or mode");
}

static void
files_that_were_swapped_are_found(void **state)
{
	expect_lie(*state, "swapped", "/bin/a: other contents");
}

static void
a_name_that_was_left_out_is_found(void **state)
{
	expect_lie(*state, "missing", "/etc: only in one of them");
}

/* Nothing of it was ever shown. */
static void
bytes_that_the_blob_has_not_are_never_read(void **state)
{
	struct case_ c;
	struct layer *l;

	case_init(&c, *state, "bytes");
	l = take(&c);
	assert_int_equal(fill(l).code, EBADMSG);
	assert_int_equal(store_map_present(l->store, l->map), l->size - 5);
	put(&c, l);
	case_release(&c);
}

static void
a_digest_that_the_blob_has_not_makes_the_layer_anew(void **state)
{
	char why[DISTRUST_WHY_SIZE];
	struct case_ c;
	struct layer *l;
	struct err failure;

	case_init(&c, *state, "bytes");
	l = take(&c);
	assert_int_equal(fill(l).code, EBADMSG);
	assert_int_equal(audit(&c), 1);
	assert_true(distrust_find(c.f->parts.store, &c.table_blob.digest, why));
	assert_non_null(strstr(why, "of the blob are not what it says"));
	/* Who has it mounted hears why. */
	failure = fill(l);
	assert_int_equal(failure.code, EBADMSG);
	assert_non_null(strstr(failure.msg, "lied"));
	put(&c, l);
	assert_int_equal(audit(&c), 1);
	assert_null(catalog_find_layer(c.f->catalog, &c.layer.digest));
	l = take(&c);
	assert_string_equal(l->format, "tar");
	assert_int_equal(store_map_present(l->store, l->map), l->size);
	assert_non_null(strstr(l->reason, "lied"));
	put(&c, l);
	case_release(&c);
}

/* The first file's bytes, in the blob as it is given. */
static void
give_other_bytes(struct case_ *c, const char *bytes)
{
	char path[120];

	memcpy(c->blob.data + TAR_BLOCK, bytes, 5);
	snprintf(
	    path, sizeof path, "blobs/sha256/%s", DIGEST_HEX(&c->layer.digest));
	assert_int_equal(fs_replace_file(c->f->layout, path, c->blob.data,
			     c->blob.len, 0600, &c->f->e),
	    0);
}

static void
who_gives_wrong_bytes_costs_no_table_its_name(void **state)
{
	char why[DISTRUST_WHY_SIZE];
	struct case_ c;
	struct layer *l;

	case_init(&c, *state, "");
	give_other_bytes(&c, "AAAA\n");
	l = take(&c);
	assert_int_equal(fill(l).code, EBADMSG);
	assert_int_equal(audit(&c), 1);
	assert_false(
	    distrust_find(c.f->parts.store, &c.table_blob.digest, why));
	/* Nor is the blob read again for each of them. */
	assert_int_equal(fill(l).code, EBADMSG);
	assert_int_equal(audit(&c), 1);
	give_other_bytes(&c, "aaaa\n");
	assert_int_equal(fill(l).code, 0);
	assert_int_equal(audit(&c), 1);
	assert_int_equal(audit(&c), 0); /* it was checked */
	put(&c, l);
	case_release(&c);
}

#define ON_NODE(t) \
	cmocka_unit_test_setup_teardown(t, make_fixture, remove_fixture)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NODE(a_table_beside_the_image_makes_the_layer_lazy),
		ON_NODE(what_was_made_of_a_table_is_known_after_a_restart),
		ON_NODE(a_table_that_is_damaged_costs_the_laziness_only),
		ON_NODE(a_table_that_is_not_there_costs_the_laziness_only),
		ON_NODE(a_layer_too_large_to_be_read_whole_needs_its_table),
		ON_NODE(a_table_that_is_right_is_checked_once),
		ON_NODE(a_setuid_bit_that_was_added_is_found),
		ON_NODE(files_that_were_swapped_are_found),
		ON_NODE(a_name_that_was_left_out_is_found),
		ON_NODE(bytes_that_the_blob_has_not_are_never_read),
		ON_NODE(a_digest_that_the_blob_has_not_makes_the_layer_anew),
		ON_NODE(who_gives_wrong_bytes_costs_no_table_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
