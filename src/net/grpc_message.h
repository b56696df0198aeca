/* The one message of a request or an answer, put together as it arrives:
 *
 *	compressed (1 byte) | length (4, big endian) | bytes
 *
 * Pure but for memory, which grows with what has arrived, not with what is
 * announced.  Nothing here is shared between threads.
 */
#ifndef NET_GRPC_MESSAGE_H
#define NET_GRPC_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/grpc_status.h"
#include "base/bytes.h"

enum { GRPC_PREFIX_BYTES = 5 };

struct grpc_message {
	struct buf bytes; /* prefix included */
};

void grpc_message_init(struct grpc_message *m);
/* Wipes: it may have held a secret. */
void grpc_message_release(struct grpc_message *m);

/* GRPC_OK, or what the sender is to be told, and *why: RESOURCE_EXHAUSTED past
 * LIMIT_GRPC_MESSAGE_BYTES, UNIMPLEMENTED for compression and for a second
 * message, INTERNAL for a damaged prefix.  After that *m takes no more. */
enum grpc_status grpc_message_add(
    struct grpc_message *m, const uint8_t *p, size_t n, const char **why);

bool grpc_message_is_whole(const struct grpc_message *m);
/* Of a whole message; NULL when *n is 0. */
const uint8_t *grpc_message_bytes(const struct grpc_message *m, size_t *n);

void grpc_message_put_prefix(uint8_t out[GRPC_PREFIX_BYTES], size_t n);

#endif
