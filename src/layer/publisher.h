/* Publishes in the background what this node learns of images (layer/publish.h).
 *
 * One thread ("publish").  An image that was opened, and one whose profile was
 * saved, is looked at a while later, when its start is over and other nodes that
 * started it at the same time have perhaps published already.  A repository that
 * refuses is left alone for a day, and said so once; whatever else fails is tried
 * again with the image's next start.  Any thread.
 */
#ifndef LAYER_PUBLISHER_H
#define LAYER_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "layer/companions.h"

struct digest;
struct err;
struct image;
struct publisher;

struct publisher_options {
	uint32_t delay_ms; /* up to half more, by chance */
	bool has_aliases;
};

struct publisher *publisher_new(
    const struct publisher_options *o, struct err *e);
/* Ends what is under way soon; keeps no image open any more.  Blocks. */
void publisher_stop(struct publisher *p);
void publisher_free(struct publisher *p);

/* Returns at once; NULL publishes nothing. */
void publisher_offer(
    struct publisher *p, struct image *i, enum companion_kind kind);

/* No image with that layer is kept open for longer than what is under way takes to
 * end: what was to be published of them is not.  Any thread. */
void publisher_let_go(struct publisher *p, const struct digest *layer);

#endif
