/* Writes the table of contents of a zstd:chunked layer, as podman reads it:
 *
 *	{"version":1,"entries":[ENTRY,...],"tarSplitDigest":"sha256:..."}
 *
 * An entry says what its tar header says (toc_entry_text) and, of a file, its
 * digest and the range of the blob that gives it; a file of several chunks is
 * followed by an entry of type "chunk" for each but the first.
 *
 * Specification: github.com/containers/storage, pkg/chunked/internal/minimal.
 *
 *	new -> (entry | file chunk... end_file)... -> end
 */
#ifndef CONVERT_TOC_WRITER_H
#define CONVERT_TOC_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"

struct buf;
struct err;
struct tar_entry;
struct toc_writer;

#define AUTO_TOC_WRITER CLEANUP(toc_writer_cleanup)

struct toc_writer *toc_writer_new(int level, struct err *e);
void toc_writer_free(struct toc_writer *w);

static inline void
toc_writer_cleanup(struct toc_writer **w)
{
	toc_writer_free(*w);
}

/* Appends what a tar header says of an entry that toc_misfit() has nothing
 * against: its object, which the writer ends. */
int toc_entry_text(struct buf *out, const struct tar_entry *x, struct err *e);

/* Text of a whole entry, one without contents.  E2BIG: more than readers take;
 * all of them. */
int toc_writer_entry(
    struct toc_writer *w, const char *text, size_t len, struct err *e);

/* A file with contents begins; its chunks follow in order, then its end with the
 * digest of the whole (of the only chunk, when there is one). */
int toc_writer_file(
    struct toc_writer *w, const char *text, size_t len, struct err *e);

struct toc_chunk {
	uint64_t blob_off; /* its frame's */
	uint64_t size;     /* of its plain bytes */
	struct digest digest;
	bool is_zeros;
};

int toc_writer_chunk(
    struct toc_writer *w, const struct toc_chunk *c, struct err *e);
/* blob_end: behind the last chunk's frame. */
int toc_writer_end_file(struct toc_writer *w, const struct digest *whole,
    uint64_t blob_end, struct err *e);

/* The table's frame; tar_split is the digest of tar-split's. */
int toc_writer_end(struct toc_writer *w, const struct digest *tar_split,
    struct buf *frame, uint64_t *text_len, struct err *e);

#endif
