/* What has been learnt of the servers asked, for a while: that one ignores
 * ranges, that one sends one at a time, that one is down, that one has had
 * enough, how long one lets a reader wait, that one was asked lately.  On the
 * http thread alone.
 */
#ifndef REGISTRY_ORIGINS_H
#define REGISTRY_ORIGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/url.h"
#include "base/hmap.h"

struct origins {
	struct hmap map;
};

void origins_release(struct origins *o);

/* Ranges are tried again after ten minutes.  A host is down that failed twice in
 * a row, for half a minute.  Out of memory nothing is learnt. */
void origins_set_rangeless(struct origins *o, const struct origin *who);
bool origins_is_rangeless(const struct origins *o, const struct origin *who);
/* The same of several ranges in one request. */
void origins_set_partless(struct origins *o, const struct origin *who);
bool origins_is_partless(const struct origins *o, const struct origin *who);
void origins_note_failure(struct origins *o, const struct origin *who);
void origins_set_up(struct origins *o, const struct origin *who);
bool origins_is_down(const struct origins *o, const struct origin *who);

/* Connections to it were opened within the last minute. */
void origins_set_warm(struct origins *o, const struct origin *who);
bool origins_is_warm(const struct origins *o, const struct origin *who);
/* It said that it is asked too much (429): not before this time again. */
void origins_set_limited(
    struct origins *o, const struct origin *who, uint64_t until_ns);
/* In the past: it is not limited. */
uint64_t origins_limited_until(
    const struct origins *o, const struct origin *who);

/* How long it took to send the first byte of what a reader waits for. */
void origins_note_wait(
    struct origins *o, const struct origin *who, uint64_t took_ns);
/* Nearly all of its last answers began sooner. */
uint64_t origins_tail_ns(const struct origins *o, const struct origin *who);

#endif
