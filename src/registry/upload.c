#include "registry/upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/inquiry.h"
#include "registry/upload_session.h"
#include "base/err.h"
#include "base/limits.h"

enum { MAX_RESTARTS = 3 };

static int
wrap(const struct repository *to, const struct digest *d, struct err *e)
{
	return err_wrap(e, "%s/%s: upload of %.19s", to->host, to->path,
	    d != NULL ? DIGEST_TEXT(d) : "a blob");
}

int
upload_find_blob(const struct repository *to, const struct digest *d,
    bool *found, struct err *e)
{
	char path[sizeof "blobs/" + DIGEST_TEXT_SIZE];
	struct inquiry_plain q = {
		.method = "HEAD", .path = path, .what = "blob"
	};
	AUTO_BUF struct buf none = { 0 };
	int rc;

	snprintf(path, sizeof path, "blobs/%s", DIGEST_TEXT(d));
	rc = inquiry_ask(to, &q, &none, e);
	*found = rc == 0;
	return rc == 0 || e->code == ENOENT ? 0 : wrap(to, d, e);
}

int
upload_find_tags(const struct repository *to, bool *found, struct err *e)
{
	const struct inquiry_plain q = { .path = "tags/list?n=1",
		.what = "repository",
		.answer_max = LIMIT_MANIFEST_BYTES };
	AUTO_BUF struct buf answer = { 0 };
	int rc = inquiry_ask(to, &q, &answer, e);

	*found = rc == 0;
	return rc == 0 || e->code == ENOENT
		   ? 0
		   : err_wrap(e, "%s/%s: tags", to->host, to->path);
}

/* ---- a blob ---- */

/* It may have arrived though the answer did not. */
static bool
has_arrived(struct upload_session *s, const struct digest *d)
{
	struct err ignored = ERR_INIT;
	bool found;

	return s->is_last &&
	       upload_find_blob(s->to, d, &found, &ignored) == 0 && found;
}

static int
check_digest(struct upload_session *s, struct digest *is, struct err *e)
{
	const struct digest *want = s->upload->digest;

	hasher_end(s->hasher, is);
	if (want == NULL || digest_equal(is, want))
		return 0;
	return err_set(
	    e, EBADMSG, "what was read has the digest %.19s", DIGEST_TEXT(is));
}

/* Until the last piece, which finish() sends. */
static int
send_pieces(struct upload_session *s, struct err *e)
{
	while (upload_session_fill(s, e) == 0) {
		if (s->is_last)
			return 0;
		if (upload_session_send(s, e) < 0)
			return -1;
	}
	return -1;
}

/* `is` is known once all was read: a piece that is sent again is not hashed
 * again. */
static int
try_once(struct upload_session *s, struct uploaded *out, bool *is_known,
    struct err *e)
{
	if (upload_session_begin(s, &out->is_mounted, e) < 0)
		return -1;
	if (out->is_mounted) {
		out->digest = *s->upload->digest;
		return 0;
	}
	if (send_pieces(s, e) < 0 ||
	    (!*is_known && check_digest(s, &out->digest, e) < 0))
		return -1;
	*is_known = true;
	if (upload_session_finish(s, &out->digest, e) == 0 ||
	    (s->is_lost && has_arrived(s, &out->digest))) {
		out->size = s->piece_off + s->piece.len;
		return 0;
	}
	return -1;
}

static int
restart(struct upload_session *s, bool *is_known, struct err *e)
{
	struct err why = ERR_INIT;

	if (!s->is_lost)
		return -1;
	*is_known = *is_known && s->piece_off == 0;
	if (upload_session_restart(s, &why) == 0)
		return 0;
	return err_wrap(e, "it broke off, and %s", why.msg);
}

int
upload_blob(const struct repository *to, const struct upload *u,
    struct uploaded *out, struct err *e)
{
	AUTO_UPLOAD_SESSION struct upload_session s = { 0 };
	bool is_known = false;
	int rc = upload_session_init(&s, to, u, e);

	*out = (struct uploaded){ 0 };
	for (unsigned i = 0; rc == 0; i++) {
		rc = try_once(&s, out, &is_known, e);
		if (rc == 0)
			return 0;
		if (i < MAX_RESTARTS)
			rc = restart(&s, &is_known, e);
	}
	/* A registry that is not there is not asked to forget. */
	if (!s.is_lost && e->code != EAGAIN && e->code != ETIMEDOUT)
		upload_session_cancel(&s);
	return wrap(to, u->digest, e);
}

/* ---- from memory ---- */

struct memory {
	const uint8_t *data;
	size_t len, at;
};

static ssize_t
read_memory(void *ctx, void *p, size_t n, struct err *e)
{
	struct memory *m = ctx;

	(void)e;
	n = min_u64(n, m->len - m->at);
	if (n > 0)
		memcpy(p, m->data + m->at, n);
	m->at += n;
	return n;
}

static int
rewind_memory(void *ctx, struct err *e)
{
	struct memory *m = ctx;

	(void)e;
	m->at = 0;
	return 0;
}

int
upload_bytes(const struct repository *to, const void *p, size_t n,
    const _Atomic bool *is_cancelled, struct digest *out, struct err *e)
{
	struct memory m = { .data = p, .len = n };
	struct upload u = { .digest = out,
		.read = read_memory,
		.rewind = rewind_memory,
		.ctx = &m,
		.is_cancelled = is_cancelled };
	struct uploaded done;
	bool found;

	digest_of(out, p, n);
	if (upload_find_blob(to, out, &found, e) < 0)
		return -1;
	return found ? 0 : upload_blob(to, &u, &done, e);
}

/* ---- a manifest ---- */

static int
put_manifest(const struct repository *to, const struct upload_manifest *m,
    const char *path, struct http_head *answer, struct err *e)
{
	AUTO_FREE char *type = NULL;
	const char *headers[] = { NULL, NULL };
	struct inquiry q;
	int rc;

	if (asprintf(&type, "Content-Type: %s", m->media_type) < 0) {
		type = NULL;
		return err_set(e, ENOMEM, "a manifest");
	}
	headers[0] = type;
	inquiry_init(&q, to, LIMIT_MANIFEST_BYTES);
	q.is_cancelled = m->is_cancelled;
	q.exchange.needs = HOST_PUSH;
	q.exchange.method = "PUT";
	q.exchange.path = path;
	q.exchange.sends = m->bytes;
	q.exchange.sends_len = m->len;
	q.exchange.own_headers = headers;
	q.exchange.what = "repository";
	q.exchange.answer = answer;
	inquiry_start(&q);
	rc = inquiry_wait(&q, UINT64_MAX, e);
	buf_release(&q.exchange.document);
	return rc;
}

int
upload_manifest(const struct repository *to, const struct upload_manifest *m,
    bool *has_subject, struct err *e)
{
	char path[sizeof "manifests/" + LIMIT_REFERENCE_BYTES];
	AUTO_HEAD struct http_head answer;
	struct digest d;
	int rc;

	http_head_init(&answer);
	digest_of(&d, m->bytes, m->len);
	snprintf(path, sizeof path, "manifests/%s",
	    m->tag != NULL ? m->tag : DIGEST_TEXT(&d));
	rc = put_manifest(to, m, path, &answer, e);
	if (has_subject != NULL)
		*has_subject = rc == 0 && answer.subject != NULL;
	return rc == 0 ? 0
		       : err_wrap(e, "%s/%s: upload of manifest %.40s",
			     to->host, to->path, path + strlen("manifests/"));
}

int
upload_remove_manifest(
    const struct repository *to, const struct digest *d, struct err *e)
{
	char path[sizeof "manifests/" + DIGEST_TEXT_SIZE];
	const struct inquiry_plain q = { .method = "DELETE",
		.path = path,
		.what = "manifest",
		.answer_max = LIMIT_MANIFEST_BYTES };
	AUTO_BUF struct buf answer = { 0 };

	snprintf(path, sizeof path, "manifests/%s", DIGEST_TEXT(d));
	if (inquiry_ask(to, &q, &answer, e) == 0)
		return 0;
	return err_wrap(e, "%s/%s: removal of manifest %.19s", to->host,
	    to->path, DIGEST_TEXT(d));
}
