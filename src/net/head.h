/* The head of an HTTP answer: status and the header fields that registries
 * speak with.  Pure: fed line by line, whatever the server sends.
 *
 * A damaged field of no consequence (Retry-After, Content-Type, Range) reads as
 * absent; a damaged Content-Range or Content-Length is EPROTO, for bytes
 * would be placed by it.
 */
#ifndef NET_HEAD_H
#define NET_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct err;

#define HEAD_UNKNOWN UINT64_MAX

enum { HEAD_MAX_CHALLENGES = 8, HEAD_BOUNDARY_BYTES = 70 };

/* Content-Range: bytes first-last/total, or bytes * /total. */
struct byte_range {
	uint64_t first, last; /* HEAD_UNKNOWN for the star */
	uint64_t total;       /* HEAD_UNKNOWN for the star */
};

/* Its value, without white space around it. */
bool byte_range_parse(struct byte_range *r, const char *value);

struct http_head {
	int status; /* 0 before the first line */
	bool is_complete;
	uint64_t content_length; /* or HEAD_UNKNOWN */

	bool has_range;
	struct byte_range range;

	uint64_t retry_after_s; /* HEAD_UNKNOWN when absent */
	char *location;
	char *content_type; /* lower case, without parameters */
	/* Of them, that of multipart (RFC 2046): HEAD_BOUNDARY_BYTES at most */
	char *boundary;
	char *docker_digest;
	char *link;    /* Link, as it came */
	char *subject; /* OCI-Subject */
	char *filters; /* OCI-Filters-Applied */
	/* Of an upload, Range: how many bytes arrived (0-0 is none), and
	 * OCI-Chunk-Min-Length.  HEAD_UNKNOWN when absent. */
	uint64_t received;
	uint64_t chunk_min;
	char *challenges[HEAD_MAX_CHALLENGES]; /* WWW-Authenticate, in order */
	unsigned n_challenges;

	size_t bytes; /* of all lines, against LIMIT_HEADER_BYTES */
};

#define AUTO_HEAD CLEANUP(http_head_release)

void http_head_init(struct http_head *h);
void http_head_release(struct http_head *h);

/* One line with or without its CRLF.  A status line starts a new head (after a
 * 1xx), an empty line completes one unless it is a 1xx; lines after that
 * (trailers) only count.  now_wall_s: for a Retry-After that is a date.  EPROTO
 * also for too many bytes, ENOMEM. */
int http_head_add(struct http_head *h, const char *line, size_t n,
    int64_t now_wall_s, struct err *e);

#endif
