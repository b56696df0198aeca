/* Decoders between two uses: making one costs more than decoding a small chunk
 * (zstd: a sixth of the time that a layer of small files takes).  Any thread.
 */
#ifndef FETCH_SPARES_H
#define FETCH_SPARES_H

#include <stdbool.h>

#include "store/map.h"
#include "base/lock.h"

struct decoder;
struct err;

enum { SPARES_MAX = 4 }; /* of a codec: the decode threads */

struct spares {
	struct lock lock; /* guards what follows */
	struct decoder *idle[CHUNK_CODECS][SPARES_MAX];
	unsigned n_idle[CHUNK_CODECS];
};

void spares_init(struct spares *s);
void spares_release(struct spares *s);

/* codec: ZSTD or GZIP. */
struct decoder *spares_take(
    struct spares *s, enum chunk_codec codec, struct err *e);
/* worth_keeping: it was not used on anything large, for which it would go on
 * holding a window. */
void spares_give(struct spares *s, enum chunk_codec codec, struct decoder *d,
    bool worth_keeping);

#endif
