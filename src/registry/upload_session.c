#include "registry/upload_session.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/inquiry.h"
#include "net/url.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"

enum {
	ANSWER_BYTES = 64 << 10, /* of no interest */
	FIRST_WAIT_MS = 200,     /* doubled with every try */
	LONGEST_WAIT_MS = 5000,
	/* A registry may want larger pieces than ours; this is the most. */
	LARGEST_PIECE_BYTES = 64 << 20,
	RANGE_TEXT_SIZE = 64,
};

static const char no_type[] = "Content-Type:";
static const char octets[] = "Content-Type: application/octet-stream";

int
upload_session_init(struct upload_session *s, const struct repository *to,
    const struct upload *u, struct err *e)
{
	*s = (struct upload_session){ .to = to,
		.upload = u,
		.hasher = hasher_new(),
		.piece = BUF_INIT(LARGEST_PIECE_BYTES),
		.piece_bytes = UPLOAD_PIECE_BYTES };
	s->hosts = registry_get_hosts(to->registry, to->host, to->path, e);
	return s->hosts == NULL ? -1 : 0;
}

void
upload_session_release(struct upload_session *s)
{
	hasher_free(s->hasher);
	host_list_unref(s->hosts);
	free(s->location);
	buf_release(&s->piece);
}

static int
check_cancelled(const struct upload_session *s, struct err *e)
{
	const _Atomic bool *is = s->upload->is_cancelled;

	return is != NULL && atomic_load(is)
		   ? err_set(e, ECANCELED, "cancelled")
		   : 0;
}

/* ---- asking ---- */

struct question {
	const char *method;
	const char *path, *at; /* one of them */
	const void *sends;
	size_t len;
	const char *const *headers;
	bool is_once;
};

static int
ask(const struct upload_session *s, const struct question *q,
    struct http_head *answer, size_t *host, struct err *e)
{
	struct inquiry i;
	int rc;

	inquiry_init(&i, s->to, ANSWER_BYTES);
	i.is_cancelled = s->upload->is_cancelled;
	i.exchange.needs = HOST_PUSH;
	i.exchange.method = q->method;
	i.exchange.path = q->path;
	i.exchange.at = q->at;
	i.exchange.sends = q->sends;
	i.exchange.sends_len = q->len;
	i.exchange.own_headers = q->headers;
	i.exchange.what = q->at != NULL ? "upload" : "repository";
	i.exchange.haste = q->is_once ? HASTE_ONCE : HASTE_NONE;
	i.exchange.class = q->len > 0 ? HTTP_BULK : HTTP_URGENT;
	i.exchange.hosts = host_list_ref(s->hosts);
	if (q->at != NULL)
		i.exchange.tried = ~((uint64_t)1 << s->host);
	i.exchange.answer = answer;
	inquiry_start(&i);
	rc = inquiry_wait(&i, UINT64_MAX, e);
	if (host != NULL)
		*host = i.exchange.host;
	buf_release(&i.exchange.document);
	return rc;
}

/* Where it goes on: a new place with every answer, for some registries. */
static void
follow(struct upload_session *s, struct http_head *answer)
{
	if (answer->location == NULL)
		return;
	free(s->location);
	s->location = take_ptr(&answer->location);
}

/* ---- begin ---- */

/* "blobs/uploads/?mount=sha256:...&from=..." */
static char *
begin_path(const struct upload *u)
{
	AUTO_FREE char *from = NULL;
	char *path;

	if (u->mount_from == NULL || u->digest == NULL)
		return strdup("blobs/uploads/");
	from = url_escape(u->mount_from);
	if (from == NULL || asprintf(&path, "blobs/uploads/?mount=%s&from=%s",
				DIGEST_TEXT(u->digest), from) < 0)
		return NULL;
	return path;
}

static void
adopt_piece_size(struct upload_session *s, const struct http_head *answer)
{
	if (answer->chunk_min != HEAD_UNKNOWN &&
	    answer->chunk_min > s->piece_bytes)
		s->piece_bytes =
		    min_u64(answer->chunk_min, LARGEST_PIECE_BYTES);
}

int
upload_session_begin(struct upload_session *s, bool *is_mounted, struct err *e)
{
	static const char *const headers[] = { no_type, NULL };
	AUTO_FREE char *path = begin_path(s->upload);
	const struct question q = {
		.method = "POST", .path = path, .headers = headers
	};
	AUTO_HEAD struct http_head answer;
	int rc;

	http_head_init(&answer);
	*is_mounted = false;
	if (path == NULL)
		return err_set(e, ENOMEM, "an upload");
	rc = check_cancelled(s, e);
	if (rc == 0)
		rc = ask(s, &q, &answer, &s->host, e);
	if (rc < 0)
		return -1;
	s->is_lost = false;
	*is_mounted = answer.status == 201;
	follow(s, &answer);
	if (!*is_mounted && s->location == NULL)
		return err_set(e, EPROTO, "it said not where to upload to");
	adopt_piece_size(s, &answer);
	return 0;
}

/* ---- what is sent ---- */

int
upload_session_fill(struct upload_session *s, struct err *e)
{
	while (s->piece.len < s->piece_bytes && !s->is_last) {
		size_t room = min_u64(s->piece_bytes - s->piece.len, 1 << 20);
		ssize_t n;

		if (buf_reserve(&s->piece, room, e) < 0)
			return -1;
		n = s->upload->read(
		    s->upload->ctx, s->piece.data + s->piece.len, room, e);
		if (n < 0)
			return -1;
		hasher_update(s->hasher, s->piece.data + s->piece.len, n);
		s->piece.len += n;
		s->is_last = n == 0;
	}
	return 0;
}

/* What of the piece is still to be sent. */
static const uint8_t *
rest_of(const struct upload_session *s, size_t *len)
{
	size_t done = s->arrived - s->piece_off;

	*len = s->piece.len - done;
	return s->piece.len == 0 ? NULL : s->piece.data + done;
}

/* ---- when something went wrong ---- */

static bool
is_worth_a_look(const struct err *e, const struct http_head *answer)
{
	return e->code == EAGAIN || e->code == ETIMEDOUT ||
	       answer->status == 416 || answer->status == 404;
}

static void
back_off(unsigned tries)
{
	uint64_t ms = min_u64(
	    (uint64_t)FIRST_WAIT_MS << min_u64(tries, 10), LONGEST_WAIT_MS);
	struct timespec t = { ms / 1000, ms % 1000 * NS_PER_MS };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* How far it has got, by the registry's word. */
static int
look(struct upload_session *s, struct err *e)
{
	const struct question q = { .method = "GET", .at = s->location };
	AUTO_HEAD struct http_head answer;

	http_head_init(&answer);
	if (ask(s, &q, &answer, NULL, e) < 0)
		return -1;
	if (answer.received == HEAD_UNKNOWN || answer.received < s->arrived ||
	    answer.received > s->piece_off + s->piece.len)
		return err_set(e, EPROTO, "it has other bytes than were sent");
	s->arrived = answer.received;
	follow(s, &answer);
	return 0;
}

/* 0: the rest of the piece may be sent. */
static int
recover(struct upload_session *s, const struct http_head *answer, struct err *e)
{
	uint64_t before = s->arrived;
	struct err lost = ERR_INIT;

	if (!is_worth_a_look(e, answer) ||
	    s->tries >= s->to->registry->max_retries ||
	    check_cancelled(s, e) < 0)
		return -1;
	back_off(s->tries++);
	if (look(s, &lost) < 0) {
		s->is_lost = true;
		return -1;
	}
	if (s->arrived > before)
		s->tries = 0;
	return 0;
}

/* ---- send ---- */

static void
tell_progress(const struct upload_session *s)
{
	if (s->upload->on_progress != NULL)
		s->upload->on_progress(s->upload->ctx, s->arrived);
}

static void
put_range(const struct upload_session *s, size_t len, char out[RANGE_TEXT_SIZE])
{
	snprintf(out, RANGE_TEXT_SIZE, "Content-Range: %ju-%ju",
	    (uintmax_t)s->arrived, (uintmax_t)(s->arrived + len - 1));
}

static int
send_rest(struct upload_session *s, struct http_head *answer, struct err *e)
{
	char range[RANGE_TEXT_SIZE];
	const char *const headers[] = { octets, range, NULL };
	struct question q = { .method = "PATCH",
		.at = s->location,
		.headers = headers,
		.is_once = true };

	q.sends = rest_of(s, &q.len);
	put_range(s, q.len, range);
	if (ask(s, &q, answer, NULL, e) < 0)
		return -1;
	s->arrived += q.len;
	s->tries = 0;
	follow(s, answer);
	tell_progress(s);
	return 0;
}

int
upload_session_send(struct upload_session *s, struct err *e)
{
	uint64_t end = s->piece_off + s->piece.len;

	while (s->arrived < end) {
		AUTO_HEAD struct http_head answer;

		http_head_init(&answer);
		if (check_cancelled(s, e) < 0 ||
		    (send_rest(s, &answer, e) < 0 &&
			recover(s, &answer, e) < 0))
			return -1;
	}
	s->piece_off = end;
	s->piece.len = 0;
	return 0;
}

/* ---- finish ---- */

static char *
final_url(const struct upload_session *s, const struct digest *d)
{
	char *url;

	if (asprintf(&url, "%s%cdigest=%s", s->location,
		strchr(s->location, '?') != NULL ? '&' : '?',
		DIGEST_TEXT(d)) < 0)
		return NULL;
	return url;
}

static int
send_last(struct upload_session *s, const struct digest *d,
    struct http_head *answer, struct err *e)
{
	AUTO_FREE char *url = final_url(s, d);
	char range[RANGE_TEXT_SIZE];
	const char *headers[] = { octets, NULL, NULL };
	struct question q = {
		.method = "PUT", .at = url, .headers = headers, .is_once = true
	};

	if (url == NULL)
		return err_set(e, ENOMEM, "an upload");
	q.sends = rest_of(s, &q.len);
	put_range(s, q.len, range);
	if (s->arrived > 0 && q.len > 0)
		headers[1] = range;
	return ask(s, &q, answer, NULL, e);
}

int
upload_session_finish(
    struct upload_session *s, const struct digest *d, struct err *e)
{
	for (;;) {
		AUTO_HEAD struct http_head answer;

		http_head_init(&answer);
		if (check_cancelled(s, e) < 0)
			return -1;
		if (send_last(s, d, &answer, e) == 0)
			break;
		if (recover(s, &answer, e) < 0)
			return -1;
	}
	s->arrived = s->piece_off + s->piece.len;
	tell_progress(s);
	return 0;
}

/* ---- again, or not ---- */

int
upload_session_restart(struct upload_session *s, struct err *e)
{
	struct digest ignored;

	s->arrived = 0;
	free(take_ptr(&s->location));
	tell_progress(s);
	if (s->piece_off == 0)
		return 0;
	if (s->upload->rewind == NULL)
		return err_set(e, ENOTSUP, "it cannot be read again");
	hasher_end(s->hasher, &ignored);
	s->piece_off = 0;
	s->piece.len = 0;
	s->is_last = false;
	return s->upload->rewind(s->upload->ctx, e);
}

void
upload_session_cancel(struct upload_session *s)
{
	static const char *const headers[] = { no_type, NULL };
	const struct question q = { .method = "DELETE",
		.at = s->location,
		.headers = headers,
		.is_once = true };
	struct err ignored = ERR_INIT;

	if (s->location != NULL)
		ask(s, &q, NULL, NULL, &ignored);
}
