/* Which sources a layer has, across restarts: noted in state.db when a registry
 * or folder gave an image with the layer, given back to the blob at start. */
#ifndef LAYER_SOURCES_H
#define LAYER_SOURCES_H

struct catalog_parts;
struct layer;
struct source;

/* Gives the blob what state.db knows.  What cannot be used any more (a folder
 * that is gone) is left out. */
void sources_restore(const struct catalog_parts *p, struct layer *l);

/* Gives the blob this source, and notes it. */
void sources_remember(
    const struct catalog_parts *p, struct layer *l, struct source *s);

#endif
