/* Images and layers as the control protocol's results have them
 * (include/layerfs/control.h). Any thread. */
#ifndef DAEMON_DESCRIBE_H
#define DAEMON_DESCRIBE_H

#include <stdbool.h>

struct daemon;
struct digest;
struct doc;
struct err;
struct image;
struct known_image;
struct layer;
struct footprint;

/* Adds what a layer that is here says. */
void describe_layer(
    struct doc *o, const struct daemon *d, const struct layer *l);

/* A "layer_list". */
struct doc *describe_layers(struct daemon *d, const struct image *i);

/* An entry of "images": what state.db says, what the layers that are here say,
 * and whose it is where usage is not NULL. */
struct doc *describe_image(
    struct daemon *d, const struct known_image *k, const struct footprint *u);
/* The same with its layers, by manifest: ENOENT. */
struct doc *describe_manifest(
    struct daemon *d, const struct digest *manifest, struct err *e);

/* How many there are of each kind: "mount", "snapshot", "podman". */
struct doc *describe_holders(const struct known_image *k);
struct doc *describe_manifest_holders(
    struct daemon *d, const struct digest *manifest, struct err *e);

#endif
