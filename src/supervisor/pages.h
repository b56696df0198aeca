/* The kernel's EROFS reads a file once and knows of no change: what it has in
 * its page cache it shows until it needs the memory.  posix_fadvise(2) makes it
 * forget what no program has mapped.
 *
 * Files are opened by their handle (open_by_handle_at(2)): no name that an image
 * gave is looked up by root.
 *
 * For the supervisor's child processes only; RUN/m is the current folder.
 */
#ifndef SUPERVISOR_PAGES_H
#define SUPERVISOR_PAGES_H

#include <stdint.h>

struct err;

/* All of these files of the mount RUN/m/ID; a nid that is none is passed over.
 * *n_kept: files of which something stays, as a program has it mapped. */
int pages_drop(const char *id, const uint64_t *nids, uint32_t n,
    uint32_t *n_kept, struct err *e);

#endif
