#include "fetch/fake_source.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/thread.h"

enum { NEXT_MAX = 16, STEP_MAX = 16 << 10 };

/* A read and how far it is. */
struct job {
	struct list link; /* fake.jobs, unless a thread is at it */
	struct source_read *read;
	struct fake_answer answer;
	uint64_t given;
	bool is_cancelled;
	bool is_paused;
	bool was_resumed; /* before its pause was noted */
};

struct fake {
	struct source source;
	const uint8_t *blob;
	size_t n;
	pthread_t thread;
	bool is_synchronous;

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct list jobs;
	struct fake_request log[FAKE_LOG];
	unsigned count, ended, pauses;
	struct fake_answer always, next[NEXT_MAX];
	unsigned n_next;
	size_t step;
	bool is_held, is_ending, is_rangeless, gives_parts;
};

static struct fake *
fake_of(struct source *s)
{
	return container_of(s, struct fake, source);
}

/* ---- answering ---- */

static void
finish(struct job *j, int code)
{
	struct source_read *r = j->read;
	struct err e = ERR_INIT;

	if (code != 0)
		err_set(&e, code, "the fake was told so");
	r->on_done(r, code != 0 ? &e : NULL);
	free(j);
}

/* Moves past a gap; bytes up to the next. */
static uint64_t
pass_gap(struct source_read *r)
{
	for (unsigned i = 0; i < r->n_gaps; i++) {
		if (r->at == r->gaps[i].off)
			r->at = r->gaps[i].end;
		if (r->at < r->gaps[i].off)
			return r->gaps[i].off - r->at;
	}
	return r->off + r->len - r->at;
}

/* The next bytes of the answer; none: it ends with *code. */
static size_t
next_bytes(const struct fake *f, const struct job *j, uint8_t *out, int *code)
{
	struct source_read *r = j->read;
	uint64_t end = f->gives_parts ? source_wanted(r) : r->len;

	if (j->answer.is_short)
		end /= 2;
	if (j->answer.code != 0)
		end = min_u64(end, j->answer.bytes);
	*code = j->answer.code;
	end = min_u64(f->step, end - j->given);
	if (f->gives_parts)
		end = min_u64(end, pass_gap(r));
	assert(r->at + end <= f->n);
	memcpy(out, f->blob + r->at, end);
	for (size_t i = 0; j->answer.is_wrong && i < end; i++)
		out[i] ^= 0xff;
	return end;
}

/* Lock held, released while the source's user is called.  The job is in no
 * list; it is put back when it is paused, else gone. */
static void
work(struct fake *f, struct job *j)
{
	enum source_verdict v = SOURCE_CONTINUE;
	uint8_t bytes[STEP_MAX];
	int code = 0;

	while (v == SOURCE_CONTINUE && !j->is_cancelled) {
		size_t n = next_bytes(f, j, bytes, &code);

		if (n == 0)
			break;
		lock_release(&f->lock);
		v = j->read->on_bytes(j->read, bytes, n);
		lock_acquire(&f->lock);
		if (v == SOURCE_CONTINUE) {
			j->given += n;
			j->read->at += n;
		}
		if (v == SOURCE_PAUSE) {
			f->pauses++;
			if (j->was_resumed)
				v = SOURCE_CONTINUE;
			j->was_resumed = false;
		}
	}
	if (v == SOURCE_PAUSE && !j->is_cancelled) {
		j->is_paused = true;
		list_push_back(&f->jobs, &j->link);
		return;
	}
	if (v == SOURCE_ABORT || j->is_cancelled)
		code = ECANCELED;
	lock_release(&f->lock);
	finish(j, code);
	lock_acquire(&f->lock);
	f->ended++;
	cond_broadcast(&f->changed);
}

/* Lock held. */
static struct job *
next_job(struct fake *f)
{
	list_for_each(l, &f->jobs) {
		struct job *j = list_entry(l, struct job, link);

		if (j->is_cancelled || (!f->is_held && !j->is_paused)) {
			list_remove(l);
			return j;
		}
	}
	return NULL;
}

static void *
fake_main(void *arg)
{
	struct fake *f = arg;
	LOCK_SCOPE(&f->lock);

	for (;;) {
		struct job *j = next_job(f);

		if (j != NULL)
			work(f, j);
		else if (f->is_ending)
			return NULL;
		else
			cond_wait(&f->changed, &f->lock);
	}
}

/* ---- the source ---- */

/* Lock held. */
static struct job *
note(struct fake *f, struct source_read *r)
{
	struct job *j = calloc(1, sizeof *j);

	assert(j != NULL && f->count < FAKE_LOG);
	f->log[f->count++] = (struct fake_request){ r->off, r->len,
		source_wanted(r), r->priority };
	if (r->n_gaps > 0)
		r->parts =
		    f->gives_parts ? SOURCE_PARTS_GIVEN : SOURCE_PARTS_REFUSED;
	j->read = r;
	j->answer = f->always;
	if (f->is_rangeless && r->needs_range)
		j->answer = (struct fake_answer){ .code = ENOTSUP };
	if (f->n_next > 0) {
		j->answer = f->next[0];
		memmove(f->next, f->next + 1, --f->n_next * sizeof *f->next);
	}
	r->state = j;
	cond_broadcast(&f->changed);
	return j;
}

static void
fake_read(struct source *s, struct source_read *r)
{
	struct fake *f = fake_of(s);
	LOCK_SCOPE(&f->lock);
	struct job *j = note(f, r);

	if (f->is_synchronous)
		work(f, j);
	else
		list_push_back(&f->jobs, &j->link);
}

static void
fake_resume(struct source *s, struct source_read *r)
{
	struct fake *f = fake_of(s);
	struct job *j = r->state;
	LOCK_SCOPE(&f->lock);

	if (!j->is_paused) {
		j->was_resumed = true;
		return;
	}
	j->is_paused = false;
	if (!f->is_synchronous) {
		cond_broadcast(&f->changed);
		return;
	}
	list_remove(&j->link);
	work(f, j);
}

static void
fake_cancel(struct source *s, struct source_read *r)
{
	struct fake *f = fake_of(s);
	struct job *j = r->state;
	LOCK_SCOPE(&f->lock);

	j->is_cancelled = true;
	cond_broadcast(&f->changed);
}

static void
fake_destroy(struct source *s)
{
	struct fake *f = fake_of(s);

	lock_acquire(&f->lock);
	f->is_ending = true;
	cond_broadcast(&f->changed);
	lock_release(&f->lock);
	pthread_join(f->thread, NULL);
	assert(list_is_empty(&f->jobs));
	cond_destroy(&f->changed);
	lock_destroy(&f->lock);
	free(f->source.name);
	free(f);
}

static const struct source_ops far_ops = {
	.has_slow_start = true,
	.read = fake_read,
	.resume = fake_resume,
	.cancel = fake_cancel,
	.free = fake_destroy,
};

static const struct source_ops ops = {
	.read = fake_read,
	.resume = fake_resume,
	.cancel = fake_cancel,
	.free = fake_destroy,
};

struct fake *
fake_new(const char *name, const uint8_t *blob, size_t n)
{
	struct fake *f = calloc(1, sizeof *f);
	struct err e = ERR_INIT;

	assert(f != NULL);
	f->source = (struct source){ &ops, strdup(name), 1 };
	f->blob = blob;
	f->n = n;
	f->step = STEP_MAX;
	list_init(&f->jobs);
	lock_init(&f->lock, RANK_SOURCE);
	cond_init(&f->changed);
	assert(thread_start(&f->thread, "fake", fake_main, f, &e) == 0);
	return f;
}

struct source *
fake_source(struct fake *f)
{
	return &f->source;
}

/* ---- telling it ---- */

void
fake_answer(struct fake *f, struct fake_answer always)
{
	LOCK_SCOPE(&f->lock);

	f->always = always;
}

void
fake_answer_next(struct fake *f, struct fake_answer next)
{
	LOCK_SCOPE(&f->lock);

	if (f->n_next < NEXT_MAX)
		f->next[f->n_next++] = next;
}

void
fake_set_step(struct fake *f, size_t bytes)
{
	LOCK_SCOPE(&f->lock);

	f->step = min_u64(bytes, STEP_MAX);
}

void
fake_set_synchronous(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	f->is_synchronous = true;
}

void
fake_hold(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	f->is_held = true;
}

void
fake_release(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	f->is_held = false;
	cond_broadcast(&f->changed);
}

unsigned
fake_count(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	return f->count;
}

struct fake_request
fake_request(struct fake *f, unsigned n)
{
	LOCK_SCOPE(&f->lock);

	assert(n < f->count);
	return f->log[n];
}

void
fake_await(struct fake *f, unsigned count)
{
	LOCK_SCOPE(&f->lock);

	while (f->count < count)
		cond_wait(&f->changed, &f->lock);
}

void
fake_await_end(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	while (f->ended < f->count)
		cond_wait(&f->changed, &f->lock);
}

unsigned
fake_pauses(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	return f->pauses;
}

void
fake_set_far(struct fake *f)
{
	f->source.ops = &far_ops;
}

void
fake_set_parts(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	f->gives_parts = true;
}

void
fake_set_rangeless(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	f->is_rangeless = true;
}
