/* Publishing what this node knows of an image beside it, for other nodes: an index
 * of its plain layers, or a profile of its starts (registry/artifact.h).
 *
 * Only layers that this node read whole itself, and checked, are published: never
 * what somebody else's index said.  Where there is one already, nothing is.
 * Nobody locks anything: what many nodes publish of the same layers is the same to
 * the byte.  Where it is not (profiles, other versions of layerfs) who finds another
 * one listed whose digest is smaller takes his back, and with a profile looks some
 * seconds after it was listed.  So of those that came at once one stays, whatever is
 * late.  Mostly no other does: of two that did not see each other
 * (registry/referrers.h says when) both may stay, and then who looks uses the first
 * that is listed.
 *
 * Blocking, for threads that may wait for a registry.
 */
#ifndef LAYER_PUBLISH_H
#define LAYER_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layer/companions.h"
#include "base/digest.h"

struct err;
struct image;
struct reference;

struct publication {
	struct image *image;
	const struct reference *reference; /* no layout; that of the image */
	enum companion_kind kind;
	bool has_aliases; /* also under tags (layer/companions.h) */
	const _Atomic bool *is_cancelled; /* or NULL */
};

enum publish_outcome {
	PUBLISH_DONE,
	PUBLISH_KNOWN,   /* somebody had before */
	PUBLISH_NOTHING, /* there is nothing to publish: `why` */
};

struct published {
	enum publish_outcome outcome;
	struct digest artifact; /* unless there is nothing */
	size_t n_blobs;
	uint64_t bytes; /* of all blobs */
	char why[160];
};

/* Whether there may be something to publish; asks nobody. */
bool publish_is_worth_it(const struct image *i, enum companion_kind kind);

/* EACCES: this node may not write there. */
int publish(const struct publication *p, struct published *out, struct err *e);

#endif
