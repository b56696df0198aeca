/* Paths in podman's layer store (containers/storage, additional layer stores):
 *
 *	REF                       a reference, in base 64 with padding
 *	REF/DIGEST                one of its layers
 *	REF/DIGEST/diff           its tree
 *	REF/DIGEST/info, blob     what podman wants to know of it; its blob
 *	REF/DIGEST/use            never there: podman tries to make it, to count
 *
 * Pure.
 */
#ifndef RUNTIME_STORE_PATH_H
#define RUNTIME_STORE_PATH_H

#include "base/cleanup.h"
#include "base/digest.h"

struct err;

enum store_place {
	STORE_REFERENCE,
	STORE_LAYER,
	STORE_DIFF,
	STORE_INFO,
	STORE_BLOB,
	STORE_USE,
};

struct store_path {
	enum store_place place;
	char *reference; /* normalised; never a folder's */
	struct digest digest;
};

#define AUTO_STORE_PATH CLEANUP(store_path_release)

/* ENOENT, and why, for anything else.  On failure nothing needs release. */
int store_path_parse(struct store_path *p, const char *path, struct err *e);
void store_path_release(struct store_path *p);

#endif
