#include "convert/tar_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "convert/toc_misfit.h"
#include "codec/tar.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct entry {
	uint64_t end; /* in the tar; it begins where the one before ends */
	uint32_t name, name_len; /* in names: "/usr/bin/env" */
	uint32_t link, link_len; /* of what it is a hard link; or 0 */
	bool is_picked;
};

struct tar_order {
	struct toc_misfits misfits;
	const char *misfit; /* NULL: entries may be moved */
	uint64_t tar_bytes;

	struct buf names;
	struct buf entries; /* struct entry, as in the tar */
	struct buf by_name; /* uint32_t: entries, sorted */
	struct buf picked;  /* uint32_t: entries, in their order */
	struct buf path;    /* that is looked for */

	size_t next_picked, next_other;
	bool is_at_end;
};

static struct entry *
get(const struct tar_order *o, size_t i)
{
	return (struct entry *)o->entries.data + i;
}

static size_t
count(const struct tar_order *o)
{
	return o->entries.len / sizeof(struct entry);
}

static uint32_t
picked(const struct tar_order *o, size_t i)
{
	return ((const uint32_t *)o->picked.data)[i];
}

static size_t
n_picked(const struct tar_order *o)
{
	return o->picked.len / sizeof(uint32_t);
}

/* ---- what the tar holds ---- */

static int
keep_name(struct tar_order *o, const struct buf *name, uint32_t *off,
    uint32_t *len, struct err *e)
{
	*off = o->names.len;
	*len = name->len;
	return buf_append(&o->names, name->data, name->len, e);
}

static int
add(struct tar_order *o, const struct tar_entry *x, struct err *e)
{
	struct entry n = { .end =
			       align_up(x->stream_off + x->size, TAR_BLOCK) };
	const char *ignored;

	if (keep_name(o, &o->misfits.path, &n.name, &n.name_len, e) < 0)
		return -1;
	if (x->type == TAR_HARDLINK &&
	    (toc_misfit_path(&o->path, x->link, x->link_len, &ignored, e) < 0 ||
		keep_name(o, &o->path, &n.link, &n.link_len, e) < 0))
		return -1;
	return buf_append(&o->entries, &n, sizeof n, e);
}

int
tar_order_entry(struct tar_order *o, const struct tar_entry *x, struct err *e)
{
	if (o->misfit != NULL)
		return 0;
	if (toc_misfit(&o->misfits, x, &o->misfit, e) < 0)
		return -1;
	if (o->misfit != NULL || add(o, x, e) == 0)
		return 0;
	if (e->code != E2BIG)
		return -1;
	o->misfit = toc_too_large;
	return 0;
}

/* ---- names ---- */

static int
compare(const void *a, size_t n_a, const void *b, size_t n_b)
{
	int c = memcmp(a, b, min_u64(n_a, n_b));

	return c != 0 ? c : (n_a > n_b) - (n_a < n_b);
}

static int
compare_entries(const void *a, const void *b, void *order)
{
	const struct tar_order *o = order;
	const struct entry *x = get(o, *(const uint32_t *)a);
	const struct entry *y = get(o, *(const uint32_t *)b);

	return compare(o->names.data + x->name, x->name_len,
	    o->names.data + y->name, y->name_len);
}

int
tar_order_end(struct tar_order *o, uint64_t tar_bytes, struct err *e)
{
	size_t n = count(o);

	o->tar_bytes = tar_bytes;
	/* Its last padding may be missing. */
	if (o->misfit != NULL || (n > 0 && get(o, n - 1)->end > tar_bytes)) {
		o->entries.len = 0;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		if (buf_append(&o->by_name, &i, sizeof i, e) < 0)
			return -1;
	if (n > 0)
		qsort_r(
		    o->by_name.data, n, sizeof(uint32_t), compare_entries, o);
	return 0;
}

/* The entry of that name; -1. */
static ptrdiff_t
find(const struct tar_order *o, const void *name, size_t len)
{
	const uint32_t *sorted = (const void *)o->by_name.data;
	size_t lo = 0, hi = count(o);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct entry *x = get(o, sorted[mid]);
		int c =
		    compare(name, len, o->names.data + x->name, x->name_len);

		if (c == 0)
			return sorted[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return -1;
}

/* ---- picking ---- */

static int
take(struct tar_order *o, uint32_t i, struct err *e)
{
	get(o, i)->is_picked = true;
	return buf_append(&o->picked, &i, sizeof i, e);
}

/* If it came before `i`. */
static int
take_before(struct tar_order *o, const void *name, size_t len, uint32_t i,
    struct err *e)
{
	ptrdiff_t n = find(o, name, len);

	if (n < 0 || n >= i || get(o, n)->is_picked)
		return 0;
	return take(o, n, e);
}

/* What takes away what lies at `name`, of which the last part begins behind
 * `folder` bytes. */
static int
take_whiteouts(struct tar_order *o, const uint8_t *name, size_t folder,
    size_t len, uint32_t i, struct err *e)
{
	struct buf *p = &o->path;

	p->len = 0;
	if (buf_append(p, name, folder, e) < 0 ||
	    buf_append_str(p, "/" OPAQUE, e) < 0 ||
	    take_before(o, p->data, p->len, i, e) < 0)
		return -1;
	p->len = folder;
	if (buf_append_str(p, "/" WHITEOUT, e) < 0 ||
	    buf_append(p, name + folder + 1, len - folder - 1, e) < 0)
		return -1;
	return take_before(o, p->data, p->len, i, e);
}

static int
take_needed(struct tar_order *o, uint32_t i, struct err *e)
{
	const struct entry x = *get(o, i);
	const uint8_t *name = o->names.data + x.name;
	size_t folder = 0;

	for (size_t end = 1; end <= x.name_len; end++) {
		if (end < x.name_len && name[end] != '/')
			continue;
		if (take_whiteouts(o, name, folder, end, i, e) < 0 ||
		    take_before(o, name, end, i, e) < 0)
			return -1;
		folder = end;
	}
	if (x.link_len == 0)
		return 0;
	return take_before(o, o->names.data + x.link, x.link_len, i, e);
}

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Whatever is needed came before: as in the tar, it is in a right order. */
int
tar_order_pick(struct tar_order *o, const char *path, struct err *e)
{
	size_t first = n_picked(o);
	ptrdiff_t n;

	o->path.len = 0;
	if (count(o) == 0)
		return 0;
	if (buf_append(&o->path, "/", 1, e) < 0 ||
	    buf_append_str(&o->path, path, e) < 0)
		return -1;
	n = find(o, o->path.data, o->path.len);
	if (n < 0 || get(o, n)->is_picked)
		return 0;
	if (take(o, n, e) < 0)
		return -1;
	for (size_t i = first; i < n_picked(o); i++)
		if (take_needed(o, picked(o, i), e) < 0)
			return -1;
	qsort((uint32_t *)o->picked.data + first, n_picked(o) - first,
	    sizeof(uint32_t), compare_numbers);
	return 0;
}

/* ---- the new order ---- */

/* The next entry; -1: those were all. */
static ptrdiff_t
next_entry(struct tar_order *o)
{
	if (o->next_picked < n_picked(o))
		return picked(o, o->next_picked++);
	while (o->next_other < count(o))
		if (!get(o, o->next_other++)->is_picked)
			return o->next_other - 1;
	return -1;
}

bool
tar_order_next(struct tar_order *o, struct tar_stretch *s)
{
	ptrdiff_t i = next_entry(o);

	if (i >= 0) {
		s->off = i == 0 ? 0 : get(o, i - 1)->end;
		s->len = get(o, i)->end - s->off;
		return true;
	}
	if (o->is_at_end)
		return false;
	o->is_at_end = true;
	s->off = count(o) == 0 ? 0 : get(o, count(o) - 1)->end;
	s->len = o->tar_bytes - s->off;
	return s->len > 0;
}

/* ---- life ---- */

struct tar_order *
tar_order_new(struct err *e)
{
	struct tar_order *o = calloc(1, sizeof *o);

	if (o == NULL) {
		err_set(e, ENOMEM, "the order of a layer");
		return NULL;
	}
	toc_misfits_init(&o->misfits);
	buf_init(&o->names, LIMIT_TOC_BYTES);
	buf_init(&o->entries, LIMIT_TOC_BYTES);
	buf_init(&o->by_name, LIMIT_TOC_BYTES);
	buf_init(&o->picked, LIMIT_TOC_BYTES);
	buf_init(&o->path, 2 * LIMIT_PATH_BYTES);
	return o;
}

void
tar_order_free(struct tar_order *o)
{
	if (o == NULL)
		return;
	toc_misfits_release(&o->misfits);
	buf_release(&o->names);
	buf_release(&o->entries);
	buf_release(&o->by_name);
	buf_release(&o->picked);
	buf_release(&o->path);
	free(o);
}
