/* Manifests that refer to another one (its referrers): signatures, indexes,
 * profiles.
 *
 * A registry lists them (the referrers API, in pages), or does not know that:
 * then who adds one keeps the list himself, as an index under the tag
 * "sha256-HEX" of the manifest referred to.  Both are asked at once until it is
 * known of the host which one it has.
 *
 * Specification: distribution-spec, "Listing Referrers", "Referrers Tag Schema".
 */
#ifndef REGISTRY_REFERRERS_H
#define REGISTRY_REFERRERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/inquiry.h"
#include "base/cleanup.h"
#include "base/descriptor.h"

struct doc;
struct err;
struct host_list;
struct repository;
struct upload_manifest;

struct referrer {
	struct descriptor descriptor; /* of the manifest that refers */
	/* As it was asked for, or ARTIFACT_EMPTY: the list does not tell it.
	 * go-containerregistry (0.21.9) lists the config's type in its place. */
	char *artifact_type;
};

/* In the order in which they were listed: as they were added, where the list is a
 * tag. */
struct referrers {
	struct referrer *list;
	size_t n;
};

#define AUTO_REFERRERS CLEANUP(referrers_release)
void referrers_release(struct referrers *r);

/* A list as a document whose "manifests" is an array; NULL: EBADMSG.  Pure.
 * Programs in Go write null where there are none (CUE's ociserver). */
struct doc *referrers_read_list(const void *p, size_t n, struct err *e);
/* Those of a list that are of the type, or may be, appended; pure.  EBADMSG; E2BIG
 * past LIMIT_REFERRERS. */
int referrers_parse(struct referrers *r, const void *p, size_t n,
    const char *artifact_type, struct err *e);

/* ---- finding them ---- */

struct referrers_search {
	const char *type;
	char api_path[sizeof "referrers/" + DIGEST_TEXT_SIZE + 256];
	char tag_path[sizeof "manifests/" + DIGEST_TEXT_SIZE];
	struct host_list *hosts;
	struct inquiry api, tag;
	struct http_head answer; /* of the API */
	bool asks_api, asks_tag;
};

/* Starts to ask; blocks for nothing.  All that is pointed at stays until
 * referrers_end(), which must follow.  `type` has at most 80 characters. */
void referrers_begin(struct referrers_search *s, const struct repository *at,
    const struct digest *subject, const char *type);
/* Waits, for no longer than until_ns.  None is no failure. */
int referrers_end(struct referrers_search *s, uint64_t until_ns,
    struct referrers *out, struct err *e);

/* Both; `out` needs no init, and on failure no release. */
int referrers_find(const struct repository *at, const struct digest *subject,
    const char *type, struct referrers *out, struct err *e);

/* ---- adding one (referrers_add.c) ---- */

struct referrer_addition {
	const struct upload_manifest *manifest; /* its subject is `subject` */
	const struct digest *subject;
	const char *artifact_type;
	struct doc *annotations; /* of the manifest, for the list; or NULL */
	const _Atomic bool *is_cancelled; /* or NULL */
};

/* Writes the manifest and sees to it that it is listed; blocking.
 *
 * Where the list is a tag, nothing but care keeps two writers from undoing each
 * other's work: registries change tags without asking what was there before.
 * Who adds an entry therefore reads the list, adds what is missing of all that he
 * ever saw in it, and looks again until nobody has changed it for a while; in
 * that time whoever wrote what he had read before us has written, and we put back
 * what he took away.  Entries whose manifest is gone are not put back, and who has
 * written leaves none of them behind.  The same entry of ten nodes is one entry.
 *
 * What holds whatever is late: an entry that was removed is not listed once all who
 * wrote have returned 0.  What does not: an entry that was added is lost where
 * somebody writes what he had read before it more than REFERRERS_QUIET_MS, and more
 * than twice what a write of ours has taken, after it was written, and then its adder
 * does not know.  Nothing else can be had of a tag: those who only read and write one
 * cannot agree on anything in bounded time.
 * Blocks for about that long. */
enum { REFERRERS_QUIET_MS = 3000 };
int referrers_add(const struct repository *to,
    const struct referrer_addition *a, struct err *e);

/* Takes the manifest away, and out of the list with the same care.  Fails where
 * the registry keeps all that it got; the list is as before then. */
int referrers_remove(const struct repository *to, const struct digest *subject,
    const struct digest *manifest, const _Atomic bool *is_cancelled,
    struct err *e);

#endif
