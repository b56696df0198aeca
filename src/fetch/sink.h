/* Takes the files of a streamed layer: gives each a place in the store and
 * writes it there as it passes, unless the store has it.  Small files are
 * gathered, to be placed side by side and written at once: a batch.  Nothing is
 * kept until sink_keep(): sink_release() gives every fresh place back.
 *
 *	sink_init -> content.begin, write, end ... -> sink_finish -> sink_keep
 *
 * One thread at a time.
 */
#ifndef FETCH_SINK_H
#define FETCH_SINK_H

#include <stdint.h>

#include "fetch/fresh.h"
#include "format/format.h"
#include "base/bytes.h"

struct map_builder;
struct store;

/* A file of the batch. */
struct batched {
	uint32_t ordinal;
	uint32_t off; /* in `bytes`, and from the batch's place on */
};

enum { BATCH_FILES = 256 }; /* blocks of a full batch */

struct sink {
	struct content_sink content; /* first: what the format is given */
	struct store *store;
	struct map_builder *map;

	struct fresh fresh;

	struct batched batch[BATCH_FILES];
	size_t n_batched;

	/* the file that passes */
	uint64_t size;
	uint64_t data_off; /* of a large one, else MAP_NOWHERE */
	uint64_t written;
	size_t start; /* of it in `bytes` */

	/* The batch and behind it, from a block's start on, the small file that
	 * passes; or the next bytes of a large one. */
	struct buf bytes;
};

int sink_init(struct sink *s, struct store *store, struct err *e);
void sink_release(struct sink *s);

/* All files were given: writes the last batch. */
int sink_finish(struct sink *s, struct err *e);

/* The places stay; the map is handed over. */
struct map_builder *sink_keep(struct sink *s);

#endif
