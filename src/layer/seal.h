/* A sum beside an index, so that verify can tell a flipped bit: the index
 * itself is checked for what it may say, not for what it said.
 * ROOT/layers/HEX/index.sum and ROOT/images/HEX/index.sum: 16 hex digits.  It
 * is not synced; after a power cut it may be missing, and then nothing is
 * known.
 */
#ifndef LAYER_SEAL_H
#define LAYER_SEAL_H

#include "layer/files.h"

/* Of the draft's index, written to fd. */
int seal_index(struct draft *w, int fd, struct err *e);

/* EBADMSG: another one.  ENOENT: no index, or no sum. */
int seal_check(
    struct store *s, enum files_kind k, const struct digest *d, struct err *e);

#endif
