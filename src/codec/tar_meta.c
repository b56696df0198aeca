#include "codec/tar_meta.h"

#include <errno.h>
#include <string.h>

#include "codec/tar.h"
#include "base/err.h"
#include "base/limits.h"

void
tar_meta_init(struct tar_meta *m)
{
	memset(m, 0, sizeof *m);
	buf_init(&m->long_name, LIMIT_PATH_BYTES + TAR_BLOCK);
	buf_init(&m->long_link, LIMIT_PATH_BYTES + TAR_BLOCK);
	buf_init(&m->pax_text, LIMIT_PAX_BYTES);
	buf_init(&m->global_text, LIMIT_PAX_BYTES);
	tar_pax_init(&m->pax);
}

void
tar_meta_release(struct tar_meta *m)
{
	buf_release(&m->long_name);
	buf_release(&m->long_link);
	buf_release(&m->pax_text);
	buf_release(&m->global_text);
	tar_pax_release(&m->pax);
}

int
tar_meta_begin(struct tar_meta *m, uint8_t type, uint64_t size, struct err *e)
{
	m->text = type == 'L'   ? &m->long_name
		  : type == 'K' ? &m->long_link
		  : type == 'x' ? &m->pax_text
				: &m->global_text;
	if (size > m->text->max)
		return err_set(e, EBADMSG,
		    "extended header '%c' of %llu bytes is too large", type,
		    (unsigned long long)size);
	m->text->len = 0;
	m->type = type;
	m->left = size;
	return 0;
}

static int
complete(struct tar_meta *m, struct err *e)
{
	struct tar_pax global;
	int rc;

	switch (m->type) {
	case 'L':
		m->has_long_name = true;
		return 0;
	case 'K':
		m->has_long_link = true;
		return 0;
	case 'x':
		return tar_pax_parse(&m->pax, &m->pax_text, e);
	default:
		m->has_global = true;
		tar_pax_init(&global);
		rc = tar_pax_parse(&global, &m->global_text, e);
		tar_pax_release(&global);
		return rc;
	}
}

int
tar_meta_feed(struct tar_meta *m, const uint8_t *p, size_t n, struct err *e)
{
	if (buf_append(m->text, p, n, e) < 0)
		return -1;
	m->left -= n;
	return m->left > 0 ? 0 : complete(m, e);
}

void
tar_meta_forget(struct tar_meta *m)
{
	m->has_long_name = m->has_long_link = false;
	tar_pax_clear(&m->pax);
}

bool
tar_meta_is_owed(const struct tar_meta *m)
{
	return m->has_long_name || m->has_long_link || m->pax.is_set;
}
