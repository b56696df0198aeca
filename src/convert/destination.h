/* Where converted images go: a repository of a registry, or an OCI layout folder.
 *
 * Blobs first, in any order and on any thread, then manifests, then the one that
 * gets the name: who looks for the name finds the old image or the whole new one.
 * A blob that was put and is named by nothing is harmless.
 */
#ifndef CONVERT_DESTINATION_H
#define CONVERT_DESTINATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct buf;
struct descriptor;
struct destination;
struct err;
struct growing_file;
struct reference;
struct registry;

/* A file without a name whose bytes become a blob. */
struct blob_file {
	/* It is not all there yet, and digest and size are not known: its bytes
	 * are sent as they come.  Only where is_remote; or NULL. */
	struct growing_file *growing;
	int fd;
	struct digest digest;
	uint64_t size;
	/* A repository of the same registry that may have it; or NULL. */
	const char *mount_from;
	/* Bytes that arrived, on the caller's thread; or NULL. */
	void (*on_progress)(void *ctx, uint64_t bytes);
	void *ctx;
	const _Atomic bool *is_cancelled; /* or NULL */
};

struct manifest_text {
	const char *media_type;
	const void *bytes;
	size_t len;
	bool is_named; /* the destination's name shall mean it */
};

struct destination_ops {
	bool is_remote; /* putting a file takes its time */
	/* ENOENT: none; d NULL: what the name means now. */
	int (*read_manifest)(struct destination *to, const struct digest *d,
	    struct buf *out, struct err *e);
	int (*find_blob)(struct destination *to, const struct digest *d,
	    uint64_t size, bool *found, struct err *e);
	/* Whether anything has a name there.  NULL: that is not asked. */
	int (*find_names)(struct destination *to, bool *found, struct err *e);
	/* Where blobs are best written: a new file's descriptor. */
	int (*new_file)(struct destination *to, struct err *e);
	/* The file is the destination's from now on, but for its descriptor. */
	int (*put_file)(
	    struct destination *to, const struct blob_file *f, struct err *e);
	int (*put_bytes)(
	    struct destination *to, const void *p, size_t n, struct err *e);
	int (*put_manifest)(struct destination *to,
	    const struct manifest_text *m, struct err *e);
	void (*free)(struct destination *to);
};

/* The first member of an implementation's own struct. */
struct destination {
	const struct destination_ops *ops;
};

/* EINVAL: a digest says already what it means.  Before any work. */
int destination_check(const struct reference *ref, struct err *e);

/* For a reference that was checked; both are borrowed.  A folder
 * that is no layout yet is made one, or without `make` ENOENT. */
struct destination *destination_new(
    const struct reference *ref, struct registry *r, bool make, struct err *e);

static inline void
destination_free(struct destination *to)
{
	if (to != NULL)
		to->ops->free(to);
}

/* ---- for the files that implement one ---- */

struct destination *destination_new_layout(
    const struct reference *ref, bool make, struct err *e);
struct destination *destination_new_registry(
    const struct reference *ref, struct registry *r, struct err *e);

/* A new file in the folder that no name leads to. */
int nameless_file(int dir, const char *path, struct err *e);

#endif
