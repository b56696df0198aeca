/* The half of an exchange that judges: heads, bodies, and what follows from
 * them. The callbacks of its HTTP request. */
#ifndef REGISTRY_ANSWER_H
#define REGISTRY_ANSWER_H

#include "net/http.h"

enum http_verdict answer_on_head(struct http_request *q);
enum http_verdict answer_on_bytes(
    struct http_request *q, const void *p, size_t n);
void answer_on_done(struct http_request *q, const struct err *failure);

#endif
