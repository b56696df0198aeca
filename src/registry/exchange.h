/* One question to a registry, asked until it is answered: for a document (a
 * manifest, collected whole), for a part of a blob (streamed), or to take
 * something (a method, with what is sent; the answer is collected).
 *
 *	next host -> authorise -> send -> head -> body -> done
 *	    ^            ^          ^       |       |
 *	    |            |          +-------+  redirect; without range, or parts
 *	    |            +------------------+  401: a token
 *	    |            +------ wait ------+--+  408, 429, 5xx, broken: back-off
 *	    +-----------------------------------+  anything else, or too often
 *
 * The next host is the first of those that are well; then those that asked for
 * a pause (429), which is waited for; then those that are down, unless another
 * has answered.
 *
 * A blob goes on at the byte reached, whichever host sends it.  What is sent is
 * sent again with each try: who sends what may not come twice tries once, and
 * looks what arrived.  Embedded in
 * what it serves.  Any thread may start, resume and cancel it; the rest happens
 * on the http thread, on_done too (never before exchange_start() returns to
 * that thread's loop).
 */
#ifndef REGISTRY_EXCHANGE_H
#define REGISTRY_EXCHANGE_H

#include "registry/range.h"
#include "registry/source.h"
#include "registry/token.h"
#include "net/http.h"
#include "net/parts.h"
#include "net/url.h"
#include "base/bytes.h"

struct registry;

/* How often a host is tried again: as the client is told, once, never. */
enum exchange_haste { HASTE_NONE, HASTE_ONCE_MORE, HASTE_ONCE };

enum exchange_body {
	BODY_NONE,
	BODY_ERROR,
	BODY_DOCUMENT,
	BODY_BLOB,
	BODY_PARTS, /* of a blob */
};

struct exchange {
	/* set by the owner, zero else; what is pointed at stays until on_done
	 */
	struct registry *registry;
	const char *namespace; /* the reference's host */
	const char *repository;
	const char *path; /* below the repository: "blobs/sha256:..." */
	unsigned needs;   /* HOST_PULL, HOST_RESOLVE, HOST_PUSH */
	uint64_t tried;   /* hosts that are not asked, a bit each */
	uint64_t avoid;   /* those that are asked last */
	enum http_class class;
	bool is_blob;
	struct range range; /* of a blob: pos, end, size, gaps */
	bool needs_range;   /* a host that sends all of it: ENOTSUP */
	enum exchange_haste haste;
	bool is_alone;       /* on a connection of its own */
	struct buf document; /* otherwise; init with the ceiling */
	/* Of one that sends, answered by any 2xx; NULL: it asks, by GET. */
	const char *method;
	const void *sends;
	size_t sends_len;
	const char *const *own_headers; /* NULL ends; or NULL */
	const char *what;               /* for messages: "blob"; or NULL */
	/* A URL that the host gave, asked in the place of `path`; or NULL. */
	const char *at;
	/* Is given the last answer's head, Location and the next page of Link
	 * made absolute URLs; or NULL.  The owner's to init, and to release
	 * after on_done. */
	struct http_head *answer;
	enum source_verdict (*on_bytes)(
	    struct exchange *x, const void *p, size_t n);
	void (*on_done)(struct exchange *x, const struct err *failure);
	/* A request goes out; or may be NULL. */
	void (*on_sent)(struct exchange *x);
	/* A try has failed, and another follows; or may be NULL. */
	void (*on_trouble)(struct exchange *x, const struct err *why);

	enum source_parts has_shown; /* before on_done */
	size_t host; /* who is asked, and who answered in the end: its place
			in the list */
	struct host_list *hosts; /* as found; or set by the owner, who gives a
				    reference */

	/* private */
	struct http_job job;
	_Atomic unsigned asked; /* START, RESUME, CANCEL */
	struct token_wait wait;
	struct http_timer timer;
	struct http_request request;
	struct http_tls tls;
	char *url;           /* that the registry is asked by */
	char *away;          /* where it redirected to; NULL: nowhere */
	struct origin to;    /* who is asked: of away, else of url */
	char *authorization; /* a secret */
	const char **headers;
	char ranges[RANGE_TEXT_BYTES]; /* the request's */
	struct range_plan plan;
	struct parts parts; /* of the answer */
	size_t came_before; /* so many of the next bytes: they are repeated */
	enum exchange_body body_kind;
	struct buf text;    /* of an error's body */
	struct err failure; /* of this try, found in the head; code 0: none */
	uint64_t tried_pos; /* where this series of tries began */
	unsigned tries;
	unsigned limits; /* that hosts asked for, in all */
	unsigned redirects;
	unsigned unauthorized;
	bool forgoes_parts;
	bool is_excused; /* a failure was the machine's own */
	bool is_sent;    /* the request is under way */
	bool is_paused;
	bool is_held;       /* it failed while paused: `failure` waits */
	bool is_remembered; /* `away` is from an earlier answer */
	bool is_aborted;
	bool has_left; /* a redirect led to another origin */
	bool has_resolved_again;
};

void exchange_start(struct exchange *x);
void exchange_resume(struct exchange *x);
void exchange_cancel(struct exchange *x);
/* After on_done, when nobody can ask any more: what was asked too late for it
 * to matter is taken back. */
void exchange_forget(struct exchange *x);

#endif
