/* Images that runtimes are pulling.  A runtime asks for an image's layers one
 * after the other; the image is resolved once, all its layers in parallel, and
 * kept open for a while, so that the next layer's Prepare costs nothing.
 *
 *	opening -> open   -> (5 s later) gone
 *	       \-> failed -> (10 s later) gone
 *
 * One that an index lied about is gone as soon as that is known.
 *
 * An asker waits until the time that the options give has passed since the
 * opening began; the opening goes on and serves the next one who asks.
 *
 * Any thread.
 */
#ifndef RUNTIME_PULLS_H
#define RUNTIME_PULLS_H

#include <stdint.h>

struct err;
struct image;
struct pulls;
struct remote_request;
struct snapshotter_parts;

/* The parts are borrowed: struct snapshotter_parts. */
struct pulls *pulls_new(const struct snapshotter_parts *p, struct err *e);
/* Waits for openings under way. */
void pulls_free(struct pulls *p);

/* The image that the request names, by reference and manifest, which the caller
 * unrefs.  ETIMEDOUT, ECANCELED. */
struct image *pulls_take(
    struct pulls *p, const struct remote_request *r, struct err *e);

/* Nobody waits any more: ECANCELED at once. */
void pulls_cancel(struct pulls *p);

/* Closes what is older than that, and lies. */
void pulls_expire(struct pulls *p, uint64_t now_ns);

#endif
