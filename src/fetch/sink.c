#include "fetch/sink.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "store/map.h"
#include "store/store.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"

/* Files up to this are held in memory until their digest is known, so that one
 * that the store has costs no write.  Larger ones are written in steps of it.
 */
#define STEP_BYTES MIB(1)

static struct sink *
sink_of(struct content_sink *c)
{
	return container_of(c, struct sink, content);
}

/* ---- places ---- */

static int
remember(struct sink *s, uint64_t off, uint64_t len, struct err *e)
{
	struct fresh *last = s->n_fresh > 0 ? &s->fresh[s->n_fresh - 1] : NULL;

	if (last != NULL && last->off + last->len == off) {
		last->len += len;
		return 0;
	}
	if (s->n_fresh == s->max_fresh) {
		size_t max = s->max_fresh > 0 ? 2 * s->max_fresh : 64;
		struct fresh *more = realloc(s->fresh, max * sizeof *more);

		if (more == NULL)
			return err_set(e, ENOMEM, "places of a layer");
		s->fresh = more;
		s->max_fresh = max;
	}
	s->fresh[s->n_fresh++] = (struct fresh){ off, len };
	return 0;
}

static int
allocate(struct sink *s, uint64_t size, uint64_t *off, struct err *e)
{
	uint64_t len = align_up(size, STORE_BLOCK);
	struct err ignored = ERR_INIT;

	if (store_allocate(s->store, size, off, e) < 0)
		return -1;
	if (remember(s, *off, len, e) == 0)
		return 0;
	store_free_range(s->store, *off, len, &ignored);
	return -1;
}

/* The file that passed last turned out to be there already. */
static int
give_back_last(struct sink *s, struct err *e)
{
	struct fresh *last = &s->fresh[s->n_fresh - 1];
	uint64_t len = align_up(s->size, STORE_BLOCK);

	assert(last->off + last->len == s->data_off + len);
	last->len -= len;
	if (last->len == 0)
		s->n_fresh--;
	return store_free_range(s->store, s->data_off, len, e);
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
	s->bytes.len = 0;
	return size > STEP_BYTES ? allocate(s, size, &s->data_off, e) : 0;
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

	if (s->data_off == MAP_NOWHERE) {
		if (buf_reserve(&s->bytes, n, e) < 0)
			return -1;
		memset(s->bytes.data + s->bytes.len, 0, n);
		s->bytes.len += n;
		return 0;
	}
	if (flush(s, e) < 0)
		return -1;
	at = s->written;
	s->written += n;
	return store_write_zeros(
	    s->store, n, s->data_off + at, s->written == s->size, e);
}

static int
write_some(struct content_sink *c, const void *p, size_t n, struct err *e)
{
	struct sink *s = sink_of(c);

	if (n > s->size - s->written - s->bytes.len)
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

static int
place_small(
    struct sink *s, const struct digest *digest, uint64_t *off, struct err *e)
{
	if (store_find_object(s->store, digest, s->size, off)) {
		metric_add(METRIC_objects_shared, 1);
		if (store_has(s->store, *off, s->size))
			return 0;
	} else if (allocate(s, s->size, off, e) < 0) {
		return -1;
	} else {
		metric_add(METRIC_objects_new, 1);
	}
	return store_write(s->store, s->bytes.data, s->size, *off, true, e);
}

static int
place_large(
    struct sink *s, const struct digest *digest, uint64_t *off, struct err *e)
{
	if (flush(s, e) < 0)
		return -1;
	if (!store_find_object(s->store, digest, s->size, off)) {
		metric_add(METRIC_objects_new, 1);
		*off = s->data_off;
		return 0;
	}
	metric_add(METRIC_objects_shared, 1);
	if (copy_missing(s, *off, e) < 0)
		return -1;
	return give_back_last(s, e);
}

static int
add_object(struct sink *s, const struct digest *digest,
    const struct chunk *chunks, uint32_t n_chunks, uint32_t ordinal,
    struct err *e)
{
	uint64_t off;
	uint32_t n;

	for (uint32_t i = 0; i < n_chunks; i++)
		if (map_builder_add_chunk(s->map, &chunks[i], e) < 0)
			return -1;
	if (map_builder_end_object(s->map, e) < 0)
		return -1;
	if ((s->data_off == MAP_NOWHERE ? place_small(s, digest, &off, e)
					: place_large(s, digest, &off, e)) < 0)
		return -1;
	map_builder_objects(s->map, &n)[ordinal].data_off = off;
	return 0;
}

static int
end(struct content_sink *c, const struct digest *digest,
    const struct chunk *chunks, uint32_t n_chunks, uint32_t *ordinal,
    struct err *e)
{
	struct sink *s = sink_of(c);
	bool is_new;

	if (s->written + s->bytes.len != s->size)
		return err_set(e, EBADMSG, "a file is shorter than it said");
	if (map_builder_begin_object(
		s->map, digest, s->size, ordinal, &is_new, e) < 0)
		return -1;
	if (is_new)
		return add_object(s, digest, chunks, n_chunks, *ordinal, e);
	return s->data_off == MAP_NOWHERE ? 0 : give_back_last(s, e);
}

/* ---- life ---- */

int
sink_init(struct sink *s, struct store *store, struct err *e)
{
	*s = (struct sink){
		.content = { begin, write_some, end },
		.store = store,
	};
	buf_init(&s->bytes, STEP_BYTES);
	s->map = map_builder_new(e);
	return s->map != NULL ? 0 : -1;
}

struct map_builder *
sink_keep(struct sink *s)
{
	s->n_fresh = 0;
	return take_ptr(&s->map);
}

void
sink_release(struct sink *s)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < s->n_fresh; i++)
		if (store_free_range(
			s->store, s->fresh[i].off, s->fresh[i].len, &e) < 0)
			log_warn("giving places of a layer back: %s", e.msg);
	free(s->fresh);
	buf_release(&s->bytes);
	map_builder_free(s->map);
}
