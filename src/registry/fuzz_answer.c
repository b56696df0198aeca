/* Whatever a server answers to a question for part of a blob: a reader gets bytes of
 * that part, in order, each once, and the same again where he paused. */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "registry/answer.h"
#include "registry/client.h"
#include "registry/exchange.h"
#include "registry/status.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What the input's first bytes say of the question, and of the connection. */
struct question {
	uint8_t is_document : 1, was_asked : 1, may_have_parts : 1,
	    needs_range : 1, is_far : 1, is_redirected : 1, asks_head : 1;
	uint8_t before, wanted, behind; /* in blocks */
	uint8_t gaps[2][2];             /* so much wanted, then a gap */
	uint8_t piece;                  /* so much of the body comes at once */
	uint8_t pauses;                 /* a bit each */
};

struct reader {
	struct exchange x;
	struct source_gap gaps[2];
	uint64_t next, end; /* of the blob */
	uint8_t pauses;
	uint64_t paused_at; /* what was not taken */
	uint64_t paused_hash;
	size_t paused_len;
	bool is_paused;
};

static enum source_verdict
on_bytes(struct exchange *x, const void *p, size_t n)
{
	struct reader *r = container_of(x, struct reader, x);
	uint64_t at = x->range.pos, hash = hash_bytes(p, n, 0);
	bool pauses = r->pauses & 1;

	assert(n > 0 && at >= r->next && at < r->end && n <= r->end - at);
	if (r->is_paused)
		assert(at == r->paused_at && n == r->paused_len &&
		       hash == r->paused_hash);
	r->pauses = r->pauses >> 1 | (r->pauses & 1) << 7;
	r->is_paused = pauses && !r->is_paused;
	r->paused_at = at;
	r->paused_len = n;
	r->paused_hash = hash;
	if (r->is_paused)
		return SOURCE_PAUSE;
	r->next = at + n;
	return SOURCE_CONTINUE;
}

static void
set_range(struct reader *r, const struct question *q)
{
	struct range *g = &r->x.range;
	uint64_t block = q->is_far ? SOURCE_SMALL_GAP : 1, at;

	g->pos = r->next = at = q->before * block;
	g->end = r->end = g->pos + (q->wanted + 1) * block;
	g->size = g->end + q->behind * block;
	g->gaps = r->gaps;
	for (int i = 0; i < 2; i++) {
		struct source_gap gap = { .off = at };

		gap.off += (q->gaps[i][0] + 1) * block;
		gap.end = gap.off + q->gaps[i][1] * (block + 1);
		if (gap.end >= g->end || gap.end == gap.off)
			break;
		r->gaps[g->n_gaps++] = gap;
		at = gap.end;
	}
	g->was_asked = q->was_asked;
	if (g->was_asked)
		range_ask(g, q->may_have_parts);
	else
		g->ask_end = g->end;
}

/* The head's lines, up to the empty one; what follows them, or NULL. */
static const uint8_t *
take_head(struct http_head *h, const uint8_t *p, const uint8_t *end)
{
	struct err e = ERR_INIT;

	while (p < end && !h->is_complete) {
		const uint8_t *line = memchr(p, '\n', end - p);

		line = line == NULL ? end : line + 1;
		if (http_head_add(h, (const char *)p, line - p, 0, &e) < 0)
			return NULL;
		p = line;
	}
	return h->is_complete ? p : NULL;
}

static void
take_body(struct reader *r, const uint8_t *p, size_t n, size_t piece)
{
	struct http_request *q = &r->x.request;

	while (n > 0) {
		size_t len = min_u64(n, piece);
		enum http_verdict v;

		q->body_len += len;
		while ((v = answer_on_bytes(q, p, len)) == HTTP_PAUSE)
			assert(r->is_paused);
		if (v == HTTP_STOP)
			break;
		p += len;
		n -= len;
	}
	assert(r->next <= r->end && r->x.range.pos <= r->end);
}

/* What a terminal shows of it. */
static void
refuse(const struct exchange *x)
{
	struct status s = { .code = x->request.head.status,
		.text = &x->text,
		.what = "blob",
		.login = "x.io" };
	struct err e = ERR_INIT;

	assert(status_error(&s, &e) < 0 && e.code != 0);
	for (const char *c = e.msg; *c != 0; c++)
		assert(isascii(*c) && isprint(*c));
}

static void
answer(struct reader *r, const uint8_t *p, size_t n, size_t piece)
{
	struct exchange *x = &r->x;
	const uint8_t *body = take_head(&x->request.head, p, p + n);

	if (body == NULL || answer_on_head(&x->request) != HTTP_CONTINUE)
		return;
	take_body(r, body, p + n - body, piece);
	if (x->body_kind == BODY_ERROR)
		refuse(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct host host = { .origin = { .host = "x.io" } };
	struct host_list hosts = { .hosts = &host, .n = 1 };
	struct registry registry = { .max_retries = 0 };
	struct reader r = { 0 };
	struct question q;

	if (n < sizeof q)
		return 0;
	memcpy(&q, p, sizeof q);
	r.pauses = q.pauses;
	r.x.registry = &registry;
	r.x.hosts = &hosts;
	r.x.is_blob = !q.is_document;
	r.x.method = q.asks_head ? "HEAD" : NULL;
	r.x.needs_range = q.needs_range;
	r.x.url = (char *)"https://x.io/v2/a/blobs/b";
	r.x.away = q.is_redirected ? (char *)"https://y.io/b" : NULL;
	r.x.on_bytes = on_bytes;
	buf_init(&r.x.document, 1000);
	buf_init(&r.x.text, 1000);
	http_head_init(&r.x.request.head);
	set_range(&r, &q);
	answer(&r, p + sizeof q, n - sizeof q, q.piece + 1);
	http_head_release(&r.x.request.head);
	buf_release(&r.x.document);
	buf_release(&r.x.text);
	origins_release(&registry.origins);
	redirects_release(&registry.redirects);
	return 0;
}
