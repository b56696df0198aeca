/* One manifest of any kind, by tag or digest, asked for without waiting: whoever
 * has something better to do meanwhile, or can do without.  Each host is asked
 * once.  Owned by one thread, which may block.
 *
 *	lookup_begin -> lookup_end, or lookup_drop
 */
#ifndef REGISTRY_LOOKUP_H
#define REGISTRY_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/inquiry.h"
#include "base/digest.h"

struct err;
struct repository;

struct lookup {
	struct inquiry inquiry;
	char path[sizeof "manifests/" + 128];
	struct digest digest;
	bool has_digest;
};

/* What is pointed at stays until the end.  A tag has at most 128 characters. */
void lookup_tag(struct lookup *l, const struct repository *at, const char *tag);
void lookup_digest(
    struct lookup *l, const struct repository *at, const struct digest *d);

/* The bytes, verified where a digest named them; `out` needs no init and is
 * released by the caller, whatever comes.  ENOENT: there is none; ECANCELED:
 * until_ns (monotonic; UINT64_MAX: never) has passed; EBADMSG. */
int lookup_end(
    struct lookup *l, uint64_t until_ns, struct buf *out, struct err *e);
/* Nobody wants to know any more. */
void lookup_drop(struct lookup *l);

#endif
