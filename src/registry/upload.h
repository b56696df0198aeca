/* Blobs and manifests to a repository; blocking, for any thread but http.  As
 * many at once as there are threads: each blob holds one piece of itself in
 * memory, UPLOAD_PIECE_BYTES at most, and a connection.
 *
 *	small    POST, PUT with all of it
 *	large    POST, PATCH a piece at a time, PUT with the last
 *
 * A piece that did not arrive is sent again from where the registry says that it
 * has got to.  Where it does not know any more (docker-registry forgets an upload
 * whose connection broke) the blob is sent from its start, if it can be read
 * again.
 *
 * A mirror is written to only where its configuration says so (hosts.h).  The
 * scope that is asked of token servers is "pull,push".  Errors name the
 * repository and what was sent: EACCES refused (401, 403), ENOENT no such
 * repository, EAGAIN and ETIMEDOUT worth retrying, EPROTO, ECANCELED, and
 * whatever `read` fails with.
 *
 * Specification: distribution-spec, "Push".
 */
#ifndef REGISTRY_UPLOAD_H
#define REGISTRY_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"

struct err;
struct repository;

enum { UPLOAD_PIECE_BYTES = 8 << 20 };

/* Whether the repository has the blob. */
int upload_find_blob(const struct repository *to, const struct digest *d,
    bool *found, struct err *e);

/* Whether anything in it has a tag; a repository that is not known has nothing. */
int upload_find_tags(const struct repository *to, bool *found, struct err *e);

struct upload {
	/* NULL: what comes decides.  Otherwise EBADMSG where they differ, and
	 * nothing is left there. */
	const struct digest *digest;
	/* Another repository of the same registry that may have the blob, which
	 * is then not read; needs the digest; or NULL. */
	const char *mount_from;

	/* The next bytes, at most n (n > 0): how many, 0 at the end, -1.  May
	 * block. */
	ssize_t (*read)(void *ctx, void *p, size_t n, struct err *e);
	/* From the start again; NULL: that is not possible. */
	int (*rewind)(void *ctx, struct err *e);
	/* So much has arrived; less than before where it begins again.  On the
	 * caller's thread; or NULL. */
	void (*on_progress)(void *ctx, uint64_t bytes);
	void *ctx;
	const _Atomic bool *is_cancelled; /* looked at now and then; or NULL */
};

struct uploaded {
	struct digest digest;
	uint64_t size; /* unknown, 0, when mounted */
	bool is_mounted;
};

int upload_blob(const struct repository *to, const struct upload *u,
    struct uploaded *out, struct err *e);

/* From memory, unless it is there. */
int upload_bytes(const struct repository *to, const void *p, size_t n,
    const _Atomic bool *is_cancelled, struct digest *out, struct err *e);

struct upload_manifest {
	const char *tag; /* NULL: by its digest alone */
	const char *media_type;
	const void *bytes;
	size_t len;
	const _Atomic bool *is_cancelled; /* as above */
};

/* What it names must be there.  *has_subject (may be NULL): the registry said
 * (OCI-Subject) that it lists the manifest with those that refer to the same
 * subject. */
int upload_manifest(const struct repository *to,
    const struct upload_manifest *m, bool *has_subject, struct err *e);

/* Takes a manifest away, with its tags.  ENOENT; ENOTSUP or EPROTO where the
 * registry keeps all that it ever got. */
int upload_remove_manifest(
    const struct repository *to, const struct digest *d, struct err *e);

#endif
