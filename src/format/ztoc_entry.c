#include "format/ztoc_entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/entry.h"
#include "format/flatbuffer.h"
#include "format/timestamp.h"
#include "base/err.h"

#define XATTR_PREFIX "SCHILY.xattr."

enum slot {
	SLOT_NAME = 0,
	SLOT_TYPE = 1,
	SLOT_OFFSET = 2,
	SLOT_SIZE = 3,
	SLOT_TARGET = 4,
	SLOT_MODE = 5,
	SLOT_UID = 6,
	SLOT_GID = 7,
	SLOT_TIME = 10,
	SLOT_MAJOR = 11,
	SLOT_MINOR = 12,
	SLOT_XATTRS = 13,

	SLOT_KEY = 0,
	SLOT_VALUE = 1,
};

void
ztoc_entry_release(struct ztoc_entry *x)
{
	free(x->xattrs);
}

/* ---- numbers ---- */

static int
read_below(const struct flatbuffer *f, const struct flat_table *t,
    enum slot slot, unsigned bytes, uint64_t max, uint64_t *out, struct err *e)
{
	*out = 0;
	if (flat_number(f, t, slot, bytes, out, e) < 0)
		return -1;
	if (*out > max)
		return err_set(e, EBADMSG, "a number is out of range");
	return 0;
}

static int
read_numbers(struct ztoc_entry *x, const struct flatbuffer *f,
    const struct flat_table *t, struct err *e)
{
	uint64_t mode, uid, gid, major, minor;

	if (read_below(f, t, SLOT_OFFSET, 8, INT64_MAX, &x->tar_off, e) < 0 ||
	    read_below(f, t, SLOT_SIZE, 8, INT64_MAX, &x->tar.size, e) < 0 ||
	    read_below(f, t, SLOT_MODE, 8, UINT64_MAX, &mode, e) < 0 ||
	    read_below(f, t, SLOT_UID, 4, UINT32_MAX, &uid, e) < 0 ||
	    read_below(f, t, SLOT_GID, 4, UINT32_MAX, &gid, e) < 0 ||
	    read_below(f, t, SLOT_MAJOR, 8, UINT32_MAX, &major, e) < 0 ||
	    read_below(f, t, SLOT_MINOR, 8, UINT32_MAX, &minor, e) < 0)
		return -1;
	x->tar.mode = mode & 07777;
	x->tar.uid = uid;
	x->tar.gid = gid;
	x->tar.major = major;
	x->tar.minor = minor;
	return 0;
}

/* ---- texts ---- */

static int
read_name(struct ztoc_entry *x, struct flatbuffer *f,
    const struct flat_table *t, struct err *e)
{
	struct flat_text path = { "", 0 }, target = { "", 0 };

	if (flat_string(f, t, SLOT_NAME, &path, e) < 0)
		return -1;
	x->tar.path = path.p;
	x->tar.path_len = path.len;
	if (flat_string(f, t, SLOT_TARGET, &target, e) < 0)
		return -1;
	x->tar.link = target.p;
	x->tar.link_len = target.len;
	return 0;
}

/* A tar's header may say a size of what has no contents. */
static int
read_type(struct ztoc_entry *x, struct flatbuffer *f,
    const struct flat_table *t, struct err *e)
{
	struct flat_text type = { "", 0 };

	if (flat_string(f, t, SLOT_TYPE, &type, e) < 0 ||
	    entry_type_of_name(&x->tar.type, type.p, e) < 0)
		return -1;
	if (x->tar.type != TAR_FILE)
		x->tar.size = 0;
	return 0;
}

static int
read_time(struct ztoc_entry *x, struct flatbuffer *f,
    const struct flat_table *t, struct err *e)
{
	struct flat_text time = { "", 0 };

	if (flat_string(f, t, SLOT_TIME, &time, e) < 0)
		return -1;
	if (time.len == 0)
		return err_set(e, ENOTSUP, "a time that the table cannot say");
	return timestamp_parse(
	    time.p, time.len, &x->tar.mtime_s, &x->tar.mtime_ns, e);
}

/* ---- PAX records ---- */

static int
add_xattr(struct ztoc_entry *x, const struct tar_xattr *a, struct err *e)
{
	if (x->tar.n_xattrs == x->cap_xattrs) {
		size_t cap = x->cap_xattrs == 0 ? 8 : 2 * x->cap_xattrs;
		void *more = reallocarray(x->xattrs, cap, sizeof *x->xattrs);

		if (more == NULL)
			return err_set(e, ENOMEM, "out of memory");
		x->xattrs = more;
		x->cap_xattrs = cap;
	}
	x->xattrs[x->tar.n_xattrs++] = *a;
	return 0;
}

static int
take_record(struct ztoc_entry *x, const struct flat_text *key,
    const struct flat_text *value, struct err *e)
{
	const size_t prefix_len = strlen(XATTR_PREFIX);
	struct tar_xattr a = {
		.name = key->p + prefix_len,
		.value = value->p,
		.len = value->len,
	};

	/* What lies in the tar begins with the map, or leaves holes out. */
	if (strncmp(key->p, "GNU.sparse.", strlen("GNU.sparse.")) == 0)
		return err_set(e, ENOTSUP, "a sparse file");
	if (strncmp(key->p, XATTR_PREFIX, prefix_len) != 0)
		return 0;
	if (strlen(key->p) != key->len)
		return err_set(e, EBADMSG, "NUL in an attribute's name");
	return add_xattr(x, &a, e);
}

static int
read_records(struct ztoc_entry *x, struct flatbuffer *f,
    const struct flat_table *t, struct err *e)
{
	struct flat_vector records = { 0 };

	if (flat_vector(f, t, SLOT_XATTRS, &records, e) < 0)
		return -1;
	for (uint32_t i = 0; i < records.n; i++) {
		struct flat_text key = { "", 0 }, value = { "", 0 };
		struct flat_table record;

		if (flat_vector_table(f, &records, i, &record, e) < 0 ||
		    flat_string(f, &record, SLOT_KEY, &key, e) < 0 ||
		    flat_string(f, &record, SLOT_VALUE, &value, e) < 0 ||
		    take_record(x, &key, &value, e) < 0)
			return -1;
	}
	x->tar.xattrs = x->xattrs;
	return 0;
}

int
ztoc_entry_read(struct ztoc_entry *x, struct flatbuffer *f,
    const struct flat_table *t, struct err *e)
{
	x->tar = (struct tar_entry){ .path = "", .link = "" };
	if (read_name(x, f, t, e) < 0 || read_numbers(x, f, t, e) < 0 ||
	    read_type(x, f, t, e) < 0 || read_time(x, f, t, e) < 0)
		return -1;
	return read_records(x, f, t, e);
}
