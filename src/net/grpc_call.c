#include "net/grpc_call.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/grpc_stream.h"
#include "base/awake.h"
#include "base/err.h"

enum { SEND_PATIENCE_S = 10 };

/* --- what a method sees --- */

const char *
grpc_call_path(const struct grpc_call *c)
{
	return c->path;
}

const uint8_t *
grpc_call_request(const struct grpc_call *c, size_t *n)
{
	return grpc_message_bytes(&c->request, n);
}

const struct grpc_field *
grpc_call_metadata(const struct grpc_call *c, size_t *n)
{
	*n = c->metadata.n;
	return c->metadata.list;
}

uint64_t
grpc_call_deadline_ns(const struct grpc_call *c)
{
	return c->deadline_ns;
}

bool
grpc_call_is_cancelled(const struct grpc_call *c)
{
	return atomic_load(&c->is_cancelled);
}

bool
grpc_call_on_cancel(
    struct grpc_call *c, void (*on_cancel)(void *ctx), void *ctx)
{
	LOCK_SCOPE(&c->lock);

	if (atomic_load(&c->is_cancelled))
		return false;
	c->on_cancel = on_cancel;
	c->cancel_ctx = ctx;
	return true;
}

/* --- sending --- */

static struct grpc_piece *
piece_new(const void *p, size_t n, struct err *e)
{
	struct grpc_piece *piece;

	if (n > LIMIT_GRPC_MESSAGE_BYTES) {
		err_set(e, E2BIG, "a message of %zu bytes", n);
		return NULL;
	}
	piece = malloc(sizeof *piece + GRPC_PREFIX_BYTES + n);
	if (piece == NULL) {
		err_set(e, ENOMEM, "a message of %zu bytes", n);
		return NULL;
	}
	piece->n = GRPC_PREFIX_BYTES + n;
	piece->at = 0;
	grpc_message_put_prefix(piece->bytes, n);
	if (n > 0)
		memcpy(piece->bytes + GRPC_PREFIX_BYTES, p, n);
	return piece;
}

/* Called with the lock.  False when nobody takes it. */
static bool
wait_for_room(struct grpc_call *c)
{
	size_t before = c->queued_bytes;
	struct awake awake = { 0 };
	uint64_t until_ns = awake_now_ns(&awake) + SEND_PATIENCE_S * NS_PER_S;

	while (c->queued_bytes >= LIMIT_GRPC_QUEUE_BYTES) {
		if (atomic_load(&c->is_cancelled) ||
		    !cond_wait_awake(&c->room, &c->lock, &awake, until_ns))
			return false;
		if (c->queued_bytes < before)
			until_ns =
			    awake_now_ns(&awake) + SEND_PATIENCE_S * NS_PER_S;
		before = c->queued_bytes;
	}
	return !atomic_load(&c->is_cancelled);
}

/* Called with the lock.  True: the loop is to be woken. */
static bool
enqueue(struct grpc_call *c, struct grpc_piece *piece)
{
	bool was_waking = c->is_waking;

	list_push_back(&c->inbox, &piece->link);
	c->queued_bytes += piece->n;
	c->is_waking = true;
	return !was_waking;
}

int
grpc_call_send(struct grpc_call *c, const void *p, size_t n, struct err *e)
{
	struct grpc_piece *piece = piece_new(p, n, e);
	bool is_taken, needs_wake = false;

	if (piece == NULL)
		return -1;
	lock_acquire(&c->lock);
	is_taken = wait_for_room(c);
	if (is_taken)
		needs_wake = enqueue(c, piece);
	else
		atomic_store(&c->is_cancelled, true);
	lock_release(&c->lock);
	if (needs_wake)
		loop_defer(c->loop, &c->wake);
	if (is_taken)
		return 0;
	free(piece);
	return err_set(e, ECANCELED, "nobody takes the answer");
}

void
grpc_call_finish(struct grpc_call *c, enum grpc_status status, const char *text)
{
	c->verdict.status = status;
	if (text != NULL)
		c->verdict.text = strdup(text);
	lock_acquire(&c->lock);
	c->on_cancel = NULL;
	lock_release(&c->lock);
	loop_defer(c->loop, &c->ended);
}

void
grpc_call_reply(struct grpc_call *c, const void *p, size_t n)
{
	struct err e = ERR_INIT;
	struct grpc_piece *piece = piece_new(p, n, &e);

	if (piece == NULL) {
		grpc_call_finish(c, GRPC_RESOURCE_EXHAUSTED, e.msg);
		return;
	}
	lock_acquire(&c->lock);
	list_push_back(&c->inbox, &piece->link);
	c->queued_bytes += piece->n;
	lock_release(&c->lock);
	grpc_call_finish(c, GRPC_OK, NULL);
}

/* --- its life --- */

static void
on_task(struct task *t)
{
	struct grpc_call *c = container_of(t, struct grpc_call, task);

	/* It may have waited long: what nobody wants is not begun. */
	if (grpc_call_is_cancelled(c))
		grpc_call_finish(c, GRPC_CANCELLED, NULL);
	else
		c->run(c->ctx, c);
}

struct grpc_call *
grpc_call_new(struct grpc_server *s, struct loop *l)
{
	struct grpc_call *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->server = s;
	c->loop = l;
	c->task.run = on_task;
	c->ended.run = grpc_stream_on_ended;
	c->wake.run = grpc_stream_on_wake;
	grpc_message_init(&c->request);
	list_init(&c->link);
	list_init(&c->outbox);
	list_init(&c->inbox);
	lock_init(&c->lock, RANK_LEAF);
	cond_init(&c->room);
	return c;
}

static void
free_pieces(struct list *pieces)
{
	struct list *l;

	while ((l = list_pop_front(pieces)) != NULL)
		free(list_entry(l, struct grpc_piece, link));
}

void
grpc_call_free(struct grpc_call *c)
{
	list_remove(&c->link);
	free_pieces(&c->outbox);
	free_pieces(&c->inbox);
	grpc_message_release(&c->request);
	grpc_fields_release(&c->metadata);
	free(c->path);
	free(c->verdict.text);
	free(c->end.text);
	cond_destroy(&c->room);
	lock_destroy(&c->lock);
	free(c);
}

/* --- for the loop --- */

void
grpc_call_start(struct grpc_call *c, struct pool *p)
{
	c->is_running = true;
	if (p == NULL)
		on_task(&c->task);
	else
		pool_submit(p, &c->task, 0);
}

void
grpc_call_cancel(struct grpc_call *c)
{
	void (*on_cancel)(void *ctx);

	lock_acquire(&c->lock);
	atomic_store(&c->is_cancelled, true);
	on_cancel = take_ptr(&c->on_cancel);
	cond_broadcast(&c->room);
	lock_release(&c->lock);
	if (on_cancel != NULL)
		on_cancel(c->cancel_ctx);
}

size_t
grpc_call_take_sent(struct grpc_call *c, struct list *to)
{
	size_t n = 0;
	struct list *l;

	LOCK_SCOPE(&c->lock);
	c->is_waking = false;
	while ((l = list_pop_front(&c->inbox)) != NULL) {
		n += list_entry(l, struct grpc_piece, link)->n;
		list_push_back(to, l);
	}
	return n;
}

void
grpc_call_make_room(struct grpc_call *c, size_t n)
{
	LOCK_SCOPE(&c->lock);
	c->queued_bytes -= n;
	cond_signal(&c->room);
}
