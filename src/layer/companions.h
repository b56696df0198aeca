/* What lies beside an image in its registry (registry/artifact.h): an index of its
 * plain layers, and a profile of its starts, which other nodes have published.
 *
 *	companions_new -> companions_ask -> (the manifest comes) ->
 *	companions_meet -> companions_table... -> companions_free
 *
 * Each is looked for under an alias (layer/alias.h), a tag that is known before the
 * manifest is.  So the question goes out together
 * with that for the manifest, and the answer costs no round trip of its own.  What
 * an alias names counts only if its subject is the manifest that came, and no table
 * of it is known to have lied (layer/distrust.h).  Where an
 * index would spare reading a layer whole and no alias has one, those that refer
 * to the manifest are asked for (registry/referrers.h), ours before SOCI's; before
 * them a SOCI index that the manifest names, which is believed as the manifest is.
 *
 * What is not there is remembered for five minutes, so that images without cost
 * nothing.  Nothing here fails a start: what has not come companions_wait_ms after
 * the manifest, or for an index some round trips, is done without.
 *
 * Trust: whoever may push an index may move the tag, too, so it is believed for a
 * reference by tag; for one by digest only if the operator says so.  A profile is
 * no promise, and is always welcome.  What an index says is checked later against
 * the layer's digest (layer/layer.h).
 *
 * Owned by one thread.  NULL is one that finds nothing.
 */
#ifndef LAYER_COMPANIONS_H
#define LAYER_COMPANIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layer/alias.h"

struct catalog;
struct companions;
struct digest;
struct image;
struct layer_table;
struct reference;

/* Of references by tag, all, or none; what the configuration calls them. */
enum companions_trust { TRUST_TAG, TRUST_ALWAYS, TRUST_NEVER };
/* -1: no such word. */
int companions_parse_trust(const char *word);

/* A layer that is no larger is read whole as fast as its table. */
enum { COMPANION_SMALL_LAYER_BYTES = 128 << 10 };

/* ---- looking for them ---- */

/* NULL for layouts, and where there is no memory. */
struct companions *companions_new(struct catalog *c, const struct reference *r);
/* Starts to ask, together with who asks for the manifest. */
void companions_ask(struct companions *k);
/* The manifest is known, and which layers are here.  A profile that came is saved,
 * unless one is there. */
void companions_meet(struct companions *k, const struct image *i);
/* For the image's layer of that number; NULL: none, or it is not believed. */
const struct layer_table *companions_table(
    const struct companions *k, size_t layer);
/* Why a layer has no table beside the image, if there is more to say than that
 * there is none; "". */
const char *companions_reason(const struct companions *k);
void companions_free(struct companions *k);

/* That there are none beside this manifest is not remembered any more. */
void companions_forget_absence(struct catalog *c, const struct reference *r,
    const struct digest *manifest);

#endif
