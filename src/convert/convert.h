/* Converts an image: its layers to zstd:chunked, in the dialect that podman reads
 * today, under another name.  Config and diff_ids stay, so that it is the same image
 * to whoever runs it; manifests and index become OCI's, because docker's have no
 * type for zstd.
 *
 * A layer costs nothing where an earlier conversion left it at the destination
 * (convert/earlier.h), and a copy where it is zstd:chunked already.  Every blob's
 * digest and every tar's diff_id is checked before the name means anything new.
 *
 * Blocking.  Threads: `convert`, one a layer that is under way, LAYERS_AT_ONCE at
 * most, which read, unpack and upload; `sender`, one beside each of these, where a
 * repository is new; `press`, as many as are asked for.  Memory: see
 * convert/recompress.h, for each of those layers: 30 MiB with two threads of the
 * press, 9 MiB more for each further one, and a piece of an upload.
 */
#ifndef CONVERT_CONVERT_H
#define CONVERT_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

struct digest;
struct doc;
struct err;
struct platform;
struct profile;
struct reference;
struct registry;

enum { LAYERS_AT_ONCE = 3, CONVERT_JOBS_MAX = 64 };

struct conversion {
	struct registry *registry;
	const struct reference *from, *to;
	const struct platform *platform; /* NULL: all there are */
	int level;                       /* codec/zstd_encoder.h */
	unsigned jobs;                   /* threads of the press */
	/* What it names comes first in its layers, which are other tars then, of
	 * another config; NULL: nothing moves. */
	const struct profile *profile;
	bool is_forced; /* what earlier conversions left does not count */

	/* How far a layer is, in bytes of its blob; counted twice where it has
	 * to be uploaded.  Any thread, several at once; or NULL. */
	void (*on_progress)(void *ctx, const struct digest *layer,
	    uint64_t done, uint64_t total);
	void *ctx;
};

/* Gives a report, as `layerfs convert --json` shows it:
 *
 *	reference, digest, media_type
 *	images: [{ platform, digest, layers: [{ from, from_bytes, way, digest,
 *	    bytes, table, why }] }]
 *	bytes, from_bytes: of each layer once
 *	left_out: manifests that vouch for the original
 */
struct doc *convert_image(const struct conversion *c, struct err *e);

/* Says what that would do, writing nothing: the same report without digests, and
 * `ms`.  What layers become is guessed from the first megabytes of each. */
struct doc *convert_estimate(const struct conversion *c, struct err *e);

#endif
