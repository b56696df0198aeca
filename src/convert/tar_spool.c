#include "convert/tar_spool.h"

#include <errno.h>
#include <stdlib.h>

#include "convert/tar_order.h"
#include "convert/wish.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/list.h"

enum { ROOM_BYTES = 1 << 20 };

/* ---- what the tar says ---- */

static int
on_entry(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	return tar_order_entry(
	    container_of(s, struct tar_spool, events)->order, x, e);
}

/* ---- in ---- */

int
tar_spool_init(struct tar_spool *s, int fd, struct err *e)
{
	*s = (struct tar_spool){
		.fd = fd,
		.room = malloc(ROOM_BYTES),
		.events = { .entry = on_entry },
	};
	if (s->room == NULL)
		return err_set(e, ENOMEM, "a layer's tar");
	s->order = tar_order_new(e);
	s->tar = s->order == NULL ? NULL : tar_new(e);
	return s->tar == NULL ? -1 : 0;
}

void
tar_spool_release(struct tar_spool *s)
{
	tar_free(s->tar);
	tar_order_free(s->order);
	free(s->room);
}

void
tar_spool_room(struct tar_spool *s, uint8_t **p, size_t *n)
{
	*p = s->room;
	*n = ROOM_BYTES;
}

int
tar_spool_fill(struct tar_spool *s, size_t n, struct err *e)
{
	if (fs_pwrite(s->fd, s->room, n, s->len, e) < 0)
		return -1;
	s->len += n;
	return tar_feed(s->tar, s->room, n, &s->events, e);
}

int
tar_spool_end(struct tar_spool *s, const struct wish *w, struct err *e)
{
	if (tar_end(s->tar, e) < 0 || tar_order_end(s->order, s->len, e) < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++)
		if (tar_order_pick(s->order, w->paths[i], e) < 0)
			return -1;
	return 0;
}

/* ---- out ---- */

bool
tar_spool_next(struct tar_spool *s, struct tar_stretch *part)
{
	return tar_order_next(s->order, part);
}

int
tar_spool_read(
    const struct tar_spool *s, void *p, size_t n, uint64_t off, struct err *e)
{
	return fs_pread(s->fd, p, n, off, e);
}
