/* Where blobs were redirected to, for a few minutes: a lazy reader asks for
 * many parts of one blob, and each would pay a second round trip.  Signed URLs
 * expire earlier at times: whoever is refused there forgets it and asks the
 * registry again.  On the http thread alone.
 */
#ifndef REGISTRY_REDIRECTS_H
#define REGISTRY_REDIRECTS_H

#include "base/hmap.h"

struct redirects {
	struct hmap map;
};

void redirects_release(struct redirects *r);

/* `url` is the one that a registry was asked by; copies both.  Out of memory
 * nothing is kept. */
void redirects_keep(struct redirects *r, const char *url, const char *to);
void redirects_forget(struct redirects *r, const char *url);
/* An allocated copy, or NULL. */
char *redirects_find(const struct redirects *r, const char *url);

#endif
