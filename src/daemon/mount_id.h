/* The ids of attachments (daemon/mounts.h): 16 hex digits that nobody had before,
 * and that grow, as state.db keeps the mounts by id: of several on one target the
 * one on top is the last there, too, after a restart.
 *
 *	13 digits: microseconds since 1970 | 11 bits: random | the lowest bit: 0
 *
 * A clock that is set back makes none smaller: an id comes after every one that was
 * noted.  With the lowest bit it is the id of a showing of the attachment's own.
 *
 * Pure; the caller's lock guards the struct.
 */
#ifndef DAEMON_MOUNT_ID_H
#define DAEMON_MOUNT_ID_H

#include <stdint.h>

#include "daemon/attachment.h"

struct mount_ids {
	uint64_t last_us; /* of the newest id; 0: there was none */
};

/* One that an earlier worker gave. */
void mount_ids_note(struct mount_ids *ids, const char *id);

/* `random` need not be that: it tells ids apart that were given to the same
 * microsecond by workers that knew nothing of each other. */
void mount_ids_next(struct mount_ids *ids, uint64_t now_us, uint16_t random,
    char id[ATTACHMENT_ID_SIZE]);

/* Of a showing that is this attachment's alone. */
void mount_id_of_showing(const char *id, char out[ATTACHMENT_ID_SIZE]);

#endif
