/* Which files of a blob are read together, as far as their names tell.
 *
 * A family is the files of one folder whose names end alike; a program that
 * reads one of them mostly reads more: of python3-numpy's core/__pycache__ a
 * start reads 27 of 32, and none of the sources beside it.  Then come those of
 * folders of the same name:
 *
 *	numpy/core/__pycache__    the family
 *	numpy/lib/__pycache__     a cousin
 *	numpy/__pycache__         its aunt, of whom it is a niece
 *	numpy/core/tests	  a sibling, were they the same files
 *
 *	kin_new -> kin_begin_family, kin_add_object ... -> [immutable]
 *	-> kin_free
 *
 * Whoever knows the tree makes it (layer/families.h); families come in the order
 * of the tree, so that what lies near lies near here.  Pure: no I/O, no clock.
 */
#ifndef FETCH_KIN_H
#define FETCH_KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct err;
struct kin;

#define KIN_NONE UINT32_MAX

struct kin *kin_new(uint32_t n_objects, struct err *e);
void kin_free(struct kin *k);

static inline void
kin_cleanup(struct kin **k)
{
	kin_free(*k);
}
#define AUTO_KIN CLEANUP(kin_cleanup)

/* Of the folder, with how the names end: equal ones are equal, others mostly
 * not. */
struct kin_keys {
	uint64_t grandparent; /* and its name */
	uint64_t parent;      /* and its name */
	uint64_t among;       /* the parent alone */
};

int kin_begin_family(struct kin *k, const struct kin_keys *keys, struct err *e);
/* Of the last family begun.  An object that has one already stays there. */
void kin_add_object(struct kin *k, uint32_t object);

uint32_t kin_n_families(const struct kin *k);

/* A family, its objects in the order in which they were added. */
struct kin_family {
	uint32_t number;
	const uint32_t *objects;
	uint32_t n;
};
void kin_family(const struct kin *k, uint32_t number, struct kin_family *out);

/* The family of an object, and which of it that is; false: it has none. */
bool kin_find(const struct kin *k, uint32_t object, struct kin_family *out,
    uint32_t *which);

/* From a family outwards: *w starts as { .from = that one }. */
struct kin_walk {
	uint32_t from, step;
	enum {
		KIN_COUSINS,
		KIN_NIECES, /* and aunts */
		KIN_SIBLINGS,
		KIN_END
	} ring;
};
/* The next family, the nearest first; KIN_NONE: no more within reach. */
uint32_t kin_next(const struct kin *k, struct kin_walk *w);

#endif
