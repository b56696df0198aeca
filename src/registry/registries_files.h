/* registries.conf and its drop-ins (FILE.d/NAME.conf, by name) on disk, read again
 * when one of them changes.  Looks at most every few seconds.  One that is damaged
 * is a warning: what all of them said before goes on.
 *
 * Not locked: its user holds a lock.
 */
#ifndef REGISTRY_REGISTRIES_FILES_H
#define REGISTRY_REGISTRIES_FILES_H

#include <stdint.h>

#include "registry/registries_conf.h"

struct err;

struct registries_files {
	char *path; /* NULL: none */
	struct registries_conf conf;
	unsigned generation; /* grows when conf changes */
	uint64_t stamp;
	uint64_t looked_ns;
};

/* Copies the path; NULL or "" for none.  Reads nothing yet. */
int registries_files_init(
    struct registries_files *f, const char *path, struct err *e);
void registries_files_release(struct registries_files *f);

void registries_files_look(struct registries_files *f);

#endif
