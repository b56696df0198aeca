/* Tables beside images that were found to lie (layer/audit.h), by their digests:
 * never used again, also after a restart.
 *
 *	ROOT/distrusted/HEX    what was wrong, one line of text
 */
#ifndef LAYER_DISTRUST_H
#define LAYER_DISTRUST_H

#include <stdbool.h>
#include <stddef.h>

struct artifact;
struct digest;
struct err;
struct store;

enum { DISTRUST_WHY_SIZE = 400 };

int distrust_note(struct store *s, const struct digest *table, const char *why,
    struct err *e);

/* True: it lied, and that is what was wrong. */
bool distrust_find(
    struct store *s, const struct digest *table, char why[DISTRUST_WHY_SIZE]);

/* True: so did one of the artifact's blobs. */
bool distrust_find_any(
    struct store *s, const struct artifact *a, char why[DISTRUST_WHY_SIZE]);

#endif
