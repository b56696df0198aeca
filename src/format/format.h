/* How a blob is understood: the first seam of the design.  One const object a
 * format, each in its own file, listed in formats[].
 *
 * Two kinds.  A *lazy* format has a table of contents that the manifest vouches
 * for by digest: locate() says where it lies, parse() makes tree and map of it
 * without another byte of the blob.  A *stream* format has none, or none to be
 * believed: the blob is read once from its start.  An unpacker makes stretches
 * of the decompressed stream, a stream makes files of those: it hands out their
 * contents as they pass, and the tree at the end.  From then on the layer is as
 * good as a lazy one, except that evicted parts of CHUNK_STREAM need the stream
 * again.
 *
 * A lazy format's table may also lie in another blob than the layer's, beside
 * the image.  Nothing in the manifest names it then: who found it says which
 * format it is and what vouches for it (layer/layer.h), and parse() is given it
 * whole.
 *
 * Pure: bytes in, values out.  One thread at a time for one object.
 */
#ifndef FORMAT_FORMAT_H
#define FORMAT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"

struct descriptor;
struct err;
struct chunk;
struct decoder;
struct map_builder;
struct points_builder;
struct stream;
struct stretch;
struct tree;
struct unpacker;

/* A layer understood: a finished tree whose `content` is the ordinal of an
 * object in `map` (index/tree.h, store/map.h). */
struct contents {
	struct tree *tree;
	struct map_builder *map;
	struct points_builder *points; /* of its spans; NULL: it has none */
	uint64_t dropped_xattrs; /* attributes that an index cannot hold */
};

void contents_release(struct contents *c);
#define AUTO_CONTENTS CLEANUP(contents_release)

struct toc_place {
	uint64_t blob_off;
	uint64_t blob_len;      /* bytes to read */
	uint64_t toc_len;       /* decoded; 0: not said */
	struct digest digest;   /* what vouches for it: under the manifest */
	bool digest_is_of_blob; /* of the bytes read, else of the decoded TOC */
	unsigned kind;          /* the format's own */
};

enum locate_result {
	LOCATE_FAILED = -1, /* annotations contradict each other: *e */
	LOCATE_NONE,        /* not this format, or nothing vouches for it */
	LOCATE_TAIL,        /* this format; the place is in the blob's last
			       tail_bytes: call locate_in_tail */
	LOCATE_FOUND,
};

struct format {
	const char *name; /* "zstd:chunked", "estargz", "tar+gzip" */

	/* ---- lazy formats; NULL in stream formats ---- */

	/* From the manifest's annotations alone.  NULL, as the next two, where
	 * the table lies in a blob of its own. */
	enum locate_result (*locate)(const struct descriptor *layer,
	    struct toc_place *out, struct err *e);
	/* The blob's last bytes, all of a shorter blob: enough for the footer,
	 * and as a rule for the table of contents itself, which saves a round
	 * trip.  out is what locate() left.  EBADMSG when no footer is there;
	 * ENOTSUP when the table lies elsewhere (another image). */
	size_t tail_bytes;
	int (*locate_in_tail)(const struct descriptor *layer,
	    const uint8_t *tail, size_t n, struct toc_place *out,
	    struct err *e);
	/* Verifies the digest first, then parses.  place is what locate() or
	 * locate_in_tail() gave, or the whole of the table's own blob.
	 *  EBADMSG for everything that
	 * is wrong with it, naming the entry; ENOTSUP for what is right but
	 * cannot be read lazily (a chunk over LIMIT_CHUNK_BYTES): stream it. */
	int (*parse)(const struct descriptor *layer,
	    const struct toc_place *place, const uint8_t *p, size_t n,
	    struct contents *out, struct err *e);

	/* ---- stream formats; NULL in lazy ones ---- */

	/* Do the blob's first bytes (512, or all of a shorter blob) look like
	 * it?  Media types lie often enough that bytes decide. */
	bool (*matches)(const uint8_t *head, size_t n);
	struct unpacker *(*unpacker_new)(uint64_t blob_size, struct err *e);
	/* What turns the blob into a tar; NULL: it is one. */
	struct decoder *(*decoder_new)(struct err *e);
};

extern const struct format *const formats[]; /* NULL ends; lazy ones first */

/* The lazy format that the annotations name and its LOCATE_TAIL or
 * LOCATE_FOUND; NULL and no error: none, stream it. */
const struct format *format_locate(const struct descriptor *layer,
    struct toc_place *out, enum locate_result *result, struct err *e);

/* The stream format for a blob that starts so; ENOTSUP names the first bytes.
 */
const struct format *format_match(const uint8_t *head, size_t n, struct err *e);

/* ---- what a manifest says of a layer ---- */

/* The annotations that vouch for a table of contents, by its digest. */
#define STARGZ_TOC_DIGEST "containerd.io/snapshot/stargz/toc.digest"
#define PODMAN_TOC_DIGEST "io.github.containers.zstd-chunked.manifest-checksum"

/* "...+zstd", "...+gzip" */
bool format_media_type_ends(const struct descriptor *layer, const char *with);

/* ---- streaming: from the blob to stretches ---- */

/* Who takes the stretches.  Each fails with *e, which ends the unpacking. */
struct stretch_taker {
	/* One to be filled; what is in it does not matter. */
	struct stretch *(*empty)(struct stretch_taker *t, struct err *e);
	/* The next of the stream; the taker's, also when it fails. */
	int (*take)(struct stretch_taker *t, struct stretch *x, struct err *e);
};

/* Gives the unpacker the blob's next bytes. */
int unpacker_feed(struct unpacker *u, const void *p, size_t n,
    struct stretch_taker *taker, struct err *e);
/* The blob has ended: EBADMSG when it may not end here. */
int unpacker_end(
    struct unpacker *u, struct stretch_taker *taker, struct err *e);
void unpacker_free(struct unpacker *u);

/* Bytes of the decompressed stream so far, and their digest after
 * unpacker_end(): the layer's diff_id. */
uint64_t unpacker_position(const struct unpacker *u);
void unpacker_diff_id(struct unpacker *u, struct digest *out);

/* ---- streaming: from stretches to files ---- */

/* Who takes the contents as they pass.  Returns 0 or -1 with *e, which ends the
 * stream. */
struct content_sink {
	/* A regular file of size > 0 begins; bytes follow by write() until all
	 * are given.  p NULL: n zeros, a hole of a sparse file. */
	int (*begin)(struct content_sink *s, uint64_t size, struct err *e);
	int (*write)(
	    struct content_sink *s, const void *p, size_t n, struct err *e);
	/* The whole file was given; its digest.  Returns through *ordinal the
	 * object that the tree shall point at.  `chunks` cover the file and are
	 * the stream's again after the call. */
	int (*end)(struct content_sink *s, const struct digest *digest,
	    const struct chunk *chunks, uint32_t n_chunks, uint32_t *ordinal,
	    struct err *e);
};

/* Any stream format's. */
struct stream *stream_new(struct err *e);
/* The next stretch, which stays the caller's. */
int stream_take(struct stream *s, const struct stretch *x,
    struct content_sink *sink, struct err *e);
/* The last one was taken: EBADMSG when the tar may not end here.  Gives all of
 * the contents but the map, which who took them has. */
int stream_end(struct stream *s, struct contents *out, struct err *e);
void stream_free(struct stream *s);

/* ---- reading parts of a streamed blob again (CHUNK_STREAM) ---- */

/* Decompresses only: every byte of the decompressed stream goes to `take` with
 * its position; non-zero ends early with success. */
struct replay;
struct replay *replay_new(const struct format *f, struct err *e);
int replay_feed(struct replay *r, const void *p, size_t n,
    int (*take)(void *ctx, uint64_t stream_off, const void *p, size_t n),
    void *ctx, struct err *e);
void replay_free(struct replay *r);

#endif
