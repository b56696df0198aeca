#include "daemon/mount_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Of an id's 64 bits: the microseconds end in 2112. */
enum { RANDOM_BITS = 12, RANDOM_MASK = 0xffe };
#define US_MAX (UINT64_MAX >> RANDOM_BITS)

void
mount_ids_note(struct mount_ids *ids, const char *id)
{
	uint64_t us = strtoumax(id, NULL, 16) >> RANDOM_BITS;

	if (us > ids->last_us)
		ids->last_us = us;
}

/* What a clock says that nobody has set yet may be any time. */
void
mount_ids_next(struct mount_ids *ids, uint64_t now_us, uint16_t random,
    char id[ATTACHMENT_ID_SIZE])
{
	now_us &= US_MAX;
	ids->last_us = now_us > ids->last_us ? now_us : ids->last_us + 1;
	snprintf(id, ATTACHMENT_ID_SIZE, "%013" PRIx64 "%03x", ids->last_us,
	    random & RANDOM_MASK);
}

void
mount_id_of_showing(const char *id, char out[ATTACHMENT_ID_SIZE])
{
	snprintf(
	    out, ATTACHMENT_ID_SIZE, "%016jx", strtoumax(id, NULL, 16) ^ 1);
}
