/* Addresses of `data`, in blocks: which are named by maps, which may be handed
 * out.  Private to store/; the user's lock guards it.
 *
 *	space_init
 *	space_name ...    what the maps on disk name, in any order
 *	space_find_gaps   what lies between; to be cleaned, then
 *	space_load        handed out
 *	space_take        from a gap that is large enough, else past the end
 *	space_name        a new layer's
 *
 * Nothing is ever given back: an address whose map is gone may still be known
 * to a mount.  The next process finds it unnamed.
 */
#ifndef STORE_SPACE_H
#define STORE_SPACE_H

#include "store/range.h"

struct space {
	struct ranges named; /* until space_load() */
	struct ranges gaps;  /* from then on; may hold empty ranges */
	uint64_t end;        /* past everything that is named or handed out */
	bool is_loaded;
};

void space_init(struct space *s);
void space_release(struct space *s);

int space_name(struct space *s, struct range r, struct err *e);

/* Normal; without what lies past s->end. */
int space_find_gaps(struct space *s, struct ranges *gaps, struct err *e);

/* Takes the gaps. */
void space_load(struct space *s, struct ranges *gaps);

/* ENOSPC past LIMIT_DATA_BYTES. */
int space_take(
    struct space *s, uint64_t blocks, uint64_t *first, struct err *e);

#endif
