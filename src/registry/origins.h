/* What has been learnt of the servers asked, for a while: that one ignores
 * ranges, that one is down.  On the http thread alone.
 */
#ifndef REGISTRY_ORIGINS_H
#define REGISTRY_ORIGINS_H

#include <stdbool.h>

#include "net/url.h"
#include "base/hmap.h"

struct origins {
	struct hmap map;
};

void origins_release(struct origins *o);

/* Ranges are tried again after ten minutes, a dead host after half a minute.
 * Out of memory nothing is learnt. */
void origins_set_rangeless(struct origins *o, const struct origin *who);
bool origins_is_rangeless(const struct origins *o, const struct origin *who);
void origins_set_down(struct origins *o, const struct origin *who);
void origins_set_up(struct origins *o, const struct origin *who);
bool origins_is_down(const struct origins *o, const struct origin *who);

#endif
