/* Going through all layers that are here, while none is removed. */
#ifndef LAYER_LOOK_H
#define LAYER_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog;
struct err;
struct layer;

struct looked_at {
	struct layer *layer;
	bool is_used; /* an image that has it is open */
};

/* From look_begin() to look_end() no removal begins.  EAGAIN: one is under way;
 * who is waited for by a removal must not wait for it.  Look briefly. */
int look_begin(struct catalog *c, struct err *e);
void look_end(struct catalog *c);

/* Until the removal that is under way has ended.  False: not in that time.  Not for who
 * is making a layer or looks. */
bool look_wait(struct catalog *c, uint64_t patience_ns);

/* All that are there now, in no order; the caller frees. */
int look_list(
    struct catalog *c, struct looked_at **out, size_t *n, struct err *e);

#endif
