/* What a tar may hold that podman's table of contents cannot say, or not so that
 * podman reads the same out of the table and out of the tar, which it compares
 * and fails where they differ: names that are no UTF-8, two entries of one name,
 * sparse files, global headers, ...  A layer that holds such a thing is converted
 * without a table: to frames that give its tar, which everybody reads whole.
 *
 * It remembers 8 to 16 bytes a name.  One thread at a time.
 */
#ifndef CONVERT_TOC_MISFIT_H
#define CONVERT_TOC_MISFIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct err;
struct tar_entry;

/* Why a layer whose tables would be larger than readers take has none. */
extern const char toc_too_large[];
/* Why one has none whose table readers would refuse. */
extern const char toc_refused[];

struct toc_misfits {
	uint64_t *names; /* hashes, 0 is empty; two that are equal by chance
			    cost a layer its table */
	size_t mask, n_names;
	struct buf path; /* the last entry's, by toc_misfit_path() */
};

void toc_misfits_init(struct toc_misfits *m);
void toc_misfits_release(struct toc_misfits *m);

/* Why the entry, the next of its layer, does not fit; NULL: it does. */
int toc_misfit(struct toc_misfits *m, const struct tar_entry *x,
    const char **why, struct err *e);

/* "/usr/bin/env": a path without what makes no difference: "./", "//", a slash at
 * either end.  *why is set where it leads upwards. */
int toc_misfit_path(struct buf *out, const char *path, size_t len,
    const char **why, struct err *e);

#endif
