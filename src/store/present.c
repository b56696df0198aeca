#include "store/present.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/room.h"
#include "store/snapshot.h"
#include "base/err.h"

enum { DIRTY_WORDS = BITS_PAGES / 64 };

/* ---- opening ---- */

static struct range
range_of_page(uint64_t page)
{
	return (struct range){ page * BITS_PAGE_BLOCKS,
		(page + 1) * BITS_PAGE_BLOCKS };
}

static void
copy_page(struct present *p, uint64_t page)
{
	for (uint64_t i = page * BITS_PAGE_WORDS;
	     i < (page + 1) * BITS_PAGE_WORDS; i++)
		atomic_store_explicit(&p->now.words[i],
		    bits_word(&p->durable, i), memory_order_release);
}

/* What a full disk has no room to remember is fetched again. */
static int
copy_durable(struct present *p, struct err *e)
{
	if (bits_empty(&p->now, e) < 0)
		return -1;
	for (uint64_t page = 0; bits_next_page(&p->durable, &page); page++) {
		struct err failure = ERR_INIT;

		if (bits_back(&p->now, range_of_page(page), &failure) == 0) {
			copy_page(p, page);
		} else if (!room_is_lacking(&failure)) {
			*e = failure;
			return -1;
		}
	}
	return 0;
}

/* What the last process set but did not sync is for the next sync. */
static void
take_stock(struct present *p)
{
	for (uint64_t page = 0; bits_next_page(&p->now, &page); page++) {
		uint64_t n = bits_count(&p->now, range_of_page(page));

		p->n_blocks += n;
		if (n > 0)
			p->dirty[page / 64] |= UINT64_C(1) << page % 64;
	}
}

int
present_forget_all(struct present *p, struct err *e)
{
	if (bits_empty(&p->durable, e) < 0 || bits_empty(&p->now, e) < 0)
		return -1;
	if (fsync(p->durable.fd) < 0)
		return err_sys(e, "sync of durable");
	p->n_blocks = 0;
	memset(p->dirty, 0, DIRTY_WORDS * sizeof *p->dirty);
	return 0;
}

static int
open_files(struct present *p, int root, bool is_same_boot, bool is_data_new,
    struct err *e)
{
	bool is_now_whole, is_durable_whole;

	if (bits_open(&p->durable, root, "durable", &is_durable_whole, e) < 0 ||
	    bits_open(&p->now, root, "present", &is_now_whole, e) < 0)
		return -1;
	/* What the last process cleared and was killed before it had synced:
	 * nobody sees those bits any more, but the disk has them, and whoever
	 * is given their addresses would find them set after a power cut. */
	if (fdatasync(p->durable.fd) < 0)
		return err_sys(e, "sync of durable");
	if (is_data_new)
		return present_forget_all(p, e);
	if (!is_same_boot || !is_now_whole)
		return copy_durable(p, e);
	return 0;
}

void
present_init(struct present *p)
{
	*p = (struct present){ .now.fd = -1, .durable.fd = -1 };
	lock_init(&p->lock, RANK_PRESENT);
	cond_init(&p->changed);
	edges_init(&p->edges);
	list_init(&p->claims);
	list_init(&p->leases);
}

void
present_release(struct present *p)
{
	bits_close(&p->now);
	bits_close(&p->durable);
	edges_release(&p->edges);
	free(p->dirty);
	cond_destroy(&p->changed);
	lock_destroy(&p->lock);
}

int
present_open(struct present *p, int root, bool is_same_boot, bool is_data_new,
    struct err *e)
{
	p->dirty = calloc(DIRTY_WORDS, sizeof *p->dirty);
	if (p->dirty == NULL)
		return err_set(e, ENOMEM, "bitmaps");
	if (open_files(p, root, is_same_boot, is_data_new, e) < 0)
		return -1;
	take_stock(p);
	return 0;
}

uint64_t
present_end(const struct present *p)
{
	uint64_t end = 0;

	for (uint64_t page = 0; bits_next_page(&p->now, &page); page++)
		for (uint64_t i = page * BITS_PAGE_WORDS;
		     i < (page + 1) * BITS_PAGE_WORDS; i++)
			if (bits_word(&p->now, i) != 0)
				end = i * 64 + 64 -
				      __builtin_clzll(bits_word(&p->now, i));
	return end;
}

/* ---- syncing ---- */

/* One sync at a time; the next one's snapshot has what came meanwhile. */
static int
begin_sync(struct present *p, struct err *e)
{
	LOCK_SCOPE(&p->lock);

	while (p->is_syncing)
		cond_wait(&p->changed, &p->lock);
	if (p->is_frozen)
		return err_set(e, EIO,
		    "data failed to sync before; nothing more is kept over a "
		    "reboot");
	p->snapshot = snapshot_new(&p->now, p->dirty, e);
	if (p->snapshot == NULL)
		return -1;
	memset(p->dirty, 0, DIRTY_WORDS * sizeof *p->dirty);
	p->is_syncing = true;
	return 0;
}

static int
end_sync(struct present *p, int rc)
{
	LOCK_SCOPE(&p->lock);

	if (rc < 0)
		snapshot_give_back(p->snapshot, p->dirty);
	snapshot_free(p->snapshot);
	p->snapshot = NULL;
	p->is_syncing = false;
	cond_broadcast(&p->changed);
	return rc;
}

/* After a failure the kernel calls the lost pages clean, and the next fdatasync
 * succeeds: it would vouch for bytes that are gone. */
static int
sync_data(struct present *p, int data, struct err *e)
{
	if (fdatasync(data) == 0)
		return 0;
	err_sys(e, "sync of data");
	LOCK_SCOPE(&p->lock);
	p->is_frozen = true;
	return -1;
}

static int
sync_snapshot(struct present *p, int data, struct err *e)
{
	if (sync_data(p, data, e) < 0 ||
	    snapshot_back(p->snapshot, &p->durable, e) < 0)
		return -1;
	lock_acquire(&p->lock);
	snapshot_apply(p->snapshot, &p->durable);
	lock_release(&p->lock);
	return fdatasync(p->durable.fd) < 0 ? err_sys(e, "sync of durable") : 0;
}

int
present_sync(struct present *p, int data, struct err *e)
{
	if (begin_sync(p, e) < 0)
		return -1;
	return end_sync(p, sync_snapshot(p, data, e));
}

bool
present_is_frozen(struct present *p)
{
	LOCK_SCOPE(&p->lock);

	return p->is_frozen;
}
