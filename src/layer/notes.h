/* What is remembered for a while, in memory: that there is no index beside an image,
 * that a registry takes none.  Any thread; locks itself.
 */
#ifndef LAYER_NOTES_H
#define LAYER_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/lock.h"

struct notes {
	struct lock lock; /* RANK_LEAF */
	struct hmap map;
};

void notes_init(struct notes *n);
void notes_release(struct notes *n);

/* `text` says what and where.  By its hash alone: two that share one cost a wrong
 * guess, so notes are for what may be guessed wrong. */
bool notes_have(struct notes *n, const char *text);
/* Past a few thousand another one goes. */
void notes_add(struct notes *n, const char *text, uint32_t seconds);
void notes_drop(struct notes *n, const char *text);

#endif
