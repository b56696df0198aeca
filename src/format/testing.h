/* What the tests of this folder share: a sink that keeps what it is given,
 * trees as text, samples of real producers. */
#ifndef FORMAT_TESTING_H
#define FORMAT_TESTING_H

#include "format/format.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/test.h"

/* A content_sink that makes a map and checks every whole digest. */
struct collector {
	struct content_sink sink;
	struct map_builder *map;
	struct hasher *hasher;
	uint64_t size, given;
	uint64_t holes; /* bytes given as such */
};

void collector_init(struct collector *c);

/* An unpacker and a stream in one thread: stretches go from the one to the
 * other at once. */
struct streamer {
	struct stretch_taker taker;
	struct unpacker *unpacker;
	struct stream *stream;
	struct content_sink *sink;
};

int streamer_init(struct streamer *s, const struct format *f,
    uint64_t blob_size, struct content_sink *sink, struct err *e);
void streamer_release(struct streamer *s);
int streamer_feed(struct streamer *s, const void *p, size_t n, struct err *e);
int streamer_end(struct streamer *s, struct contents *out, struct err *e);

/* Streams the bytes `step` at a time; out gets tree and map. */
int stream_bytes(const void *p, size_t n, size_t step, struct contents *out,
    const struct format **format, struct err *e);

/* A line each for entries and attributes, sorted.  The caller frees. */
char *contents_to_text(struct contents *c);
/* "codec len@object_off(blob_off+blob_len)inner ..." of every object, one a
 * line. */
char *chunks_to_text(const struct contents *c);

/* As they would be on disk; NULL: there are none. */
struct points;
struct points *contents_points(const struct contents *c);

/* Decodes every chunk from the blob and compares it with its digest. */
void check_chunks(const struct contents *c, const struct format *f,
    const uint8_t *blob, size_t n);

/* The landmark's, through a written map. */
uint64_t prefetch_of(struct contents *c);

/* A file of testdata/. */
void testdata_load(const char *name, const char *suffix, struct buf *out);

struct sample {
	const char *name;
	struct descriptor layer;
	struct buf blob;
};

void sample_load(struct sample *s, const char *name);
void sample_release(struct sample *s);
/* As the daemon does: locate, tail, parse. */
const struct format *sample_parse(
    struct sample *s, struct contents *out, struct err *e);

/* A tar's pieces. */
void tar_add(struct buf *b, char type, const char *name, const char *link,
    const void *p, uint64_t n);
void tar_finish(struct buf *b);

/* stdin to stdout of a command, through files; false when it cannot run. */
bool filter(const char *command, const struct buf *in, struct buf *out);

#endif
