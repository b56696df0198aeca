#include "convert/toc_misfit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "convert/json_text.h"
#include "codec/tar.h"
#include "codec/tar_header.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"

/* In a GNU header they lie where ustar has its prefix. */
enum { GNU_ATIME = 345, GNU_CTIME = 357 };

const char toc_too_large[] = "more entries than a table may have";
const char toc_refused[] = "a hard link to what is not there, or the like";

enum { XATTRS_MAX = 128, NAMES_FIRST = 4096 };

void
toc_misfits_init(struct toc_misfits *m)
{
	*m = (struct toc_misfits){ 0 };
	buf_init(&m->path, 2 * LIMIT_PATH_BYTES);
}

void
toc_misfits_release(struct toc_misfits *m)
{
	free(m->names);
	buf_release(&m->path);
}

/* ---- names that were there ---- */

/* False: it was. */
static bool
insert(struct toc_misfits *m, uint64_t hash)
{
	size_t i = hash & m->mask;

	for (; m->names[i] != 0; i = (i + 1) & m->mask)
		if (m->names[i] == hash)
			return false;
	m->names[i] = hash;
	m->n_names++;
	return true;
}

static int
grow(struct toc_misfits *m, struct err *e)
{
	struct toc_misfits more = *m;
	size_t size = m->names == NULL ? NAMES_FIRST : 2 * (m->mask + 1);

	more.names = calloc(size, sizeof *more.names);
	if (more.names == NULL)
		return err_set(e, ENOMEM, "names of a layer");
	more.mask = size - 1;
	more.n_names = 0;
	for (size_t i = 0; m->names != NULL && i <= m->mask; i++)
		if (m->names[i] != 0)
			insert(&more, m->names[i]);
	free(m->names);
	*m = more;
	return 0;
}

static bool
is_part(const char *part, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(part, text, len) == 0;
}

int
toc_misfit_path(struct buf *out, const char *path, size_t len, const char **why,
    struct err *e)
{
	const char *end = path + len;

	out->len = 0;
	while (path < end) {
		const char *slash = memchr(path, '/', end - path);
		size_t part = (slash != NULL ? slash : end) - path;

		if (is_part(path, part, ".."))
			*why = "a name that leads upwards";
		if (part > 0 && !is_part(path, part, ".") &&
		    (buf_append(out, "/", 1, e) < 0 ||
			buf_append(out, path, part, e) < 0))
			return -1;
		path += part + (slash != NULL);
	}
	return 0;
}

static int
check_name(struct toc_misfits *m, const struct tar_entry *x, const char **why,
    struct err *e)
{
	uint64_t hash;

	if (m->n_names >= (m->mask + 1) / 2 && grow(m, e) < 0)
		return -1;
	if (toc_misfit_path(&m->path, x->path, x->path_len, why, e) < 0)
		return -1;
	hash = hash_bytes(m->path.data, m->path.len, 0);
	if (!insert(m, hash == 0 ? 1 : hash))
		*why = "two entries of one name";
	return 0;
}

/* ---- the rest ---- */

static const char *
find_in_texts(const struct tar_entry *x)
{
	static const char why[] = "a name that is no UTF-8";

	if (x->path_len == 0)
		return "an entry without a name";
	if (!json_text_is_possible(x->path, x->path_len) ||
	    !json_text_is_possible(x->link, x->link_len))
		return why;
	if (x->n_xattrs > XATTRS_MAX)
		return "many extended attributes on one file";
	for (size_t i = 0; i < x->n_xattrs; i++) {
		const char *name = x->xattrs[i].name;

		if (!json_text_is_possible(name, strlen(name)))
			return why;
		for (size_t k = 0; k < i; k++)
			if (strcmp(x->xattrs[k].name, name) == 0)
				return "two extended attributes of one name";
	}
	return NULL;
}

static const char *
find_in_header(const struct tar_entry *x)
{
	enum tar_dialect dialect = tar_dialect(x->header);
	uint8_t type = x->header[TAR_TYPE];
	int64_t mode = -1;
	struct err e;

	if (x->is_after_global)
		return "a global header";
	if (x->is_sparse)
		return "a sparse file";
	if (type < '0' || type > '6')
		return "an entry of an old or rare type";
	if (x->told_size != x->size)
		return "contents of what can have none";
	if (tar_number(x->header + TAR_MODE, TAR_ID_LEN, &mode, &e) < 0 ||
	    mode < 0)
		return "a mode out of range";
	if (dialect == TAR_STAR ||
	    (dialect == TAR_GNU &&
		(x->header[GNU_ATIME] != 0 || x->header[GNU_CTIME] != 0)))
		return "a header with times of its own";
	return NULL;
}

static bool
is_time_possible(int64_t s, uint32_t ns)
{
	/* Readers disagree about fractions before 1970. */
	return json_text_has_year(s) && (s >= 0 || ns == 0);
}

static const char *
find_in_times(const struct tar_entry *x)
{
	if (!is_time_possible(x->mtime_s, x->mtime_ns) ||
	    !is_time_possible(x->atime.s, x->atime.ns) ||
	    !is_time_possible(x->ctime.s, x->ctime.ns))
		return "a time out of range";
	return NULL;
}

int
toc_misfit(struct toc_misfits *m, const struct tar_entry *x, const char **why,
    struct err *e)
{
	*why = find_in_texts(x);
	if (*why == NULL)
		*why = find_in_header(x);
	if (*why == NULL)
		*why = find_in_times(x);
	return *why == NULL ? check_name(m, x, why, e) : 0;
}
