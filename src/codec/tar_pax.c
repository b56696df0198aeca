#include "codec/tar_pax.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/tar_header.h"
#include "base/err.h"
#include "base/limits.h"

#define XATTR_PREFIX "SCHILY.xattr."

struct record {
	char *key;
	char *value;
	size_t value_len;
};

void
tar_pax_init(struct tar_pax *p)
{
	memset(p, 0, sizeof *p);
	buf_init(&p->sparse_map, LIMIT_SPARSE_SEGMENTS * 16);
}

void
tar_pax_release(struct tar_pax *p)
{
	free(p->xattrs);
	buf_release(&p->sparse_map);
}

void
tar_pax_clear(struct tar_pax *p)
{
	struct tar_pax cleared = {
		.xattrs = p->xattrs,
		.cap_xattrs = p->cap_xattrs,
		.sparse_map = p->sparse_map,
	};

	cleared.sparse_map.len = 0;
	*p = cleared;
}

/* ---- what each key means ---- */

static int
set_id(uint32_t *id, bool *has, const struct record *r, struct err *e)
{
	uint64_t v;

	if (tar_decimal(r->value, r->value_len, &v, e) < 0)
		return -1;
	if (v > UINT32_MAX)
		return err_set(e, EBADMSG, "out of range");
	*id = v;
	*has = true;
	return 0;
}

static int
set_time(struct tar_time *t, const struct record *r, struct err *e)
{
	t->is_set = true;
	return tar_time(r->value, r->value_len, &t->s, &t->ns, e);
}

static int
set_text(const char **text, size_t *len, const struct record *r, struct err *e)
{
	if (memchr(r->value, 0, r->value_len) != NULL)
		return err_set(e, EBADMSG, "NUL inside");
	*text = r->value;
	*len = r->value_len;
	return 0;
}

static int
add_xattr(struct tar_pax *p, const struct record *r, struct err *e)
{
	if (p->n_xattrs == p->cap_xattrs) {
		size_t cap = p->cap_xattrs == 0 ? 8 : 2 * p->cap_xattrs;
		void *more = reallocarray(p->xattrs, cap, sizeof *p->xattrs);

		if (more == NULL)
			return err_set(e, ENOMEM, "out of memory");
		p->xattrs = more;
		p->cap_xattrs = cap;
	}
	p->xattrs[p->n_xattrs++] = (struct tar_xattr){
		.name = r->key + strlen(XATTR_PREFIX),
		.value = r->value,
		.len = r->value_len,
	};
	return 0;
}

static int
add_sparse_number(struct tar_pax *p, const char *text, size_t n, struct err *e)
{
	uint64_t v;

	if (tar_decimal(text, n, &v, e) < 0)
		return -1;
	return buf_append(&p->sparse_map, &v, sizeof v, e);
}

/* 0.1: "offset,length,offset,length" in one record. */
static int
set_sparse_map(struct tar_pax *p, const struct record *r, struct err *e)
{
	const char *at = r->value, *end = r->value + r->value_len;

	p->sparse = PAX_SPARSE_0;
	p->sparse_map.len = 0;
	for (;;) {
		const char *comma = memchr(at, ',', end - at);
		const char *stop = comma != NULL ? comma : end;

		if (add_sparse_number(p, at, stop - at, e) < 0)
			return -1;
		if (comma == NULL)
			return 0;
		at = comma + 1;
	}
}

static int
set_sparse(struct tar_pax *p, const struct record *r, struct err *e)
{
	const char *key = r->key + strlen("GNU.sparse.");

	if (strcmp(key, "major") == 0) {
		if (strcmp(r->value, "1") == 0)
			p->sparse = PAX_SPARSE_1;
		return 0;
	}
	if (strcmp(key, "name") == 0)
		return set_text(&p->sparse_name, &p->sparse_name_len, r, e);
	if (strcmp(key, "size") == 0 || strcmp(key, "realsize") == 0) {
		p->has_sparse_size = true;
		return tar_decimal(r->value, r->value_len, &p->sparse_size, e);
	}
	if (strcmp(key, "map") == 0)
		return set_sparse_map(p, r, e);
	/* 0.0: one record a number. */
	if (strcmp(key, "offset") == 0 || strcmp(key, "numbytes") == 0) {
		p->sparse = PAX_SPARSE_0;
		return add_sparse_number(p, r->value, r->value_len, e);
	}
	return 0;
}

static int
set_record(struct tar_pax *p, const struct record *r, struct err *e)
{
	if (r->value_len == 0 &&
	    strncmp(r->key, XATTR_PREFIX, strlen(XATTR_PREFIX)) != 0)
		return 0;
	if (strcmp(r->key, "path") == 0)
		return set_text(&p->path, &p->path_len, r, e);
	if (strcmp(r->key, "linkpath") == 0)
		return set_text(&p->link, &p->link_len, r, e);
	if (strcmp(r->key, "uid") == 0)
		return set_id(&p->uid, &p->has_uid, r, e);
	if (strcmp(r->key, "gid") == 0)
		return set_id(&p->gid, &p->has_gid, r, e);
	if (strcmp(r->key, "size") == 0) {
		p->has_size = true;
		return tar_decimal(r->value, r->value_len, &p->size, e);
	}
	if (strcmp(r->key, "mtime") == 0) {
		p->has_mtime = true;
		return tar_time(
		    r->value, r->value_len, &p->mtime_s, &p->mtime_ns, e);
	}
	if (strcmp(r->key, "atime") == 0)
		return set_time(&p->atime, r, e);
	if (strcmp(r->key, "ctime") == 0)
		return set_time(&p->ctime, r, e);
	if (strncmp(r->key, XATTR_PREFIX, strlen(XATTR_PREFIX)) == 0)
		return add_xattr(p, r, e);
	if (strncmp(r->key, "GNU.sparse.", strlen("GNU.sparse.")) == 0)
		return set_sparse(p, r, e);
	return 0;
}

/* ---- records ---- */

/* Cuts the record at *at out of the text and moves *at past it. */
static int
cut_record(char **at, char *end, struct record *r, struct err *e)
{
	char *start = *at;
	char *blank = memchr(start, ' ', min_u64(end - start, 20));
	char *equals;
	uint64_t len;

	if (blank == NULL)
		return err_set(e, EBADMSG, "PAX record without a length");
	if (tar_decimal(start, blank - start, &len, e) < 0)
		return err_wrap(e, "PAX record's length");
	if (len > (uint64_t)(end - start) ||
	    len < (uint64_t)(blank - start) + 3 || start[len - 1] != '\n')
		return err_set(e, EBADMSG, "PAX record's length is wrong");
	r->key = blank + 1;
	equals = memchr(r->key, '=', start + len - 1 - r->key);
	if (equals == NULL || equals == r->key ||
	    memchr(r->key, 0, equals - r->key) != NULL)
		return err_set(e, EBADMSG, "PAX record without a key");
	*equals = 0;
	start[len - 1] = 0;
	r->value = equals + 1;
	r->value_len = start + len - 1 - r->value;
	*at = start + len;
	return 0;
}

int
tar_pax_parse(struct tar_pax *p, struct buf *text, struct err *e)
{
	char *at = (char *)text->data;
	char *end = text->len > 0 ? at + text->len : at;

	tar_pax_clear(p);
	p->is_set = true;
	while (at < end) {
		struct record r;

		if (cut_record(&at, end, &r, e) < 0)
			return -1;
		if (set_record(p, &r, e) < 0)
			return err_wrap(e, "PAX %.40s", r.key);
	}
	return 0;
}
