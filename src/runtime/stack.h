/* What one snapshot has of showings: one for each link of its chain that is a layer
 * of an image; or, where the links at the chain's end are a whole image, one for all
 * of those (runtime/lowers.h).  Private to runtime/lowers.c, whose lock guards what
 * lists it.
 */
#ifndef RUNTIME_STACK_H
#define RUNTIME_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/list.h"

struct catalog;
struct chain;
struct err;
struct pulls;
struct showings;

/* Borrowed. */
struct stack_parts {
	struct showings *showings;
	struct catalog *catalog;
	struct pulls *pulls;
};

struct stack {
	struct hnode node; /* by number */
	struct list link;  /* ended */
	uint64_t number;
	bool is_merged;
	bool is_mapped; /* shown with other owners, too */
	bool is_whole;  /* else some did not survive, and nobody mounts it */
	struct showing **showings; /* NULL for a lower folder that is none */
	size_t n;
};

/* Whether one merged index shows all of the chain that is remote, or did when all
 * the layers were here. */
bool stack_may_be_merged(const struct stack_parts *p, const struct chain *c);

/* All of it; what is not here any more is made again.  Blocks. */
struct stack *stack_take(
    const struct stack_parts *p, const struct chain *c, struct err *e);
/* After a restart, as much of that form as there is; NULL when that is nothing. */
struct stack *stack_resume(const struct stack_parts *p, const struct chain *c,
    bool merged, struct err *e);

/* Its showings are put back.  Blocks. */
void stack_free(const struct stack_parts *p, struct stack *s);
/* They stay, for the next worker. */
void stack_forget(struct stack *s);

#endif
