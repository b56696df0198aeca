/* Background and prefetch: a range of a blob, a few portions at a time. */
#ifndef FETCH_FILL_H
#define FETCH_FILL_H

#include <stdint.h>

struct fetcher;

/* Lock held: ends those that were cancelled; when to look again. */
uint64_t fills_check(struct fetcher *f, uint64_t now_ns);

/* Lock held: cancels all. */
void fills_cancel(struct fetcher *f);

#endif
