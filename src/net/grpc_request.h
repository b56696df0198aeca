/* The request of a call, as its stream brings it: what is wrong with it is
 * answered at once, what is whole is run.  Private to the server; called from
 * nghttp2's callbacks.
 */
#ifndef NET_GRPC_REQUEST_H
#define NET_GRPC_REQUEST_H

#include <stddef.h>
#include <stdint.h>

struct grpc_call;

void grpc_request_add_header(struct grpc_call *c, const uint8_t *name,
    size_t n_name, const uint8_t *value, size_t n_value);
void grpc_request_end_headers(struct grpc_call *c);
void grpc_request_add_data(struct grpc_call *c, const uint8_t *p, size_t n);
/* The peer sends no more of it. */
void grpc_request_end(struct grpc_call *c);

#endif
