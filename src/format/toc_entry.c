#include "format/toc_entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/entry.h"
#include "format/timestamp.h"
#include "base/base64.h"
#include "base/err.h"
#include "base/json_pull.h"
#include "base/limits.h"

#define NOWHERE SIZE_MAX

/* What a member's value is, and where it goes. */
enum kind {
	NUMBER, /* uint64_t */
	NUMBER32,
	MODE,
	TYPE,
	NAME,
	LINK,
	TIME,
	DIGEST,
	CHUNK_DIGEST,
	CHUNK_TYPE,
	XATTRS,
};

static const struct member {
	const char *name;
	uint8_t len;
	uint8_t kind;
	uint16_t field;
} members[] = {
#define M(name, kind, field)                                                   \
	{                                                                      \
		name, sizeof name - 1, kind, offsetof(struct toc_entry, field) \
	}
	M("type", TYPE, tar),
	M("name", NAME, tar),
	M("linkName", LINK, tar),
	M("mode", MODE, tar),
	M("size", NUMBER, tar.size),
	M("uid", NUMBER32, tar.uid),
	M("gid", NUMBER32, tar.gid),
	M("modtime", TIME, tar),
	M("devMajor", NUMBER32, tar.major),
	M("devMinor", NUMBER32, tar.minor),
	M("xattrs", XATTRS, tar),
	M("digest", DIGEST, tar),
	M("offset", NUMBER, offset),
	M("endOffset", NUMBER, end_offset),
	M("chunkSize", NUMBER, chunk_size),
	M("chunkOffset", NUMBER, chunk_offset),
	M("chunkDigest", CHUNK_DIGEST, tar),
	M("chunkType", CHUNK_TYPE, tar),
	M("innerOffset", NUMBER, inner_offset),
#undef M
};

void
toc_entry_init(struct toc_entry *x)
{
	memset(x, 0, sizeof *x);
	buf_init(&x->text, MIB(8));
}

void
toc_entry_release(struct toc_entry *x)
{
	buf_release(&x->text);
	free(x->xattrs);
}

static void
clear(struct toc_entry *x)
{
	struct toc_entry cleared = {
		.text = x->text,
		.xattrs = x->xattrs,
		.cap_xattrs = x->cap_xattrs,
		.path_at = NOWHERE,
		.link_at = NOWHERE,
	};

	cleared.text.len = 0;
	*x = cleared;
}

/* ---- values ---- */

/* The current string, kept with a NUL; *at is where. */
static int
keep(struct toc_entry *x, const struct json_pull *r, size_t *at, size_t *len,
    struct err *e)
{
	*at = x->text.len;
	*len = r->text_len;
	return buf_append(&x->text, r->text, r->text_len + 1, e);
}

static int
read_number(struct json_pull *r, uint64_t max, uint64_t *out, struct err *e)
{
	int64_t v;

	if (json_pull_integer(r, &v, e) < 0)
		return -1;
	if (v < 0 || (uint64_t)v > max)
		return err_set(e, EBADMSG, "out of range");
	*out = v;
	return 0;
}

static int
set_type(struct toc_entry *x, const char *type, struct err *e)
{
	x->has_type = true;
	x->is_chunk = strcmp(type, "chunk") == 0;
	return x->is_chunk ? 0 : entry_type_of_name(&x->tar.type, type, e);
}

/* Zero values may be written as "". */
static int
set_digest(
    struct digest *d, bool *has, const struct json_pull *r, struct err *e)
{
	*has = r->text_len > 0;
	if (!*has)
		return 0;
	if (digest_parse(d, r->text, e) < 0)
		return err_set(e, EBADMSG, "no sha256 digest");
	return 0;
}

static int
set_chunk_type(struct toc_entry *x, const char *type, struct err *e)
{
	x->is_zeros = strcmp(type, "zeros") == 0;
	if (!x->is_zeros && *type != 0)
		return err_set(e, EBADMSG, "unknown chunk type");
	return 0;
}

static int
read_text(
    struct toc_entry *x, enum kind kind, struct json_pull *r, struct err *e)
{
	if (json_pull_text(r, e) < 0)
		return -1;
	switch (kind) {
	case TYPE:
		return set_type(x, r->text, e);
	case NAME:
		return keep(x, r, &x->path_at, &x->tar.path_len, e);
	case LINK:
		return keep(x, r, &x->link_at, &x->tar.link_len, e);
	case DIGEST:
		return set_digest(&x->digest, &x->has_digest, r, e);
	case CHUNK_DIGEST:
		return set_digest(&x->chunk_digest, &x->has_chunk_digest, r, e);
	case CHUNK_TYPE:
		return set_chunk_type(x, r->text, e);
	default:
		if (r->text_len == 0)
			return 0;
		return timestamp_parse(
		    r->text, r->text_len, &x->tar.mtime_s, &x->tar.mtime_ns, e);
	}
}

/* ---- attributes ---- */

static int
grow_xattrs(struct toc_entry *x, struct err *e)
{
	size_t cap = x->cap_xattrs == 0 ? 8 : 2 * x->cap_xattrs;
	void *more;

	if (x->n_xattrs < x->cap_xattrs)
		return 0;
	more = reallocarray(x->xattrs, cap, sizeof *x->xattrs);
	if (more == NULL)
		return err_set(e, ENOMEM, "out of memory");
	x->xattrs = more;
	x->cap_xattrs = cap;
	return 0;
}

/* Until the entry ends, pointers are positions in text: it may move. */
static int
read_xattr(struct toc_entry *x, struct json_pull *r, struct err *e)
{
	struct tar_xattr a;
	enum json_token t;
	size_t name_at, name_len, value_at;

	if (keep(x, r, &name_at, &name_len, e) < 0)
		return -1;
	value_at = x->text.len;
	t = json_pull_next(r, e);
	if (t == JSON_FAILED)
		return -1;
	if (t != JSON_TEXT && t != JSON_NULL_VALUE)
		return err_set(e, EBADMSG, "attribute is no text");
	if (t == JSON_TEXT &&
	    base64_decode(&x->text, r->text, r->text_len, e) < 0)
		return -1;
	a.name = (const char *)name_at;
	a.value = (const void *)value_at;
	a.len = x->text.len - value_at;
	if (grow_xattrs(x, e) < 0)
		return -1;
	x->xattrs[x->n_xattrs++] = a;
	return 0;
}

static int
read_xattrs(struct toc_entry *x, struct json_pull *r, struct err *e)
{
	enum json_token t = json_pull_next(r, e);

	if (t == JSON_NULL_VALUE)
		return 0;
	if (t == JSON_FAILED)
		return -1;
	if (t != JSON_BEGIN_OBJECT)
		return err_set(e, EBADMSG, "no object");
	x->n_xattrs = 0;
	while ((t = json_pull_next(r, e)) == JSON_KEY)
		if (read_xattr(x, r, e) < 0)
			return -1;
	return t == JSON_FAILED ? -1 : 0;
}

/* ---- members ---- */

static const struct member *
find_member(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (members[i].len == len &&
		    memcmp(members[i].name, name, len) == 0)
			return &members[i];
	return NULL;
}

static int
read_member(struct toc_entry *x, const struct member *m, struct json_pull *r,
    struct err *e)
{
	void *field = (char *)x + m->field;
	uint64_t v = 0;

	switch ((enum kind)m->kind) {
	case NUMBER:
		return read_number(r, INT64_MAX, field, e);
	case NUMBER32:
		if (read_number(r, UINT32_MAX, &v, e) < 0)
			return -1;
		*(uint32_t *)field = v;
		return 0;
	case MODE:
		if (read_number(r, UINT32_MAX, &v, e) < 0)
			return -1;
		x->tar.mode = v & 07777;
		return 0;
	case XATTRS:
		return read_xattrs(x, r, e);
	default:
		return read_text(x, m->kind, r, e);
	}
}

/* text does not move any more. */
static void
resolve(struct toc_entry *x)
{
	const char *text = (const char *)x->text.data;

	x->tar.path = x->path_at == NOWHERE ? "" : text + x->path_at;
	x->tar.link = x->link_at == NOWHERE ? "" : text + x->link_at;
	for (size_t i = 0; i < x->n_xattrs; i++) {
		struct tar_xattr *a = &x->xattrs[i];

		a->name = text + (size_t)a->name;
		a->value = text + (size_t)a->value;
	}
	x->tar.xattrs = x->xattrs;
	x->tar.n_xattrs = x->n_xattrs;
}

int
toc_entry_read(struct toc_entry *x, struct json_pull *r, struct err *e)
{
	enum json_token t;

	clear(x);
	while ((t = json_pull_next(r, e)) == JSON_KEY) {
		const struct member *m = find_member(r->text, r->text_len);

		if (m == NULL) {
			if (json_pull_skip(r, e) < 0)
				return -1;
		} else if (read_member(x, m, r, e) < 0) {
			return err_wrap(e, "\"%s\"", m->name);
		}
	}
	if (t == JSON_FAILED)
		return -1;
	resolve(x);
	return 0;
}
