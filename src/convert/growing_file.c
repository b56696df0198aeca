#include "convert/growing_file.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"

void
growing_file_init(struct growing_file *g, int fd)
{
	*g = (struct growing_file){ .fd = fd };
	lock_init(&g->lock, RANK_LEAF);
	cond_init(&g->changed);
}

void
growing_file_release(struct growing_file *g)
{
	cond_destroy(&g->changed);
	lock_destroy(&g->lock);
}

void
growing_file_grow(struct growing_file *g, uint64_t size)
{
	LOCK_SCOPE(&g->lock);

	if (size == g->size)
		return;
	g->size = size;
	cond_signal(&g->changed);
}

void
growing_file_end(struct growing_file *g, bool is_whole)
{
	LOCK_SCOPE(&g->lock);

	g->has_ended = true;
	g->is_whole = is_whole;
	cond_signal(&g->changed);
}

uint64_t
growing_file_size(struct growing_file *g)
{
	LOCK_SCOPE(&g->lock);

	return g->size;
}

/* *size: more than `off`, or the end. */
static int
wait_for(struct growing_file *g, uint64_t off, uint64_t *size, struct err *e)
{
	LOCK_SCOPE(&g->lock);

	while (g->size <= off && !g->has_ended)
		cond_wait(&g->changed, &g->lock);
	if (g->has_ended && !g->is_whole)
		return err_set(e, ECANCELED, "it could not be made");
	*size = g->size;
	return 0;
}

ssize_t
growing_file_read(
    struct growing_file *g, uint64_t off, void *p, size_t n, struct err *e)
{
	uint64_t size;
	ssize_t got;

	if (wait_for(g, off, &size, e) < 0)
		return -1;
	if (off >= size)
		return 0;
	got = pread(g->fd, p, min_u64(n, size - off), off);
	return got < 0 ? err_sys(e, "read what is to be uploaded") : got;
}
