#include "store/heat.h"

#include <errno.h>
#include <sys/mman.h>

#include "store/bits.h"
#include "base/bytes.h"
#include "base/err.h"

#define UNITS (BITS_BLOCKS / HEAT_UNIT_BLOCKS)
#define STAMPS_BYTES (UNITS * sizeof(_Atomic uint16_t))
#define TICK_BYTES MIB(64)

int
heat_init(struct heat *h, struct err *e)
{
	void *p = mmap(NULL, STAMPS_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*h = (struct heat){ .now = 1, .tick_bytes = TICK_BYTES };
	if (p == MAP_FAILED)
		return err_sys(e, "memory for the ages of data");
	h->stamps = p;
	return 0;
}

void
heat_release(struct heat *h)
{
	if (h->stamps != NULL)
		munmap((void *)h->stamps, STAMPS_BYTES);
	h->stamps = NULL;
}

static uint64_t
first_unit(struct range r)
{
	return r.first / HEAT_UNIT_BLOCKS;
}

static uint64_t
end_unit(struct range r)
{
	return (r.end + HEAT_UNIT_BLOCKS - 1) / HEAT_UNIT_BLOCKS;
}

void
heat_touch(struct heat *h, struct range r)
{
	uint16_t now = atomic_load_explicit(&h->now, memory_order_relaxed);

	for (uint64_t u = first_unit(r); u < end_unit(r); u++)
		if (atomic_load_explicit(&h->stamps[u], memory_order_relaxed) !=
		    now)
			atomic_store_explicit(
			    &h->stamps[u], now, memory_order_relaxed);
}

void
heat_wrote(struct heat *h, uint64_t bytes)
{
	uint64_t step =
	    atomic_load_explicit(&h->tick_bytes, memory_order_relaxed);
	uint64_t before = atomic_fetch_add_explicit(
	    &h->wrote_bytes, bytes, memory_order_relaxed);

	if (before / step != (before + bytes) / step)
		heat_tick(h);
}

/* The clock has come to its end: half of the past is forgotten.  Who reads ages
 * meanwhile is off, once in 65,000 ticks. */
static void
halve(struct heat *h)
{
	for (uint64_t u = 0; u < UNITS; u++) {
		uint16_t stamp =
		    atomic_load_explicit(&h->stamps[u], memory_order_relaxed);

		if (stamp > 0)
			atomic_store_explicit(&h->stamps[u], (stamp + 1) / 2,
			    memory_order_relaxed);
	}
}

void
heat_tick(struct heat *h)
{
	uint16_t now = atomic_load(&h->now);

	if (now < UINT16_MAX - 1) {
		/* Where two tick at once, one tick is lost. */
		atomic_compare_exchange_strong(&h->now, &now, now + 1);
		return;
	}
	if (!atomic_compare_exchange_strong(&h->now, &now, now / 2 + 1))
		return;
	halve(h);
}

/* Without the units at its ends that it shares with others, if any is left. */
static struct range
own_units(struct range r)
{
	struct range own = { align_up(r.first, HEAT_UNIT_BLOCKS),
		align_down(r.end, HEAT_UNIT_BLOCKS) };

	return own.first < own.end ? own : r;
}

uint16_t
heat_age(const struct heat *h, struct range blocks)
{
	struct range r = own_units(blocks);
	uint16_t now = atomic_load_explicit(&h->now, memory_order_relaxed);
	uint16_t youngest = 0;

	for (uint64_t u = first_unit(r); u < end_unit(r); u++) {
		uint16_t stamp =
		    atomic_load_explicit(&h->stamps[u], memory_order_relaxed);

		if (stamp > youngest)
			youngest = stamp;
	}
	if (youngest == 0)
		return HEAT_NEVER;
	return youngest > now ? 0 : now - youngest;
}
