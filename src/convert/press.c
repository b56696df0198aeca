#include "convert/press.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "convert/batch.h"
#include "codec/zstd_encoder.h"
#include "base/lock.h"

struct press {
	int level;
	unsigned threads;
	struct pool *pool;

	struct lock lock;
	struct cond pressed;
	/* guarded by lock */
	struct zstd_encoder **idle; /* at most one a thread */
	unsigned n_idle;
};

/* ---- encoders ---- */

static struct zstd_encoder *
take_encoder(struct press *p, struct err *e)
{
	{
		LOCK_SCOPE(&p->lock);
		if (p->n_idle > 0)
			return p->idle[--p->n_idle];
	}
	return zstd_encoder_new(p->level, e);
}

static void
give_encoder(struct press *p, struct zstd_encoder *z)
{
	LOCK_SCOPE(&p->lock);

	assert(p->n_idle < p->threads);
	p->idle[p->n_idle++] = z;
}

/* ---- a batch ---- */

static int
press_piece(struct batch *b, struct piece *x, struct zstd_encoder *z,
    struct hasher *h, struct err *e)
{
	size_t before = b->frames.len;

	if (x->kind != PIECE_BYTES && x->kind != PIECE_CHUNK)
		return 0;
	if (x->kind == PIECE_CHUNK) {
		hasher_update(h, b->bytes + x->off, x->len);
		hasher_end(h, &x->digest);
	}
	if (zstd_encoder_frame(z, b->bytes + x->off, x->len, &b->frames, e) < 0)
		return -1;
	x->frame_len = b->frames.len - before;
	return 0;
}

static int
press_pieces(struct batch *b, struct zstd_encoder *z, struct err *e)
{
	AUTO_HASHER struct hasher *h = hasher_new();

	for (size_t i = 0; i < batch_n_pieces(b); i++)
		if (press_piece(b, batch_piece(b, i), z, h, e) < 0)
			return -1;
	return 0;
}

static void
run(struct task *t)
{
	struct batch *b = container_of(t, struct batch, task);
	struct press *p = b->press;
	struct zstd_encoder *z = take_encoder(p, &b->failure);

	if (z != NULL) {
		press_pieces(b, z, &b->failure);
		give_encoder(p, z);
	}
	LOCK_SCOPE(&p->lock);
	b->is_pressed = true;
	cond_broadcast(&p->pressed);
}

void
press_submit(struct press *p, struct batch *b)
{
	b->press = p;
	b->task.run = run;
	pool_submit(p->pool, &b->task, 0);
}

int
press_wait(struct press *p, struct batch *b, struct err *e)
{
	LOCK_SCOPE(&p->lock);

	while (!b->is_pressed)
		cond_wait(&p->pressed, &p->lock);
	if (b->failure.code == 0)
		return 0;
	*e = b->failure;
	return -1;
}

/* ---- life ---- */

struct press *
press_new(int level, unsigned threads, struct err *e)
{
	struct press *p = calloc(1, sizeof *p);

	if (p == NULL || (p->idle = calloc(threads, sizeof(void *))) == NULL) {
		free(p);
		err_set(e, ENOMEM, "a press");
		return NULL;
	}
	p->level = level;
	p->threads = threads;
	lock_init(&p->lock, RANK_LEAF);
	cond_init(&p->pressed);
	p->pool = pool_new("press", threads, e);
	if (p->pool == NULL) {
		press_free(p);
		return NULL;
	}
	return p;
}

void
press_free(struct press *p)
{
	if (p == NULL)
		return;
	pool_free(p->pool);
	while (p->n_idle > 0)
		zstd_encoder_free(p->idle[--p->n_idle]);
	cond_destroy(&p->pressed);
	lock_destroy(&p->lock);
	free(p->idle);
	free(p);
}

int
press_level(const struct press *p)
{
	return p->level;
}

unsigned
press_threads(const struct press *p)
{
	return p->threads;
}
