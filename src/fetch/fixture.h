/* What tests of fetching stand on: a store in a temporary folder, a layer made
 * of bytes that need no file, and fake sources that serve it.  Only test_*.c
 * includes it.
 *
 *	fixture_add() ... -> fixture_open() -> wants -> fixture_close()
 */
#ifndef FETCH_FIXTURE_H
#define FETCH_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/fake_source.h"
#include "fetch/fetch.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"

enum { FIXTURE_FILES = 1024, FIXTURE_SOURCES = 2 };

struct fixture_file {
	uint64_t content; /* where it starts in `contents` */
	uint64_t size;
	uint64_t data_off; /* after fixture_open() */
};

struct fixture {
	int dir;
	char path[64];
	struct store *store;
	struct fetcher *fetcher;
	struct map_builder *builder;
	struct map *map;
	struct blob *blob;
	struct fake *fakes[FIXTURE_SOURCES];
	struct buf bytes;    /* the blob */
	struct buf contents; /* the files' */
	struct fixture_file files[FIXTURE_FILES];
	unsigned n_files;
};

/* Aborts where the machine fails. */
struct fixture *fixture_new(void);

/* A file of `size` pseudo-random bytes in chunks of chunk_len, each a range of
 * the blob of its own; CHUNK_ZEROS: of zeros; CHUNK_STREAM: positions in the
 * contents, which fixture_open() wraps as a gzip blob. */
unsigned fixture_add(struct fixture *f, uint64_t size, uint32_t chunk_len,
    enum chunk_codec codec);
/* Every second chunk is zeros, the others are RAW. */
unsigned fixture_add_holed(
    struct fixture *f, uint64_t size, uint32_t chunk_len);
/* n small files that share one compressed range. */
void fixture_add_shared(struct fixture *f, unsigned n, uint32_t size);

/* n files of 200 KiB, one RAW chunk each: far enough from each other not to be
 * neighbours; and opened. */
struct fixture *fixture_far_files(
    unsigned n, const struct fetcher_options *o, unsigned n_sources);

/* Map, blob and n_sources fakes, with these fetcher options. */
void fixture_open(
    struct fixture *f, const struct fetcher_options *o, unsigned n_sources);
void fixture_close(struct fixture *f);

/* The file's bytes [from, to) are in the store and right. */
bool fixture_is_right(
    struct fixture *f, unsigned file, uint64_t from, uint64_t to);
bool fixture_has(struct fixture *f, unsigned file);
/* Blocks until the file's block at this offset is there; false: it did not come
 * in ten seconds. */
bool fixture_await(struct fixture *f, unsigned file, uint64_t off);
/* Blocks until the way to the first source is known: a request's end tells, which
 * may come after its bytes have.  False: not in ten seconds. */
bool fixture_await_link(struct fixture *f);

/* ---- wants that can be waited for ---- */

struct waited {
	struct want want;
	struct fill fill;
	_Atomic bool is_done;
	struct err failure; /* code 0: none */
};

/* Starts a want of the file's bytes [from, to). */
void waited_start(struct waited *w, struct fixture *f, unsigned file,
    uint64_t from, uint64_t to, enum source_priority priority,
    uint32_t patience_ms);
/* Of file 0, now, for ever but for the limit. */
void waited_start_limited(
    struct waited *w, struct fixture *f, const _Atomic uint64_t *limit_ns);
void waited_fill(struct waited *w, struct fixture *f, uint64_t from,
    uint64_t to, enum source_priority priority);
/* Blocks; the failure's code, or 0. */
int waited_end(struct waited *w);
/* The whole of a file, now, once at every source: both of the above. */
int fixture_want(struct fixture *f, unsigned file);

/* As codec/gzip_member.h: no compressor. */
void wrap_zstd(struct buf *out, const uint8_t *p, size_t n);

#endif
