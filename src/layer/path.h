/* A path in a tree, as a program would open it: symbolic links are followed. */
#ifndef LAYER_PATH_H
#define LAYER_PATH_H

#include <stdint.h>

struct index;

/* The file's nid, from the root whether or not it begins with a slash; 0: there
 * is none. */
uint64_t path_find(const struct index *x, const char *path);

#endif
