#include "mount/stale.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mount/mount.h"
#include "mount/showing.h"
#include "layer/view.h"
#include "index/index.h"
#include "base/err.h"

enum { BATCH = MOUNT_FILES_MAX };

int
stale_note(struct stale *s, uint64_t data_off, uint64_t len, struct err *e)
{
	if (s->n == s->room) {
		size_t room = 2 * s->room + 16;
		struct stale_range *more =
		    reallocarray(s->ranges, room, sizeof *more);

		if (more == NULL)
			return err_set(e, ENOMEM, "list of what is wrong");
		s->ranges = more;
		s->room = room;
	}
	s->ranges[s->n++] = (struct stale_range){ data_off, data_off + len };
	return 0;
}

void
stale_release(struct stale *s)
{
	free(s->ranges);
	*s = STALE_INIT;
}

/* They are of chunks, so they do not overlap. */
static int
compare(const void *a, const void *b)
{
	const struct stale_range *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* Sorted: some range has a byte of [from, to). */
static bool
has_any(const struct stale *s, uint64_t from, uint64_t to)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s->ranges[middle].to <= from)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && s->ranges[low].from < to;
}

/* ---- one mount ---- */

struct batch {
	struct mount *mount;
	uint64_t nids[BATCH];
	size_t n;
	unsigned n_kept;
};

static int
send(struct batch *b, struct err *e)
{
	unsigned n_kept = 0;
	int rc = mount_drop_pages(b->mount, b->nids, b->n, &n_kept, e);

	b->n = 0;
	b->n_kept += n_kept;
	return rc;
}

static int
drop_file(struct batch *b, uint64_t nid, struct err *e)
{
	b->nids[b->n++] = nid;
	return b->n < BATCH ? 0 : send(b, e);
}

/* Equal files have one place: all are looked at. */
static int
drop_of(const struct stale *s, struct mount *m, unsigned *n_kept, struct err *e)
{
	const struct index *x = view_index(mount_view(m));
	struct batch b = { .mount = m };
	uint64_t off, size;
	int rc = 0;

	for (uint64_t nid = index_next(x, 0); nid != 0 && rc == 0;
	     nid = index_next(x, nid))
		if (index_file(x, nid, &off, &size) &&
		    has_any(s, off, off + size))
			rc = drop_file(&b, nid, e);
	if (rc == 0 && b.n > 0)
		rc = send(&b, e);
	*n_kept += b.n_kept;
	return rc;
}

int
stale_drop(
    struct stale *s, struct showings *all, unsigned *n_kept, struct err *e)
{
	struct showing **shown;
	size_t n;
	int rc = 0;

	*n_kept = 0;
	if (s->n == 0)
		return 0;
	qsort(s->ranges, s->n, sizeof *s->ranges, compare);
	shown = showings_take_all(all, &n);
	if (shown == NULL)
		return err_set(e, ENOMEM, "list of mounts");
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			rc = drop_of(s, showing_mount(shown[i]), n_kept, e);
		showings_put(all, shown[i]);
	}
	free(shown);
	return rc;
}
