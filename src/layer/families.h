/* The families of a layer's files, from its tree (fetch/kin.h). */
#ifndef LAYER_FAMILIES_H
#define LAYER_FAMILIES_H

struct err;
struct index;
struct kin;
struct map;

/* Walks the tree; an index is one that was checked. */
struct kin *families_find(
    const struct index *x, const struct map *m, struct err *e);

#endif
