#include "registry/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/outpost.h"

#define BLOBS "blobs/sha256/"

enum { BLOB_NAME = sizeof BLOBS + DIGEST_HEX_SIZE };

static const char name_annotation[] = "org.opencontainers.image.ref.name";
static const char version_major[] = "1.";

/* ---- by the child ---- */

enum { FOLDER_NAME = 16 };

/* O_NONBLOCK: a fifo must not hold it before it is seen to be one. */
static int
open_inside(int dir, const char *name)
{
	const char *slash = strchr(name, '/');
	char folder[FOLDER_NAME] = "";
	AUTO_CLOSE int inner = -1;

	if (slash == NULL)
		return openat(
		    dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	memcpy(folder, name, min_u64(slash - name, sizeof folder - 1));
	inner = openat(
	    dir, folder, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
	return inner < 0 ? -1 : open_inside(inner, slash + 1);
}

/* ---- for who reads ---- */

struct outpost *
layout_open(int dir, const char *folder, struct err *e)
{
	const struct outpost_place p = {
		.dir = dir, .folder = folder, .open = open_inside
	};

	return outpost_new(&p, e);
}

struct outpost *
layout_borrow(int dir, struct err *e)
{
	AUTO_CLOSE int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	struct outpost *layout = NULL;

	if (copy < 0)
		err_sys(e, "the folder");
	else
		layout = layout_open(copy, NULL, e);
	if (layout != NULL)
		take_fd(&copy);
	return layout;
}

/* The folder's own names are no links. */
static int
refuse_link(int rc, const char *name, struct err *e)
{
	if (rc < 0 && e->code == ELOOP)
		return err_set(e, EPROTO, "%s is a link", name);
	return rc;
}

static const char *
blob_name(const struct digest *d, char name[BLOB_NAME])
{
	snprintf(name, BLOB_NAME, BLOBS "%s", DIGEST_HEX(d));
	return name;
}

int
layout_read_piece(struct outpost *layout, const struct digest *d,
    struct outpost_look *k, struct err *e)
{
	char name[BLOB_NAME];
	int rc;

	k->name = blob_name(d, name);
	rc = refuse_link(outpost_read(layout, k, e), name, e);
	k->name = NULL;
	return rc;
}

static int
read_all(
    struct outpost *layout, const char *name, struct buf *out, struct err *e)
{
	return refuse_link(outpost_read_file(layout, name, out, e), name, e);
}

int
layout_read_blob(struct outpost *layout, const struct digest *d,
    struct buf *out, struct err *e)
{
	char name[BLOB_NAME];
	size_t start = out->len;
	struct digest is;

	if (read_all(layout, blob_name(d, name), out, e) < 0)
		return -1;
	digest_of(&is, out->data + start, out->len - start);
	if (digest_equal(&is, d))
		return 0;
	out->len = start;
	return err_set(e, EBADMSG, "blob %s: its bytes have the digest %s",
	    DIGEST_TEXT(d), DIGEST_TEXT(&is));
}

static struct doc *
read_json(struct outpost *layout, const char *name, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	struct doc *j;

	if (read_all(layout, name, &text, e) < 0)
		return NULL;
	j = doc_parse_json(text.data, text.len, e);
	if (j == NULL)
		err_wrap(e, "%s", name);
	return j;
}

static int
check_version(struct outpost *layout, struct err *e)
{
	AUTO_DOC struct doc *j = read_json(layout, "oci-layout", e);
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
layout_find(struct outpost *layout, const char *tag, struct descriptor *out,
    struct err *e)
{
	AUTO_DOC struct doc *j = NULL;
	struct doc *entries;

	if (check_version(layout, e) < 0)
		return -1;
	j = read_json(layout, "index.json", e);
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
