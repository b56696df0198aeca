/* Images and layers as the control protocol's results have them
 * (include/layerfs/control.h). Any thread. */
#ifndef DAEMON_DESCRIBE_H
#define DAEMON_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct digest;
struct doc;
struct err;
struct image;
struct known_image;
struct layer;
struct footprint;
struct profile;

/* Why a layer is not lazy, for programs; the words beside it are for people.
 * Documented in layerfs(1). */
#define REASON_NO_TABLE "no_table"
#define REASON_UNREADABLE "unreadable"
#define REASON_DOWNLOADED "downloaded"

/* Adds what a layer that is here says. */
void describe_layer(
    struct doc *o, const struct daemon *d, const struct layer *l);

/* Adds the members that control.h calls usage: of an image's layer, or
 * IMAGE_MERGED. */
void describe_usage(struct doc *o, const struct image *i, int layer);
/* The same from what was counted. */
struct blob_usage;
void describe_counted(struct doc *o, const struct blob_usage *u);

/* A "layer_list". */
struct doc *describe_layers(struct daemon *d, const struct image *i);

/* An entry of "images": what state.db says, what the layers that are here say,
 * and whose it is where usage is not NULL. */
struct doc *describe_image(
    struct daemon *d, const struct known_image *k, const struct footprint *u);
/* The same with its layers, by manifest: ENOENT. */
struct doc *describe_manifest(
    struct daemon *d, const struct digest *manifest, struct err *e);

/* A "profile": how much it names. */
struct doc *describe_profile(const struct profile *p);
/* The same of an image; NULL where there is none. */
struct doc *describe_profile_of(
    const struct daemon *d, const struct digest *manifest);

/* How many there are of each kind: "mount", "snapshot", "podman". */
struct doc *describe_holders(const struct known_image *k);
struct doc *describe_manifest_holders(
    struct daemon *d, const struct digest *manifest, struct err *e);

/* Bytes of the layer that reads would still have to fetch. */
uint64_t describe_missing_bytes(const struct layer *l);

#endif
