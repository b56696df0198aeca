/* A client for OCI distribution registries: resolves references, reads
 * manifests and blobs, and writes them (registry/upload.h).  One for the whole
 * daemon; any thread may call.
 *
 * Hosts: containerd's certs.d (hosts.toml: server, [host."URL"] in order with
 * capabilities, ca, client, skip_verify, header, override_path), looked up
 * under the folders of the options as HOST_PORT_, HOST:PORT, HOST and _default; or
 * podman's registries.conf (registry/registries_conf.h), which goes before
 * _default; read again when a file changes.  Without one: https://HOST, or http:// for
 * loopback hosts (until one says that it speaks TLS) and where plain_http is
 * set; docker.io is registry-1.docker.io.
 *
 * Authentication: anonymous first; a 401 challenge is answered with Basic or a
 * Bearer token (GET, or POST with an identity token), cached by host,
 * repository and scope until shortly before it expires, fetched once however
 * many wait. A redirect to another host carries neither Authorization nor
 * client certificate. A 403 or 404 from a redirected URL resolves again once.
 *
 * Failure: connection errors, 408, 5xx and stalls are retried with back-off and
 * jitter, then the next host.  A host that asks for a pause (429, Retry-After up
 * to 30 s) gets it; others are asked meanwhile.  A reader's request that its host
 * answers later than most is asked a second time, of another host or on another
 * connection; these are at most 3 of 100.
 * What a host does with ranges (206; 200 with everything; 416, 400, 501), and
 * with several in one request, is learnt and remembered.
 */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct credential;
struct descriptor;
struct digest;
struct err;
struct manifest;
struct platform;
struct reference;
struct registry;

struct registry_options {
	const char *const
	    *hosts_dirs; /* certs.d folders, first wins; NULL ends */
	const char *registries_conf; /* podman's, and FILE.d; or NULL */
	const char *ca_file;         /* also trusted, for every host; or NULL */
	uint32_t connect_timeout_ms; /* 0: 10 s */
	uint32_t stall_timeout_ms;   /* no byte for so long; 0: 20 s */
	uint32_t max_retries;        /* of one request at one host; 0: 4 */
	uint32_t max_connections;    /* of one host; 0: 16 */
};

struct registry *registry_new(const struct registry_options *o, struct err *e);
/* No request may be under way. */
void registry_free(struct registry *r);

/* What every host was asked, and how it answered (net/tally.h); requests that
 * are under way now. */
struct tally;
struct tally *registry_tally(struct registry *r);
unsigned registry_count_requests(const struct registry *r);

/* From now on used for this host ("" for repository: all of them); replaces
 * what was there.  The credential is copied. */
int registry_set_credential(struct registry *r, const char *host,
    const char *repository, const struct credential *c, struct err *e);

/* Allows http:// for a host that is not loopback. */
int registry_set_plain_http(
    struct registry *r, const char *host, struct err *e);

/* One repository of a registry: to be asked and written to.  A value; borrows. */
struct repository {
	struct registry *registry;
	const char *host; /* "docker.io" */
	const char *path; /* "library/python" */
};

struct registry_question {
	const struct reference *reference;
	int layout; /* the folder of a layout reference */
	const struct platform *platform;
	/* The asker has another answer: a host is tried again once at most, and
	 * ETIMEDOUT after so long; 0: he has none. */
	uint32_t patience_ms;
	/* Much of the repository is read next: connections for that are opened
	 * meanwhile (preconnect.h). */
	bool is_start;
};

/* Reads the manifest that the reference names, choosing the platform where it
 * is an index; blocking.  A digest is always verified, also against an index's
 * entry.  Layout references read the folder behind `layout`.  Errors name the
 * reference and host: ENOENT no such image, EACCES refused (with the server's
 * message), EBADMSG wrong digest, EPROTO what came is no manifest at all. */
int registry_resolve(struct registry *r, const struct registry_question *q,
    struct manifest *out, struct err *e);

/* As registry_resolve(), but gives the very bytes that the reference names,
 * manifest or index; or, with d, another document of its repository. */
int registry_read_document(struct registry *r,
    const struct registry_question *q, const struct digest *d, struct buf *out,
    struct err *e);

/* Reads a whole small blob (image config) and verifies it; blocking. `out` has
 * the ceiling. */
struct source;
int source_read_verified(struct source *s, const struct descriptor *d,
    struct buf *out, struct err *e);

#endif
