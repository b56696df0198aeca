#include "registry/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

static const char name_annotation[] = "org.opencontainers.image.ref.name";
static const char version_major[] = "1.";

/* O_NONBLOCK: a fifo must not hold us before it is seen to be one. */
static int
open_regular(int dir, const char *name, uint64_t *size, struct err *e)
{
	AUTO_CLOSE int fd =
	    openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? err_set(e, EPROTO, "%s is a link", name)
				      : err_sys(e, "%s", name);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EPROTO, "%s is no regular file", name);
	*size = st.st_size;
	return take_fd(&fd);
}

static int
open_folder(int dir, const char *name, struct err *e)
{
	int fd =
	    openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);

	return fd < 0 ? err_sys(e, "%s", name) : fd;
}

int
layout_open_blob(int dir, const struct digest *d, uint64_t *size, struct err *e)
{
	AUTO_CLOSE int blobs = open_folder(dir, "blobs", e);
	AUTO_CLOSE int sha256 = -1;

	if (blobs < 0)
		return -1;
	sha256 = open_folder(blobs, "sha256", e);
	return sha256 < 0 ? -1 : open_regular(sha256, DIGEST_HEX(d), size, e);
}

static int
read_all(int fd, uint64_t size, struct buf *out, struct err *e)
{
	if (size > out->max - out->len)
		return err_set(
		    e, E2BIG, "over the limit of %zu bytes", out->max);
	if (buf_reserve(out, size, e) < 0 ||
	    fs_pread(fd, out->data + out->len, size, 0, e) < 0)
		return -1;
	out->len += size;
	return 0;
}

int
layout_read_blob(
    int dir, const struct digest *d, struct buf *out, struct err *e)
{
	uint64_t size;
	AUTO_CLOSE int fd = layout_open_blob(dir, d, &size, e);
	size_t start = out->len;
	struct digest is;

	if (fd < 0 || read_all(fd, size, out, e) < 0)
		return -1;
	digest_of(&is, out->data + start, size);
	if (digest_equal(&is, d))
		return 0;
	out->len = start;
	return err_set(e, EBADMSG, "blob %s: its bytes have the digest %s",
	    DIGEST_TEXT(d), DIGEST_TEXT(&is));
}

static struct doc *
read_json(int dir, const char *name, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	uint64_t size;
	AUTO_CLOSE int fd = open_regular(dir, name, &size, e);
	struct doc *j;

	if (fd < 0)
		return NULL;
	j = read_all(fd, size, &text, e) < 0
		? NULL
		: doc_parse_json(text.data, text.len, e);
	if (j == NULL)
		err_wrap(e, "%s", name);
	return j;
}

static int
check_version(int dir, struct err *e)
{
	AUTO_DOC struct doc *j = read_json(dir, "oci-layout", e);
	const char *version;

	if (j == NULL)
		return e->code == ENOENT ? err_set(e, ENOENT,
					       "the folder is no OCI layout "
					       "(it has no oci-layout)")
					 : -1;
	if (doc_get_string(j, "imageLayoutVersion", &version, e) < 0)
		return err_wrap(e, "oci-layout");
	if (strncmp(version, version_major, strlen(version_major)) != 0)
		return err_set(e, ENOTSUP, "OCI layout version %.20s", version);
	return 0;
}

static const char *
name_of(const struct doc *entry)
{
	return doc_string(
	    doc_find(doc_find(entry, "annotations"), name_annotation));
}

/* Some write the whole reference as the name: "example.com/app:v1". */
static bool
is_named(const struct doc *entry, const char *tag)
{
	const char *name = name_of(entry), *colon;

	if (name == NULL)
		return false;
	if (strcmp(name, tag) == 0)
		return true;
	colon = strrchr(name, ':');
	return colon != NULL && strcmp(colon + 1, tag) == 0;
}

static int
none_named(const struct doc *entries, const char *tag, struct err *e)
{
	char text[120] = "";
	size_t at = 0;

	for (size_t i = 0; i < doc_count(entries); i++) {
		const char *name = name_of(doc_at(entries, i));
		int n = name == NULL ? 0
				     : snprintf(text + at, sizeof text - at,
					   "%s%.40s", at > 0 ? ", " : "", name);

		if (at + n >= sizeof text)
			break;
		at += n;
	}
	text[at] = 0;
	if (tag == NULL)
		return err_set(e, ENOENT,
		    "the layout holds %zu images, say which: %s",
		    doc_count(entries), text);
	return err_set(e, ENOENT,
	    "no image \"%.60s\" in the layout; it has: %s", tag,
	    at > 0 ? text : "none with a name");
}

int
layout_find(int dir, const char *tag, struct descriptor *out, struct err *e)
{
	AUTO_DOC struct doc *j = NULL;
	struct doc *entries;

	if (check_version(dir, e) < 0)
		return -1;
	j = read_json(dir, "index.json", e);
	if (j == NULL || doc_get_array(j, "manifests", &entries, e) < 0)
		return -1;
	if (doc_count(entries) > LIMIT_PLATFORMS)
		return err_set(
		    e, EBADMSG, "index.json: over %d entries", LIMIT_PLATFORMS);
	if (tag == NULL && doc_count(entries) == 1)
		return descriptor_parse(out, doc_at(entries, 0), e);
	for (size_t i = 0; tag != NULL && i < doc_count(entries); i++)
		if (is_named(doc_at(entries, i), tag))
			return descriptor_parse(out, doc_at(entries, i), e);
	return none_named(entries, tag, e);
}
