/* Claims on blocks, and what happens under them: writing and dropping. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "store/lease.h"
#include "store/present.h"
#include "store/snapshot.h"
#include "base/bytes.h"
#include "base/err.h"

static bool
is_claimed(const struct present *p, const struct claim *c)
{
	list_for_each(l, &p->claims) {
		const struct claim *other = list_entry(l, struct claim, link);

		if ((c->is_drop || other->is_drop) &&
		    ranges_overlap(&c->blocks, &other->blocks))
			return true;
	}
	return false;
}

static void
begin_claim(struct present *p, struct claim *c)
{
	LOCK_SCOPE(&p->lock);

	while (is_claimed(p, c))
		cond_wait(&p->changed, &p->lock);
	list_push_back(&p->claims, &c->link);
}

static void
end_claim(struct present *p, struct claim *c)
{
	LOCK_SCOPE(&p->lock);

	list_remove(&c->link);
	cond_broadcast(&p->changed);
}

/* ---- writing ---- */

int
present_begin_write(struct present *p, struct claim *c, uint64_t off,
    uint64_t len, struct err *e)
{
	c->is_drop = false;
	c->own = range_of_bytes(off, len);
	c->blocks = (struct ranges){ .at = &c->own, .n = 1 };
	if (bits_back(&p->now, c->own, e) < 0)
		return -1;
	begin_claim(p, c);
	return 0;
}

void
present_cancel_write(struct present *p, struct claim *c)
{
	end_claim(p, c);
}

static void
set_bits(struct present *p, struct range r)
{
	uint64_t n = bits_set(&p->now, r);

	if (n == 0)
		return;
	atomic_fetch_add_explicit(&p->n_blocks, n, memory_order_relaxed);
	for (uint64_t page = r.first / BITS_PAGE_BLOCKS;
	     page <= (r.end - 1) / BITS_PAGE_BLOCKS; page++)
		p->dirty[page / 64] |= UINT64_C(1) << page % 64;
}

/* Bytes [from, to) of a block that others fill the rest of. */
static void
add_edge(struct present *p, uint64_t block, unsigned from, unsigned to)
{
	if (!bits_has(&p->now, block) && edges_add(&p->edges, block, from, to))
		set_bits(p, (struct range){ block, block + 1 });
}

static void
mark_bytes(struct present *p, uint64_t off, uint64_t end)
{
	uint64_t first = off / STORE_BLOCK, last = end / STORE_BLOCK;
	unsigned head = off % STORE_BLOCK, tail = end % STORE_BLOCK;

	if (first == last) {
		add_edge(p, first, head, tail);
		return;
	}
	if (head > 0)
		add_edge(p, first++, head, STORE_BLOCK);
	if (tail > 0)
		add_edge(p, last, 0, tail);
	if (first < last) {
		set_bits(p, (struct range){ first, last });
		edges_drop(&p->edges, (struct range){ first, last });
	}
}

/* Lock held. */
static bool
block_holds(const struct present *p, uint64_t block, uint64_t off, uint64_t end)
{
	uint64_t start = block * STORE_BLOCK;
	uint64_t from = max_u64(off, start) - start;
	uint64_t to = min_u64(end - start, STORE_BLOCK);

	return bits_has(&p->now, block) ||
	       edges_has(&p->edges, block, from, to);
}

bool
present_holds(struct present *p, uint64_t off, uint64_t len)
{
	struct range r = range_of_bytes(off, len);
	LOCK_SCOPE(&p->lock);

	return block_holds(p, r.first, off, off + len) &&
	       block_holds(p, r.end - 1, off, off + len) &&
	       (r.end - r.first <= 2 ||
		   present_has(p, (struct range){ r.first + 1, r.end - 1 }));
}

void
present_end_write(
    struct present *p, struct claim *c, uint64_t off, uint64_t len)
{
	lock_acquire(&p->lock);
	mark_bytes(p, off, off + len);
	lock_release(&p->lock);
	end_claim(p, c);
}

/* ---- dropping ---- */

/* Lock held.  Returns which of the clears of durable bits must be on disk
 * before the bytes may go: after a crash, a bit that is back would vouch for a
 * hole. */
static uint64_t
clear_bits(struct present *p, const struct ranges *r, uint64_t *dropped)
{
	uint64_t n = 0, n_durable = 0;

	for (size_t i = 0; i < r->n; i++) {
		n += bits_clear(&p->now, r->at[i]);
		n_durable += bits_clear(&p->durable, r->at[i]);
		if (p->snapshot != NULL)
			snapshot_clear(p->snapshot, r->at[i]);
		edges_drop(&p->edges, r->at[i]);
	}
	atomic_fetch_sub_explicit(&p->n_blocks, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->drops, 1, memory_order_seq_cst);
	p->durable_clears += n_durable > 0;
	*dropped = n;
	return p->durable_clears;
}

static int
sync_clears(struct present *p, uint64_t clears, struct err *e)
{
	bool is_done;

	lock_acquire(&p->lock);
	is_done = p->durable_cleared >= clears;
	lock_release(&p->lock);
	if (is_done)
		return 0;
	if (fdatasync(p->durable.fd) < 0)
		return err_sys(e, "sync of durable");
	LOCK_SCOPE(&p->lock);
	if (p->durable_cleared < clears)
		p->durable_cleared = clears;
	return 0;
}

static int
punch(int data, struct range r, struct err *e)
{
	while (fallocate(data, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		   r.first * STORE_BLOCK, (r.end - r.first) * STORE_BLOCK) < 0)
		if (errno != EINTR)
			return err_sys(
			    e, "punch a hole at block %" PRIu64, r.first);
	return 0;
}

static int
punch_all(struct present *p, int data, const struct ranges *r, uint64_t clears,
    struct err *e)
{
	if (sync_clears(p, clears, e) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++)
		if (punch(data, r->at[i], e) < 0)
			return -1;
	return 0;
}

static int
drop_claimed(struct present *p, int data, const struct ranges *r,
    uint64_t *dropped, struct err *e)
{
	uint64_t clears;

	lock_acquire(&p->lock);
	clears = clear_bits(p, r, dropped);
	lock_release(&p->lock);
	return punch_all(p, data, r, clears, e);
}

/* Lock held. */
static int
list_unleased(const struct present *p, const struct ranges *r,
    struct ranges *out, struct err *e)
{
	AUTO_RANGES struct ranges leased = { 0 };

	list_for_each(l, &p->leases) {
		const struct lease *x = list_entry(l, struct lease, link);
		struct range blocks = { x->first, x->end };

		if (ranges_push(&leased, blocks, e) < 0)
			return -1;
	}
	ranges_normalise(&leased);
	for (size_t i = 0; i < r->n; i++)
		if (ranges_push_outside(out, r->at[i], &leased, e) < 0)
			return -1;
	return 0;
}

/* What is leased is looked up under the same lock as the bits are cleared: who
 * takes a lease later sees them cleared. */
static int
evict_claimed(struct present *p, int data, const struct ranges *r,
    uint64_t *dropped, struct err *e)
{
	AUTO_RANGES struct ranges left = { 0 };
	uint64_t clears = 0;
	int rc;

	lock_acquire(&p->lock);
	rc = list_unleased(p, r, &left, e);
	if (rc == 0)
		clears = clear_bits(p, &left, dropped);
	lock_release(&p->lock);
	return rc < 0 ? -1 : punch_all(p, data, &left, clears, e);
}

static int
drop(struct present *p, int data, const struct ranges *r,
    int (*under_claim)(struct present *p, int data, const struct ranges *r,
	uint64_t *dropped, struct err *e),
    uint64_t *dropped, struct err *e)
{
	struct claim c = { .blocks = *r, .is_drop = true };
	int rc;

	*dropped = 0;
	if (r->n == 0)
		return 0;
	begin_claim(p, &c);
	rc = under_claim(p, data, r, dropped, e);
	end_claim(p, &c);
	return rc;
}

int
present_drop(struct present *p, int data, const struct ranges *r,
    uint64_t *dropped, struct err *e)
{
	return drop(p, data, r, drop_claimed, dropped, e);
}

int
present_evict(struct present *p, int data, const struct ranges *r,
    uint64_t *dropped, struct err *e)
{
	return drop(p, data, r, evict_claimed, dropped, e);
}
