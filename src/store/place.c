/* The store's addresses: which maps name what, and where new objects go. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "store/store_private.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/metrics.h"

static int
name_objects(struct store *s, const struct map *m, struct err *e)
{
	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		struct object o;

		map_object(m, i, &o);
		if (space_name(
			&s->space, range_of_bytes(o.data_off, o.size), e) < 0)
			return -1;
	}
	return store_grow(s, s->space.end * STORE_BLOCK, e);
}

int
store_add_map(struct store *s, struct map *m, struct err *e)
{
	LOCK_SCOPE(&s->lock);

	if (name_objects(s, m, e) < 0 || objects_add_map(&s->objects, m, e) < 0)
		return -1;
	map_let_go(m);
	return 0;
}

int
store_remove_map(
    struct store *s, struct map *m, uint64_t *freed_bytes, struct err *e)
{
	AUTO_RANGES struct ranges unnamed = { 0 };
	uint64_t dropped = 0;
	int rc;

	*freed_bytes = 0;
	lock_acquire(&s->lock);
	rc = objects_remove_map(&s->objects, m, &unnamed, e);
	lock_release(&s->lock);
	if (rc < 0)
		return -1;
	rc = present_drop(&s->present, s->data, &unnamed, &dropped, e);
	*freed_bytes = dropped * STORE_BLOCK;
	return rc < 0 ? err_wrap(e, "store") : 0;
}

/* ---- the start: what no map names ---- */

static struct range
intersection(struct range a, struct range b)
{
	return (
	    struct range){ max_u64(a.first, b.first), min_u64(a.end, b.end) };
}

/* Bits that are set in gaps. */
static int
list_stale_bits(const struct bits *b, const struct ranges *gaps,
    struct ranges *stale, struct err *e)
{
	for (uint64_t page = 0; bits_next_page(b, &page); page++) {
		struct range all = { page * BITS_PAGE_BLOCKS,
			(page + 1) * BITS_PAGE_BLOCKS };

		for (size_t i = ranges_find(gaps, all.first);
		     i < gaps->n && gaps->at[i].first < all.end; i++) {
			struct range r = intersection(gaps->at[i], all);

			r.first = bits_find(b, r);
			if (r.first < r.end && ranges_push(stale, r, e) < 0)
				return -1;
		}
	}
	return 0;
}

/* The next piece of `data` from *r.first on that is no hole; r.first == r.end
 * when there is none. */
static struct range
find_extent(int data, struct range r)
{
	off_t from = lseek(data, r.first * STORE_BLOCK, SEEK_DATA), to;

	if (from < 0)
		return (struct range){ r.end, r.end };
	to = lseek(data, from, SEEK_HOLE);
	if (to < 0)
		return (struct range){ r.end, r.end };
	return intersection(r, range_of_bytes(from, to - from));
}

/* Bytes in the pieces, with a bit or without. */
static int
list_bytes(
    int data, const struct ranges *pieces, struct ranges *out, struct err *e)
{
	for (size_t i = 0; i < pieces->n; i++) {
		struct range rest = pieces->at[i];

		while (rest.first < rest.end) {
			struct range x = find_extent(data, rest);

			if (x.first < x.end && ranges_push(out, x, e) < 0)
				return -1;
			rest.first = max_u64(x.end, x.first);
		}
	}
	return 0;
}

/* Whoever is given an address finds it empty. */
static int
clean_gaps(struct store *s, const struct ranges *gaps, struct err *e)
{
	AUTO_RANGES struct ranges stale = { 0 };
	uint64_t dropped;

	if (list_stale_bits(&s->present.now, gaps, &stale, e) < 0 ||
	    list_stale_bits(&s->present.durable, gaps, &stale, e) < 0 ||
	    list_bytes(s->data, gaps, &stale, e) < 0)
		return -1;
	ranges_normalise(&stale);
	return present_drop(&s->present, s->data, &stale, &dropped, e);
}

/* ---- the start: what no bit vouches for ---- */

/* Such bytes are of a process that was killed, or of what a power cut took the bits
 * of.  They count against a quota, and nothing evicts them.  To look for them costs
 * two calls a piece of `data`, so it is done where there are many. */
static bool
has_unvouched(const struct store *s)
{
	uint64_t present = s->present.n_blocks * STORE_BLOCK;

	return store_disk_bytes(s) > present + present / 64 + MIB(16);
}

/* What of r has no bit in b, nor in `also`, if that is given. */
static int
push_absent(const struct bits *b, const struct bits *also, struct range r,
    struct ranges *out, struct err *e)
{
	while (r.first < r.end) {
		uint64_t from = r.first + bits_run(b, r);
		struct range x = { from,
			bits_find(b, (struct range){ from, r.end }) };
		int rc = 0;

		if (x.first < x.end)
			rc = also != NULL ? push_absent(also, NULL, x, out, e)
					  : ranges_push(out, x, e);
		if (rc < 0)
			return -1;
		r.first = x.end;
	}
	return 0;
}

/* Between the gaps, up to `end`. */
static int
clean_named(
    struct store *s, const struct ranges *gaps, uint64_t end, struct err *e)
{
	AUTO_RANGES struct ranges named = { 0 };
	AUTO_RANGES struct ranges bytes = { 0 };
	AUTO_RANGES struct ranges stale = { 0 };
	uint64_t dropped;

	if (!has_unvouched(s))
		return 0;
	if (ranges_push_outside(&named, (struct range){ 0, end }, gaps, e) <
		0 ||
	    list_bytes(s->data, &named, &bytes, e) < 0)
		return -1;
	for (size_t i = 0; i < bytes.n; i++)
		if (push_absent(&s->present.now, &s->present.durable,
			bytes.at[i], &stale, e) < 0)
			return -1;
	return present_drop(&s->present, s->data, &stale, &dropped, e);
}

int
store_maps_loaded(struct store *s, struct err *e)
{
	AUTO_RANGES struct ranges gaps = { 0 };
	struct range tail;
	int rc;

	lock_acquire(&s->lock);
	rc = space_find_gaps(&s->space, &gaps, e);
	tail = (struct range){ s->space.end, BITS_BLOCKS };
	lock_release(&s->lock);
	if (rc < 0 ||
	    (tail.first < tail.end && ranges_push(&gaps, tail, e) < 0))
		return -1;
	if (clean_gaps(s, &gaps, e) < 0 ||
	    clean_named(s, &gaps, tail.first, e) < 0)
		return err_wrap(e, "store");
	gaps.n -= tail.first < tail.end;
	LOCK_SCOPE(&s->lock);
	space_load(&s->space, &gaps);
	return 0;
}

/* ---- places ---- */

static int
allocate(struct store *s, uint64_t blocks, uint64_t *off, struct err *e)
{
	uint64_t first;

	if (space_take(&s->space, blocks, &first, e) < 0)
		return -1;
	*off = first * STORE_BLOCK;
	return store_grow(s, (first + blocks) * STORE_BLOCK, e);
}

int
store_allocate(struct store *s, uint64_t len, uint64_t *off, struct err *e)
{
	LOCK_SCOPE(&s->lock);

	if (len > LIMIT_LAYER_BYTES)
		return err_set(e, E2BIG,
		    "%" PRIu64 " bytes are more than a layer may have", len);
	return allocate(s, range_of_bytes(0, len).end, off, e);
}

int
store_free_range(struct store *s, uint64_t off, uint64_t len, struct err *e)
{
	return store_drop(s, off, len, e);
}

bool
store_find_object(
    struct store *s, const struct digest *d, uint64_t size, uint64_t *data_off)
{
	struct chunk whole = { .len = size, .has_digest = true, .digest = *d };
	struct object o = { .digest = *d, .size = size, .n_chunks = 1 };
	struct content c = { .object = &o, .chunks = &whole };

	if (size == 0 || size > LIMIT_CHUNK_BYTES)
		return false;
	LOCK_SCOPE(&s->lock);
	return objects_find(&s->objects, &c, data_off);
}

bool
store_find_content(struct store *s, const struct object *o,
    const struct chunk *chunks, uint64_t *data_off)
{
	struct content c = { .object = o, .chunks = chunks };
	LOCK_SCOPE(&s->lock);

	return objects_find(&s->objects, &c, data_off);
}

/* Places what the store has; returns how many blocks the rest needs. */
static uint64_t
share_objects(struct store *s, struct object *objects, uint32_t n,
    const struct chunk *chunks)
{
	uint64_t blocks = 0, shared = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct object *o = &objects[i];
		struct content c = { .object = o,
			.chunks = &chunks[o->first_chunk] };

		if (o->data_off != MAP_NOWHERE)
			continue;
		if (objects_find(&s->objects, &c, &o->data_off))
			shared++;
		else
			blocks += range_of_bytes(0, o->size).end;
	}
	metric_add(METRIC_objects_shared, shared);
	return blocks;
}

static void
line_up_objects(struct object *objects, uint32_t n, uint64_t off)
{
	uint64_t fresh = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct object *o = &objects[i];

		if (o->data_off != MAP_NOWHERE)
			continue;
		o->data_off = off;
		off += align_up(o->size, STORE_BLOCK);
		fresh++;
	}
	metric_add(METRIC_objects_new, fresh);
}

int
store_place(struct store *s, struct map_builder *b, struct err *e)
{
	uint32_t n, n_chunks;
	struct object *objects = map_builder_objects(b, &n);
	const struct chunk *chunks = map_builder_chunks(b, &n_chunks);
	uint64_t blocks, off;
	LOCK_SCOPE(&s->lock);

	blocks = share_objects(s, objects, n, chunks);
	if (blocks > LIMIT_LAYER_BYTES / STORE_BLOCK)
		return err_set(e, ENOSPC,
		    "the layer's files take %" PRIu64 " bytes",
		    blocks * STORE_BLOCK);
	if (allocate(s, blocks, &off, e) < 0)
		return -1;
	line_up_objects(objects, n, off);
	return 0;
}
