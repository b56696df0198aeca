/* Noting what stayed wrong (fetch.h: struct doubt).  Both with the fetcher's lock
 * held. */
#ifndef FETCH_DOUBT_H
#define FETCH_DOUBT_H

#include <stdbool.h>

struct blob;
struct inflight;

/* The record is given up: whether its bytes were the same twice running. */
void doubt_note(const struct inflight *i);

/* For a blob whose memory goes. */
void doubt_release(struct blob *b);

#endif
