#include "fetch/sink.h"

#include <errno.h>

#include "store/map.h"
#include "store/store.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/metrics.h"

/* Files up to this are held in memory until their digest is known, so that one
 * that the store has costs no write, and a batch of them is no longer.  Larger
 * ones are written in steps of it.
 */
#define STEP_BYTES MIB(1)
_Static_assert(STEP_BYTES / STORE_BLOCK == BATCH_FILES, "a file a block");

static struct sink *
sink_of(struct content_sink *c)
{
	return container_of(c, struct sink, content);
}

/* ---- the batch ---- */

static int
write_batch(struct sink *s, struct err *e)
{
	struct object *objects;
	uint64_t off;
	uint32_t n;

	if (s->n_batched == 0)
		return 0;
	if (fresh_take(&s->fresh, s->bytes.len, &off, e) < 0 ||
	    store_write(s->store, s->bytes.data, s->bytes.len, off, true, e) <
		0)
		return -1;
	objects = map_builder_objects(s->map, &n);
	for (size_t i = 0; i < s->n_batched; i++)
		objects[s->batch[i].ordinal].data_off = off + s->batch[i].off;
	s->n_batched = 0;
	s->bytes.len = 0;
	return 0;
}

static int
append_zeros(struct sink *s, size_t n, struct err *e)
{
	if (n == 0)
		return 0;
	if (buf_reserve(&s->bytes, n, e) < 0)
		return -1;
	memset(s->bytes.data + s->bytes.len, 0, n);
	s->bytes.len += n;
	return 0;
}

static size_t
padding(const struct sink *s)
{
	return align_up(s->bytes.len, STORE_BLOCK) - s->bytes.len;
}

/* The batch leaves room for the next file, from a block's start on. */
static int
make_room(struct sink *s, struct err *e)
{
	if (s->bytes.len + padding(s) + s->size > STEP_BYTES)
		return write_batch(s, e);
	return append_zeros(s, padding(s), e);
}

/* ---- a file ---- */

static int
flush(struct sink *s, struct err *e)
{
	uint64_t at = s->written;

	if (s->bytes.len == 0)
		return 0;
	s->written += s->bytes.len;
	if (store_write(s->store, s->bytes.data, s->bytes.len, s->data_off + at,
		s->written == s->size, e) < 0)
		return -1;
	s->bytes.len = 0;
	return 0;
}

static int
begin(struct content_sink *c, uint64_t size, struct err *e)
{
	struct sink *s = sink_of(c);

	s->size = size;
	s->written = 0;
	s->data_off = MAP_NOWHERE;
	if (size > STEP_BYTES) {
		s->start = 0;
		return write_batch(s, e) < 0
			   ? -1
			   : fresh_take(&s->fresh, size, &s->data_off, e);
	}
	if (make_room(s, e) < 0)
		return -1;
	s->start = s->bytes.len;
	return 0;
}

static int
write_bytes(struct sink *s, const uint8_t *p, size_t n, struct err *e)
{
	while (n > 0) {
		size_t some = min_u64(n, STEP_BYTES - s->bytes.len);

		if (buf_append(&s->bytes, p, some, e) < 0)
			return -1;
		p += some;
		n -= some;
		if (s->bytes.len == STEP_BYTES && s->data_off != MAP_NOWHERE &&
		    flush(s, e) < 0)
			return -1;
	}
	return 0;
}

/* A hole stays one where it is not just a part of a small file. */
static int
write_hole(struct sink *s, size_t n, struct err *e)
{
	uint64_t at;

	if (s->data_off == MAP_NOWHERE)
		return append_zeros(s, n, e);
	if (flush(s, e) < 0)
		return -1;
	at = s->written;
	s->written += n;
	return store_write_zeros(
	    s->store, n, s->data_off + at, s->written == s->size, e);
}

/* Bytes of the file so far. */
static uint64_t
have(const struct sink *s)
{
	return s->written + s->bytes.len - s->start;
}

static int
write_some(struct content_sink *c, const void *p, size_t n, struct err *e)
{
	struct sink *s = sink_of(c);

	if (n > s->size - have(s))
		return err_set(e, EBADMSG, "a file is longer than it said");
	return p != NULL ? write_bytes(s, p, n, e) : write_hole(s, n, e);
}

/* Fills what is missing of an equal object's place from ours. */
static int
copy_missing(struct sink *s, uint64_t to, struct err *e)
{
	for (uint64_t at = 0; at < s->size; at += STEP_BYTES) {
		size_t n = min_u64(STEP_BYTES, s->size - at);

		if (store_has(s->store, to + at, n))
			continue;
		s->bytes.len = 0;
		if (buf_reserve(&s->bytes, n, e) < 0 ||
		    store_read(
			s->store, s->bytes.data, n, s->data_off + at, e) < 0 ||
		    store_write(s->store, s->bytes.data, n, to + at,
			at + n == s->size, e) < 0)
			return -1;
	}
	return 0;
}

/* The store has it, or it stays in the batch. */
static int
place_small(struct sink *s, const struct object *o, const struct chunk *chunks,
    uint32_t ordinal, struct err *e)
{
	struct object *objects;
	uint64_t off;
	uint32_t n;

	if (!store_find_content(s->store, o, chunks, &off)) {
		metric_add(METRIC_objects_new, 1);
		s->batch[s->n_batched++] =
		    (struct batched){ ordinal, (uint32_t)s->start };
		return 0;
	}
	metric_add(METRIC_objects_shared, 1);
	objects = map_builder_objects(s->map, &n);
	objects[ordinal].data_off = off;
	if (store_write(
		s->store, s->bytes.data + s->start, s->size, off, true, e) < 0)
		return -1;
	s->bytes.len = s->start;
	return 0;
}

static int
place_large(struct sink *s, const struct object *o, const struct chunk *chunks,
    uint32_t ordinal, struct err *e)
{
	struct object *objects;
	uint64_t off = s->data_off;
	bool is_shared;
	uint32_t n;

	if (flush(s, e) < 0)
		return -1;
	is_shared = store_find_content(s->store, o, chunks, &off);
	metric_add(is_shared ? METRIC_objects_shared : METRIC_objects_new, 1);
	objects = map_builder_objects(s->map, &n);
	objects[ordinal].data_off = off;
	if (!is_shared)
		return 0;
	return copy_missing(s, off, e) < 0
		   ? -1
		   : fresh_give_back(&s->fresh, s->data_off, s->size, e);
}

static int
add_object(struct sink *s, const struct digest *digest,
    const struct chunk *chunks, uint32_t n_chunks, uint32_t ordinal,
    struct err *e)
{
	struct object o = {
		.digest = *digest, .size = s->size, .n_chunks = n_chunks
	};

	for (uint32_t i = 0; i < n_chunks; i++)
		if (map_builder_add_chunk(s->map, &chunks[i], e) < 0)
			return -1;
	if (map_builder_end_object(s->map, e) < 0)
		return -1;
	return s->data_off == MAP_NOWHERE
		   ? place_small(s, &o, chunks, ordinal, e)
		   : place_large(s, &o, chunks, ordinal, e);
}

/* It is in the layer twice. */
static int
drop_file(struct sink *s, struct err *e)
{
	s->bytes.len = s->start;
	return s->data_off == MAP_NOWHERE
		   ? 0
		   : fresh_give_back(&s->fresh, s->data_off, s->size, e);
}

static int
end(struct content_sink *c, const struct digest *digest,
    const struct chunk *chunks, uint32_t n_chunks, uint32_t *ordinal,
    struct err *e)
{
	struct sink *s = sink_of(c);
	bool is_new;

	if (have(s) != s->size)
		return err_set(e, EBADMSG, "a file is shorter than it said");
	if (map_builder_begin_object(
		s->map, digest, s->size, ordinal, &is_new, e) < 0)
		return -1;
	return is_new ? add_object(s, digest, chunks, n_chunks, *ordinal, e)
		      : drop_file(s, e);
}

/* ---- life ---- */

int
sink_init(struct sink *s, struct store *store, struct err *e)
{
	*s = (struct sink){
		.content = { begin, write_some, end },
		.store = store,
	};
	fresh_init(&s->fresh, store);
	buf_init(&s->bytes, STEP_BYTES);
	s->map = map_builder_new(e);
	return s->map != NULL ? 0 : -1;
}

int
sink_finish(struct sink *s, struct err *e)
{
	return write_batch(s, e);
}

struct map_builder *
sink_keep(struct sink *s)
{
	fresh_keep(&s->fresh);
	return take_ptr(&s->map);
}

void
sink_release(struct sink *s)
{
	fresh_release(&s->fresh);
	buf_release(&s->bytes);
	map_builder_free(s->map);
}
