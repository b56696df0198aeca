#include "store/room.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "store/store_private.h"
#include "base/bytes.h"
#include "base/err.h"

/* An age for so much of a quota that came in. */
enum { TICKS_A_QUOTA = 256 };

void
store_set_room(struct store *s, const struct store_room *r)
{
	if (r != NULL && r->max_bytes != UINT64_MAX)
		s->heat.tick_bytes =
		    max_u64(r->max_bytes / TICKS_A_QUOTA, STORE_BLOCK);
	atomic_store(&s->room, r);
}

uint64_t
store_disk_bytes(const struct store *s)
{
	struct stat st = { 0 };

	fstat(s->data, &st);
	return st.st_blocks * UINT64_C(512);
}

void
store_disk(const struct store *s, struct store_disk *out)
{
	struct statvfs fs = { 0 };

	fstatvfs(s->data, &fs);
	out->size_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	out->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
}

void
room_before_write(struct store *s, uint64_t len)
{
	const struct store_room *r = atomic_load(&s->room);
	uint64_t bytes;

	if (r == NULL ||
	    s->present.n_blocks * STORE_BLOCK + len < r->high_bytes)
		return;
	/* Zeros that are present take no disk: now the exact figure. */
	bytes = store_disk_bytes(s) + len;
	if (bytes >= r->max_bytes)
		r->make(r->ctx, false);
	else if (bytes >= r->high_bytes)
		r->on_pressure(r->ctx);
}

bool
room_is_lacking(const struct err *failure)
{
	return failure->code == ENOSPC || failure->code == EDQUOT;
}

bool
store_make_room(struct store *s, const struct err *failure)
{
	const struct store_room *r = atomic_load(&s->room);

	if (r == NULL || !room_is_lacking(failure))
		return false;
	return r->make(r->ctx, true);
}
