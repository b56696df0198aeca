/* A zstd:chunked blob as it is written: frames, then the table of contents,
 * tar-split and the footer, each in a skippable frame.
 *
 *	init -> take (convert/framer.h)... -> end -> release
 *
 * Without a table (what does not fit into one) it is frames alone.  One thread.
 */
#ifndef CONVERT_CHUNKED_BLOB_H
#define CONVERT_CHUNKED_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "convert/framer.h"
#include "base/digest.h"

struct descriptor;
struct err;
struct toc_writer;

/* Where payloads of skippable frames lie. */
struct chunked_place {
	uint64_t blob_off, blob_len, text_len;
};

struct chunked_blob {
	struct framer_outlet outlet;
	int fd; /* -1: nothing is written */
	uint64_t size;
	uint64_t tar_bytes; /* that are in it */
	struct hasher *hasher;

	struct toc_writer *toc;
	struct digest last_digest; /* of the last chunk */

	/* after the end */
	struct digest digest;
	bool has_table;
	bool is_refused; /* by readers: it has none */
	struct chunked_place table, split;
	struct digest table_digest;
};

/* fd is borrowed: a new file. */
int chunked_blob_init(struct chunked_blob *b, int fd, int level, struct err *e);
void chunked_blob_release(struct chunked_blob *b);

/* framer_end() has returned. */
int chunked_blob_end(struct chunked_blob *b, struct framer *f, struct err *e);

/* What a manifest says of the blob: type, digest, size and, with a table, the
 * annotations by which podman (both generations of their names) and layerfs find
 * it. */
int chunked_blob_describe(
    const struct chunked_blob *b, struct descriptor *out, struct err *e);

#endif
