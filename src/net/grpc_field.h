/* Header fields of gRPC: the caller's own, which are kept for methods, and the
 * values that have a grammar.  Pure.
 *
 * Specification: grpc/grpc doc/PROTOCOL-HTTP2.md.
 */
#ifndef NET_GRPC_FIELD_H
#define NET_GRPC_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/grpc.h"
#include "base/limits.h"

struct grpc_fields {
	struct grpc_field *list;
	size_t n;
	size_t bytes; /* of names and values */
};

void grpc_fields_release(struct grpc_fields *f);
/* Keeps it if it is the caller's own, is well formed and fits. */
void grpc_fields_add(struct grpc_fields *f, const uint8_t *name, size_t n_name,
    const uint8_t *value, size_t n_value);

/* grpc-timeout: at most 8 digits and a unit of "HMSmun".  False: damaged. */
bool grpc_timeout_parse(const uint8_t *p, size_t n, uint64_t *out_ns);
/* Rounded up to what 8 digits can say. */
enum { GRPC_TIMEOUT_SIZE = 16 };
void grpc_timeout_format(char out[GRPC_TIMEOUT_SIZE], uint64_t timeout_ns);

/* grpc-message: percent-encoded, cut at LIMIT_GRPC_STATUS_BYTES of text.  Both
 * end `out` with a NUL; the length. */
enum { GRPC_TEXT_SIZE = 3 * LIMIT_GRPC_STATUS_BYTES + 1 };
size_t grpc_text_encode(char out[GRPC_TEXT_SIZE], const char *text);
/* What is damaged stays as it is; a NUL ends the text. */
size_t grpc_text_decode(
    char out[LIMIT_GRPC_STATUS_BYTES + 1], const uint8_t *p, size_t n);

#endif
