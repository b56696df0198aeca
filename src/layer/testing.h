/* What unit tests of layer/ share: a node, and images in a layout folder: one
 * layer as skopeo wrote it, with its table of contents, and one plain tar.
 *
 *	cmocka_unit_test_setup_teardown(test, make_fixture, remove_fixture)
 *	add_image() -> open_image()
 */
#ifndef LAYER_TESTING_H
#define LAYER_TESTING_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "layer/catalog.h"
#include "layer/image.h"
#include "fetch/fetch.h"
#include "format/testing.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "store/db.h"
#include "store/store.h"
#include "store/testing.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/limits.h"
#include "base/pool.h"

struct fixture {
	int root, layout;
	struct doc *entries; /* of index.json */
	struct sample lazy;
	struct buf tar;
	struct digest tar_digest;
	struct catalog_parts parts;
	struct catalog *catalog;
	struct err e;
};

/* ---- images in a layout folder ---- */

static inline void
add_blob(struct fixture *f, const void *p, size_t n, struct digest *d)
{
	char path[120];

	digest_of(d, p, n);
	snprintf(path, sizeof path, "blobs/sha256/%s", DIGEST_HEX(d));
	assert_int_equal(
	    fs_replace_file(f->layout, path, p, n, 0600, &f->e), 0);
}

static inline struct doc *
describe_blob(const char *type, const struct digest *d, uint64_t size)
{
	struct doc *o = doc_new_object();

	doc_set_string(o, "mediaType", type);
	doc_set_string(o, "digest", DIGEST_TEXT(d));
	doc_set_int(o, "size", size);
	return o;
}

static inline struct doc *
add_document(struct fixture *f, struct doc *take, const char *type)
{
	AUTO_FREE char *text = doc_to_json(take, false);
	struct digest d;

	add_blob(f, text, strlen(text), &d);
	doc_unref(take);
	return describe_blob(type, &d, strlen(text));
}

static inline struct doc *
describe_config(struct fixture *f, size_t n_layers, const char *author)
{
	struct doc *config = doc_new_object(), *rootfs = doc_new_object();
	struct doc *ids = doc_new_array();
	struct digest lazy = digest_number(7);

	/* The diff_id of a lazy layer is believed, that of a tar checked. */
	doc_append(ids, doc_new_string(DIGEST_TEXT(&lazy)));
	if (n_layers > 1)
		doc_append(ids, doc_new_string(DIGEST_TEXT(&f->tar_digest)));
	doc_set_string(rootfs, "type", "layers");
	doc_set(rootfs, "diff_ids", ids);
	doc_set(config, "rootfs", rootfs);
	doc_set_string(config, "os", "linux");
	doc_set_string(config, "architecture", "amd64");
	doc_set_string(config, "author", author);
	return add_document(
	    f, config, "application/vnd.oci.image.config.v1+json");
}

static inline void
write_index(struct fixture *f)
{
	AUTO_DOC struct doc *index = doc_new_object();
	AUTO_FREE char *text = NULL;

	doc_set_int(index, "schemaVersion", 2);
	doc_set(index, "manifests", doc_ref(f->entries));
	text = doc_to_json(index, false);
	assert_int_equal(fs_replace_file(f->layout, "index.json", text,
			     strlen(text), 0600, &f->e),
	    0);
}

static inline struct doc *
note(const char *key, const char *value)
{
	struct doc *o = doc_new_object();

	doc_set_string(o, key, value);
	return o;
}

/* One layer: the lazy one; two: the tar on top.  Images of the same layers by
 * the same author have one config. */
static inline struct digest
add_image_by(
    struct fixture *f, const char *tag, size_t n_layers, const char *author)
{
	struct doc *m = doc_new_object(), *layers = doc_new_array();
	struct doc *entry;
	struct digest d;

	doc_append(layers, descriptor_to_doc(&f->lazy.layer));
	if (n_layers > 1)
		doc_append(layers,
		    describe_blob("application/vnd.oci.image.layer.v1.tar",
			&f->tar_digest, f->tar.len));
	doc_set_int(m, "schemaVersion", 2);
	doc_set_string(
	    m, "mediaType", "application/vnd.oci.image.manifest.v1+json");
	doc_set(m, "config", describe_config(f, n_layers, author));
	doc_set(m, "layers", layers);
	doc_set(m, "annotations", note("tag", tag));
	entry =
	    add_document(f, m, "application/vnd.oci.image.manifest.v1+json");
	assert_int_equal(
	    digest_parse(&d, doc_string(doc_find(entry, "digest")), &f->e), 0);
	doc_set(entry, "annotations",
	    note("org.opencontainers.image.ref.name", tag));
	doc_append(f->entries, entry);
	write_index(f);
	return d;
}

static inline struct digest
add_image(struct fixture *f, const char *tag, size_t n_layers)
{
	return add_image_by(f, tag, n_layers, tag);
}

/* ---- a node ---- */

static inline void
start(struct fixture *f)
{
	struct registry_options r = { 0 };
	struct fetcher_options o = { 0 };
	struct catalog_parts *p = &f->parts;
	struct err e = ERR_INIT;

	p->store = store_open(f->root, &e);
	assert_non_null(p->store);
	p->db = db_open(f->root, &e);
	assert_non_null(p->db);
	p->fetcher = fetcher_new(p->store, &o, &e);
	assert_non_null(p->fetcher);
	p->registry = registry_new(&r, &e);
	assert_non_null(p->registry);
	p->makers = pool_new("maker", 4, &e);
	assert_non_null(p->makers);
	f->catalog = catalog_new(p, &e);
	assert_non_null(f->catalog);
	catalog_collect(f->catalog);
}

static inline void
stop(struct fixture *f)
{
	struct catalog_parts *p = &f->parts;

	fetcher_cancel(p->fetcher);
	pool_free(p->makers);
	catalog_free(f->catalog);
	fetcher_free(p->fetcher);
	registry_free(p->registry);
	db_close(p->db);
	store_close(p->store);
}

static inline int
make_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct digest lazy;
	static const char version[] = "{\"imageLayoutVersion\": \"1.0.0\"}";

	if (make_root(state) < 0)
		return -1;
	f->root = *(int *)*state;
	f->e = ERR_INIT;
	f->entries = doc_new_array();
	fs_make_dirs(f->root, "layout/blobs/sha256", 0700, &f->e);
	f->layout = fs_open_dir(f->root, "layout", &f->e);
	fs_replace_file(
	    f->layout, "oci-layout", version, strlen(version), 0600, &f->e);
	sample_load(&f->lazy, "podman");
	add_blob(f, f->lazy.blob.data, f->lazy.blob.len, &lazy);
	buf_init(&f->tar, MIB(1));
	tar_add(&f->tar, '0', "srv/hello", NULL, "hello\n", 6);
	tar_finish(&f->tar);
	add_blob(f, f->tar.data, f->tar.len, &f->tar_digest);
	start(f);
	*state = f;
	return 0;
}

static inline int
remove_fixture(void **state)
{
	struct fixture *f = *state;
	int root = f->root;

	stop(f);
	close(f->layout);
	doc_unref(f->entries);
	sample_release(&f->lazy);
	buf_release(&f->tar);
	free(f);
	*state = &root;
	return remove_root(state);
}

/* ---- opening ---- */

/* The request's reference is layout:TAG. */
static inline struct image *
try_open_in(struct fixture *f, const char *folder, const char *tag,
    struct image_request q)
{
	AUTO_REFERENCE struct reference r = { 0 };
	char text[120];

	snprintf(text, sizeof text, "oci:%s/%s:%s", test_path, folder, tag);
	assert_int_equal(reference_parse(&r, text, &f->e), 0);
	q.reference = &r;
	q.layout = f->layout;
	f->e = ERR_INIT;
	return catalog_open_image(f->catalog, &q, &f->e);
}

static inline struct image *
try_open(struct fixture *f, const char *tag, struct image_request q)
{
	return try_open_in(f, "layout", tag, q);
}

static inline struct image *
open_image(struct fixture *f, const char *tag, struct image_request q)
{
	struct image *i = try_open(f, tag, q);

	if (i == NULL)
		fail_msg("%s: %s", tag, f->e.msg);
	return i;
}

#define NAMED ((struct image_request){ .layout = -1 })
#define UNNAMED ((struct image_request){ .is_unnamed = true })
#define SMALL ((struct image_request){ .whole_max_bytes = 10 })

/* ---- what is known ---- */

/* How many bytes that freed. */
static inline uint64_t
forget(struct fixture *f, const char *tag, bool is_last)
{
	struct digest image;
	uint64_t freed;
	bool removed;
	char name[120];
	struct err e;

	snprintf(name, sizeof name, "oci:%s/layout:%s", test_path, tag);
	OK(catalog_forget(f->catalog, name, &image, &removed, &freed, &e));
	assert_int_equal(removed, is_last);
	return freed;
}

struct seen {
	unsigned images, names, holders;
};

static inline int
count(void *ctx, const struct known_image *k)
{
	struct seen *s = ctx;

	s->images++;
	s->names += k->n_names;
	s->holders += k->n_holders;
	return 0;
}

static inline void
assert_known(
    struct fixture *f, unsigned images, unsigned names, unsigned holders)
{
	struct seen s = { 0 };
	struct err e;

	OK(catalog_each_known(f->catalog, count, &s, &e));
	assert_int_equal(s.images, images);
	assert_int_equal(s.names, names);
	assert_int_equal(s.holders, holders);
}

static inline void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){ 0, ms * 1000000 }, NULL);
}

/* What is removed in the background goes within ten seconds. */
static inline void
wait_until_empty(struct fixture *f)
{
	struct seen s;
	struct err e;

	for (int i = 0; i < 1000; i++) {
		s = (struct seen){ 0 };
		OK(catalog_each_known(f->catalog, count, &s, &e));
		if (s.images == 0 && catalog_count_layers(f->catalog) == 0)
			return;
		pause_ms(10);
	}
	fail_msg("%u images are still there", s.images);
}

#endif
