/* A map in the making: flat arrays, and a hash table of ordinals that finds
 * equal objects again.  The table's hash is seeded: digests come from outside
 * and need not be digests of anything. */
#include "store/map_builder.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "store/map_format.h"
#include "base/err.h"
#include "base/limits.h"

struct map_builder *
map_builder_new(struct err *e)
{
	struct map_builder *b = calloc(1, sizeof *b);

	if (b == NULL) {
		err_set(e, ENOMEM, "a map");
		return NULL;
	}
	if (getrandom(&b->seed, sizeof b->seed, GRND_NONBLOCK) < 0)
		b->seed = (uintptr_t)b;
	return b;
}

void
map_builder_free(struct map_builder *b)
{
	if (b == NULL)
		return;
	free(b->objects);
	free(b->chunks);
	free(b->slots);
	free(b);
}

/* Room for one more element of an array that doubles. */
static void *
grow(void *array, uint32_t n, uint32_t *cap, size_t size, struct err *e)
{
	uint32_t more = *cap == 0 ? 256 : 2 * *cap;
	void *moved;

	if (n < *cap)
		return array;
	moved = reallocarray(array, more, size);
	if (moved == NULL) {
		err_set(e, ENOMEM, "a map of %" PRIu32 " entries", n);
		return NULL;
	}
	*cap = more;
	return moved;
}

/* ---- equal objects ---- */

static uint64_t
object_hash(const struct map_builder *b, const struct digest *d, uint64_t size)
{
	return hash_bytes(d, sizeof *d, b->seed ^ hash_u64(size));
}

/* Where the object is, or where it belongs. */
static uint32_t *
find_slot(struct map_builder *b, const struct digest *d, uint64_t size)
{
	for (uint64_t i = object_hash(b, d, size);; i++) {
		uint32_t *slot = &b->slots[i & b->slot_mask];
		const struct object *o = &b->objects[*slot - 1];

		if (*slot == 0 ||
		    (o->size == size && digest_equal(&o->digest, d)))
			return slot;
	}
}

/* Half of the slots stay empty. */
static int
reserve_slot(struct map_builder *b, struct err *e)
{
	uint32_t n = b->slots == NULL ? 512 : 2 * (b->slot_mask + 1);

	if (b->slots != NULL && b->n_objects < (b->slot_mask + 1) / 2)
		return 0;
	free(b->slots);
	b->slot_mask = n - 1;
	b->slots = calloc(n, sizeof *b->slots);
	if (b->slots == NULL)
		return err_set(e, ENOMEM, "a map of %" PRIu32 " objects", n);
	for (uint32_t i = 0; i < b->n_objects; i++) {
		struct object *o = &b->objects[i];

		if (!digest_is_zero(&o->digest))
			*find_slot(b, &o->digest, o->size) = i + 1;
	}
	return 0;
}

/* ---- objects and chunks ---- */

static int
check_object(const struct map_builder *b, uint64_t size, struct err *e)
{
	assert(!b->is_in_object);
	if (size == 0 || size > LIMIT_FILE_BYTES)
		return err_set(e, EBADMSG, "file of %" PRIu64 " bytes", size);
	if (b->n_objects >= LIMIT_ENTRIES)
		return err_set(e, E2BIG, "more than %d files", LIMIT_ENTRIES);
	return 0;
}

int
map_builder_begin_object(struct map_builder *b, const struct digest *digest,
    uint64_t size, uint32_t *ordinal, bool *is_new, struct err *e)
{
	struct object *objects;
	uint32_t *slot = NULL;

	if (check_object(b, size, e) < 0)
		return -1;
	objects = grow(
	    b->objects, b->n_objects, &b->objects_cap, sizeof *b->objects, e);
	if (objects == NULL)
		return -1;
	b->objects = objects;
	if (digest != NULL && !digest_is_zero(digest)) {
		if (reserve_slot(b, e) < 0)
			return -1;
		slot = find_slot(b, digest, size);
		*is_new = *slot == 0;
		*ordinal = *slot - 1;
		if (!*is_new)
			return 0;
		*slot = b->n_objects + 1;
	}
	*is_new = true;
	*ordinal = b->n_objects++;
	objects[*ordinal] = (struct object){
		.size = size,
		.data_off = MAP_NOWHERE,
		.first_chunk = b->n_chunks,
	};
	if (slot != NULL)
		objects[*ordinal].digest = *digest;
	b->is_in_object = true;
	b->covered = 0;
	return 0;
}

int
map_builder_add_chunk(
    struct map_builder *b, const struct chunk *c, struct err *e)
{
	struct object *o = &b->objects[b->n_objects - 1];
	struct chunk *chunks;

	assert(b->is_in_object);
	/* How long the blob is only map_write() knows. */
	if (chunk_check(c, LIMIT_BLOB_BYTES, e) < 0)
		return -1;
	if (c->object_off != b->covered || c->len > o->size - b->covered)
		return err_set(e, EBADMSG,
		    "chunk of %" PRIu32 " bytes at %" PRIu64
		    " of a file, where one at %" PRIu64 " of %" PRIu64
		    " was due",
		    c->len, c->object_off, b->covered, o->size);
	if (b->n_chunks >= LIMIT_CHUNKS)
		return err_set(e, E2BIG, "more than %d chunks", LIMIT_CHUNKS);
	chunks =
	    grow(b->chunks, b->n_chunks, &b->chunks_cap, sizeof *b->chunks, e);
	if (chunks == NULL)
		return -1;
	b->chunks = chunks;
	b->chunks[b->n_chunks++] = *c;
	b->covered += c->len;
	o->n_chunks++;
	return 0;
}

int
map_builder_end_object(struct map_builder *b, struct err *e)
{
	const struct object *o = &b->objects[b->n_objects - 1];

	assert(b->is_in_object);
	if (b->covered != o->size)
		return err_set(e, EBADMSG,
		    "chunks cover %" PRIu64 " of a file's %" PRIu64 " bytes",
		    b->covered, o->size);
	b->is_in_object = false;
	return 0;
}

struct object *
map_builder_objects(struct map_builder *b, uint32_t *n)
{
	*n = b->n_objects;
	return b->objects;
}

const struct chunk *
map_builder_chunks(const struct map_builder *b, uint32_t *n)
{
	*n = b->n_chunks;
	return b->chunks;
}

void
map_builder_set_prefetch(struct map_builder *b, uint64_t blob_end)
{
	b->prefetch_end = blob_end;
}
