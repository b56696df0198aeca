/* The files of a table of contents: from its entries' offsets and sizes to
 * objects and chunks of the map.  Private to toc.c.
 *
 * A file waits, its chunks with it, until an entry with a larger offset (or its
 * own endOffset, or the end) shows where its last range ends; then it becomes
 * an object.  Until the end a file is known by its number, in order.
 *
 * toc_files_begin, any number of toc_files_chunk, toc_files_end for each file;
 * toc_files_pass for what has an offset but no contents for us;
 * toc_files_finish once.
 */
#ifndef FORMAT_TOC_FILES_H
#define FORMAT_TOC_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "format/toc.h"
#include "base/bytes.h"
#include "base/digest.h"

struct err;
struct hasher;
struct map_builder;
struct toc_entry;

/* A file whose chunks are known but for where the last ends. */
struct waiting {
	uint64_t size;
	uint32_t first_chunk, n_chunks; /* of toc_files.chunks */
};

struct toc_files {
	const struct toc *toc;
	struct map_builder *map;
	struct hasher *hasher;

	struct buf chunks;   /* struct chunk */
	struct buf files;    /* struct waiting */
	struct buf ordinals; /* uint32_t a file: its object */
	uint64_t n_files;
	uint64_t total;       /* of their sizes */
	uint64_t last_offset; /* the largest of any entry so far */

	/* The file that chunk entries go on with. */
	enum { NO_FILE, IN_FILE, IN_HIDDEN_FILE } where;
	struct waiting file;
	uint64_t covered; /* bytes that its chunks cover so far */
	uint64_t end_offset;
	bool has_digest;
	struct digest digest;
};

/* Both are borrowed. */
void toc_files_init(
    struct toc_files *f, const struct toc *toc, struct map_builder *map);
void toc_files_release(struct toc_files *f);

/* The file's number is n_files before the call. */
int toc_files_begin(
    struct toc_files *f, const struct toc_entry *x, struct err *e);
int toc_files_chunk(
    struct toc_files *f, const struct toc_entry *x, struct err *e);
/* No chunk follows any more; also where no file began. */
int toc_files_end(struct toc_files *f, struct err *e);
int toc_files_pass(
    struct toc_files *f, const struct toc_entry *x, struct err *e);
int toc_files_finish(struct toc_files *f, struct err *e);

/* After the end: the object of a file. */
uint32_t toc_files_ordinal(const struct toc_files *f, uint64_t number);

#endif
