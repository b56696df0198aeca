/* Is a layer what a table beside its image said of it?  Such a table is believed
 * (layer/layer.h) until the layer is all here; then the blob is read once from its
 * start, and what it holds is compared with what is shown: names, attributes,
 * links, and every file's bytes as the store has them.
 *
 * The bytes in the store were checked against the table's own digests when they
 * came, and so are those that come after an eviction: they are the same.
 *
 * Where bytes come that are not what the table says of them (fetch/fetch.h: a
 * doubt), one of two lies: the table, or who gives the bytes.  The blob's digest
 * knows which: if the blob, read whole and right, has the very bytes that came in
 * that range, the table does.
 */
#ifndef LAYER_AUDIT_H
#define LAYER_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

struct doubt;
struct err;
struct fetcher;
struct layer;

struct audit {
	struct fetcher *fetcher;
	uint64_t bytes_per_s; /* of the blob; 0: as fast as it goes */
	const _Atomic bool *is_cancelled;
};

/* All of its files are here. */
bool audit_is_due(const struct layer *l);

/* Blocking: network, decode threads, disk.  EBADMSG: the table lied, and *e says
 * about what.  Anything else: it could not be found out now. */
int audit_layer(const struct audit *a, const struct layer *l, struct err *e);

/* As above, of a range whose bytes were refused, and as fast as it goes.  0: it is
 * not the table. */
int audit_doubt(const struct audit *a, const struct layer *l,
    const struct doubt *d, struct err *e);

#endif
