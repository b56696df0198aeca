/* One question to a registry, asked until it is answered: a document (a
 * manifest, collected whole) or a part of a blob (streamed).
 *
 *	next host -> authorise -> send -> head -> body -> done
 *	    ^            ^          ^       |       |
 *	    |            |          +-------+  redirect; without range
 *	    |            +------------------+  401: a token
 *	    |            +------ wait ------+--+  408, 429, 5xx, broken: back-off
 *	    +-----------------------------------+  anything else, or too often
 *
 * A blob goes on at the byte reached, whichever host sends it.  Embedded in
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
#include "net/url.h"
#include "base/bytes.h"

struct registry;

enum exchange_body { BODY_NONE, BODY_ERROR, BODY_DOCUMENT, BODY_BLOB };

struct exchange {
	/* set by the owner, zero else; what is pointed at stays until on_done
	 */
	struct registry *registry;
	const char *namespace; /* the reference's host */
	const char *repository;
	const char *path; /* below the repository: "blobs/sha256:..." */
	unsigned needs;   /* HOST_PULL, HOST_RESOLVE */
	size_t host;      /* the first to ask; then the one that answers */
	enum http_class class;
	bool is_blob;
	struct range range;  /* of a blob: pos, end, size */
	bool needs_range;    /* a host that sends all of it: ENOTSUP */
	struct buf document; /* otherwise; init with the ceiling */
	enum source_verdict (*on_bytes)(
	    struct exchange *x, const void *p, size_t n);
	void (*on_done)(struct exchange *x, const struct err *failure);

	/* private */
	struct http_job job;
	_Atomic unsigned asked; /* START, RESUME, CANCEL */
	struct host_list *hosts;
	struct token_wait wait;
	struct http_timer timer;
	struct http_request request;
	struct http_tls tls;
	char *url;           /* that the registry is asked by */
	char *away;          /* where it redirected to; NULL: nowhere */
	struct origin to;    /* who is asked: of away, else of url */
	char *authorization; /* a secret */
	const char **headers;
	struct range_plan plan;
	enum exchange_body body_kind;
	struct buf text;    /* of an error's body */
	struct err failure; /* of this try, found in the head; code 0: none */
	uint64_t tried_pos; /* where this series of tries began */
	unsigned tries;
	unsigned redirects;
	unsigned unauthorized;
	bool is_sent; /* the request is under way */
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
