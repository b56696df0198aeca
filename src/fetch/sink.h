/* Takes the files of a streamed layer: gives each a place in the store and
 * writes it there as it passes, unless the store has it.  Nothing is kept until
 * sink_keep(): sink_release() gives every fresh place back.
 *
 * One thread at a time.
 */
#ifndef FETCH_SINK_H
#define FETCH_SINK_H

#include <stdint.h>

#include "format/format.h"
#include "base/bytes.h"

struct map_builder;
struct store;

/* A range of `data` that this pull allocated. */
struct fresh {
	uint64_t off, len;
};

struct sink {
	struct content_sink content; /* first: what the format is given */
	struct store *store;
	struct map_builder *map;

	struct fresh *fresh;
	size_t n_fresh, max_fresh;

	/* the file that passes */
	uint64_t size;
	uint64_t data_off; /* of a large one, else MAP_NOWHERE */
	uint64_t written;
	struct buf bytes; /* all of a small one, the next of a large one */
};

int sink_init(struct sink *s, struct store *store, struct err *e);
void sink_release(struct sink *s);

/* The places stay; the map is handed over. */
struct map_builder *sink_keep(struct sink *s);

#endif
