/* Files appear in blobs/sha256 with their last byte.  index.json is replaced
 * whole, under a lock of the folder, so that two conversions into one folder both
 * find their names in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "convert/destination.h"
#include "registry/layout.h"
#include "registry/reference.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/outpost.h"

#define BLOBS "blobs/sha256"

enum { BLOB_NAME = sizeof BLOBS "/" + DIGEST_HEX_SIZE };

static const char name_annotation[] = "org.opencontainers.image.ref.name";
static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
static const char empty_index[] = "{\"schemaVersion\":2,\"manifests\":[]}";

struct layout_destination {
	struct destination base;
	const struct reference *ref;
	int dir;
};

static struct layout_destination *
of(struct destination *to)
{
	return container_of(to, struct layout_destination, base);
}

static int
failed(const struct layout_destination *l, struct err *e)
{
	return err_wrap(e, "%s", l->ref->name);
}

/* ---- blobs ---- */

static const char *
blob_name(const struct digest *d, char name[BLOB_NAME])
{
	snprintf(name, BLOB_NAME, BLOBS "/%s", DIGEST_HEX(d));
	return name;
}

static int
find_blob(struct destination *to, const struct digest *d, uint64_t size,
    bool *found, struct err *e)
{
	char name[BLOB_NAME];
	struct stat st;

	*found = false;
	if (fstatat(of(to)->dir, blob_name(d, name), &st, AT_SYMLINK_NOFOLLOW) <
	    0)
		return errno == ENOENT ? 0 : err_sys(e, "%s", name);
	*found = S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
	return 0;
}

static int
new_file(struct destination *to, struct err *e)
{
	int fd = nameless_file(of(to)->dir, BLOBS, e);

	return fd < 0 ? failed(of(to), e) : fd;
}

/* For a file system whose nameless files can have no name. */
static int
copy_in(int dir, int fd, const char *name, struct err *e)
{
	char temporary[BLOB_NAME + 8];
	AUTO_CLOSE int out = -1;
	off_t off = 0;
	ssize_t n;

	snprintf(temporary, sizeof temporary, "%s.new", name);
	out = openat(
	    dir, temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	if (out < 0)
		return err_sys(e, "%s", temporary);
	while ((n = sendfile(out, fd, &off, MIB(64))) > 0)
		;
	if (n < 0 || fdatasync(out) < 0 ||
	    renameat(dir, temporary, dir, name) < 0) {
		err_sys(e, "%s", name);
		unlinkat(dir, temporary, 0);
		return -1;
	}
	return 0;
}

static int
give_name(int dir, int fd, const char *name, struct err *e)
{
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	/* One of that name and another size is a torn one. */
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, "%s", name);
	if (linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW) == 0 ||
	    errno == EEXIST)
		return 0;
	return errno == ENOENT ? copy_in(dir, fd, name, e)
			       : err_sys(e, "%s", name);
}

static int
put_file(struct destination *to, const struct blob_file *f, struct err *e)
{
	char name[BLOB_NAME];
	bool found;

	if (find_blob(to, &f->digest, f->size, &found, e) < 0)
		return failed(of(to), e);
	if (found)
		return 0;
	if (fdatasync(f->fd) < 0)
		return err_sys(
		    e, "%s: %s", of(to)->ref->name, DIGEST_TEXT(&f->digest));
	if (give_name(of(to)->dir, f->fd, blob_name(&f->digest, name), e) < 0)
		return failed(of(to), e);
	return 0;
}

static bool
holds(int dir, const char *name, const void *p, size_t n)
{
	AUTO_BUF struct buf is = BUF_INIT(n);
	struct err ignored;

	return fs_read_file(dir, name, &is, &ignored) == 0 && is.len == n &&
	       (n == 0 || memcmp(is.data, p, n) == 0);
}

static int
sync_blobs(int dir, struct err *e)
{
	AUTO_CLOSE int fd = fs_open_dir(dir, BLOBS, e);

	return fd < 0 ? -1 : fs_sync_dir(fd, e);
}

/* Whoever is killed meanwhile leaves no file that has another name. */
static int
put_bytes(struct destination *to, const void *p, size_t n, struct err *e)
{
	int dir = of(to)->dir;
	AUTO_CLOSE int fd = -1;
	struct digest d;
	char name[BLOB_NAME];

	digest_of(&d, p, n);
	if (!holds(dir, blob_name(&d, name), p, n)) {
		fd = new_file(to, e);
		if (fd < 0)
			return -1;
		if (fs_pwrite(fd, p, n, 0, e) < 0)
			return failed(of(to), e);
		if (fdatasync(fd) < 0)
			return err_sys(e, "%s: %s", of(to)->ref->name, name);
		if (give_name(dir, fd, name, e) < 0)
			return failed(of(to), e);
	}
	return sync_blobs(dir, e) < 0 ? failed(of(to), e) : 0;
}

/* ---- names ---- */

static int
read_manifest(struct destination *to, const struct digest *d, struct buf *out,
    struct err *e)
{
	AUTO_OUTPOST struct outpost *layout = layout_borrow(of(to)->dir, e);
	struct descriptor found;
	int rc;

	if (layout == NULL)
		return -1;
	if (d != NULL)
		return layout_read_blob(layout, d, out, e);
	if (layout_find(layout, of(to)->ref->tag, &found, e) < 0)
		return -1;
	rc = layout_read_blob(layout, &found.digest, out, e);
	descriptor_release(&found);
	return rc;
}

static struct doc *
read_index(int dir, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);

	if (fs_read_file(dir, "index.json", &text, e) < 0)
		return NULL;
	return doc_parse_json(text.data, text.len, e);
}

/* The tag, or both have none. */
static bool
is_named(const struct doc *entry, const char *tag)
{
	const char *name = doc_string(
	    doc_find(doc_find(entry, "annotations"), name_annotation));

	if (name == NULL || tag == NULL)
		return name == tag;
	return strcmp(name, tag) == 0;
}

static struct doc *
entry_of(const struct manifest_text *m, const struct digest *d, const char *tag)
{
	struct doc *entry = doc_new_object();

	doc_set_string(entry, "mediaType", m->media_type);
	doc_set_string(entry, "digest", DIGEST_TEXT(d));
	doc_set_int(entry, "size", m->len);
	if (tag != NULL) {
		struct doc *annotations = doc_new_object();

		doc_set_string(annotations, name_annotation, tag);
		doc_set(entry, "annotations", annotations);
	}
	return entry;
}

static int
name_manifest(struct layout_destination *l, const struct manifest_text *m,
    const struct digest *d, struct err *e)
{
	AUTO_DOC struct doc *index = read_index(l->dir, e);
	AUTO_FREE char *text = NULL;
	struct doc *old, *entries;

	if (index == NULL || doc_get_array(index, "manifests", &old, e) < 0)
		return err_wrap(e, "index.json");
	entries = doc_new_array();
	for (size_t i = 0; i < doc_count(old); i++)
		if (!is_named(doc_at(old, i), l->ref->tag))
			doc_append(entries, doc_ref(doc_at(old, i)));
	doc_append(entries, entry_of(m, d, l->ref->tag));
	doc_set(index, "manifests", entries);
	text = doc_to_json(index, false);
	return fs_replace_file(
	    l->dir, "index.json", text, strlen(text), 0644, e);
}

static int
put_manifest(
    struct destination *to, const struct manifest_text *m, struct err *e)
{
	struct layout_destination *l = of(to);
	struct digest d;
	int rc;

	if (put_bytes(to, m->bytes, m->len, e) < 0)
		return -1;
	if (!m->is_named)
		return 0;
	digest_of(&d, m->bytes, m->len);
	if (flock(l->dir, LOCK_EX) < 0)
		return err_sys(e, "%s", l->ref->name);
	rc = name_manifest(l, m, &d, e);
	flock(l->dir, LOCK_UN);
	return rc < 0 ? failed(l, e) : 0;
}

/* ---- life ---- */

static int
make_file(int dir, const char *name, const char *text, struct err *e)
{
	if (faccessat(dir, name, F_OK, 0) == 0)
		return 0;
	return fs_replace_file(dir, name, text, strlen(text), 0644, e);
}

/* index.json first: who sees oci-layout finds it. */
static int
make_layout(int dir, struct err *e)
{
	if (fs_make_dirs(dir, BLOBS, 0755, e) < 0 ||
	    make_file(dir, "index.json", empty_index, e) < 0)
		return -1;
	return make_file(dir, "oci-layout", layout_text, e);
}

static int
open_folder(const char *path, bool make, struct err *e)
{
	AUTO_CLOSE int dir = -1;

	if (make && fs_make_dirs(AT_FDCWD, path, 0755, e) < 0)
		return -1;
	dir = fs_open_dir(AT_FDCWD, path, e);
	if (dir < 0 || !make)
		return take_fd(&dir);
	if (flock(dir, LOCK_EX) < 0)
		return err_sys(e, "lock");
	if (make_layout(dir, e) < 0)
		return -1;
	flock(dir, LOCK_UN);
	return take_fd(&dir);
}

static void
free_layout(struct destination *to)
{
	close(of(to)->dir);
	free(of(to));
}

static const struct destination_ops layout_ops = {
	.read_manifest = read_manifest,
	.find_blob = find_blob,
	.new_file = new_file,
	.put_file = put_file,
	.put_bytes = put_bytes,
	.put_manifest = put_manifest,
	.free = free_layout,
};

struct destination *
destination_new_layout(const struct reference *ref, bool make, struct err *e)
{
	struct layout_destination *l = calloc(1, sizeof *l);

	if (l == NULL) {
		err_set(e, ENOMEM, "a destination");
		return NULL;
	}
	l->base.ops = &layout_ops;
	l->ref = ref;
	l->dir = open_folder(ref->repository, make, e);
	if (l->dir < 0) {
		free(l);
		err_wrap(e, "%s", ref->name);
		return NULL;
	}
	return &l->base;
}
