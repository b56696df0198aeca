#include "fetch/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A paused source goes on below it: between the two lies a gigabit's worth of
 * 15 ms, so that neither side waits for the other's wakeups. */
#define RESUME_BYTES (INTAKE_BYTES / 2)

void
intake_init(struct intake *in)
{
	*in = (struct intake){ 0 };
	lock_init(&in->lock, RANK_LEAF);
	cond_init(&in->changed);
	list_init(&in->parcels);
}

static void
drop_all(struct intake *in)
{
	struct list *l;

	while ((l = list_pop_front(&in->parcels)) != NULL)
		free(list_entry(l, struct parcel, link));
	in->bytes = 0;
}

void
intake_release(struct intake *in)
{
	drop_all(in);
	cond_destroy(&in->changed);
	lock_destroy(&in->lock);
}

enum source_verdict
intake_put(struct intake *in, const void *p, size_t n, bool *is_first)
{
	struct parcel *parcel;
	LOCK_SCOPE(&in->lock);

	*is_first = false;
	if (in->is_closed)
		return SOURCE_ABORT;
	if (in->bytes > 0 && in->bytes + n > INTAKE_BYTES) {
		in->is_paused = true;
		return SOURCE_PAUSE;
	}
	if ((parcel = malloc(sizeof *parcel + n)) == NULL) {
		err_set(&in->failure, ENOMEM, "buffer for a layer");
		return SOURCE_ABORT;
	}
	parcel->len = n;
	memcpy(parcel->bytes, p, n);
	*is_first = list_is_empty(&in->parcels);
	list_push_back(&in->parcels, &parcel->link);
	in->bytes += n;
	cond_signal(&in->changed);
	return SOURCE_CONTINUE;
}

void
intake_end(struct intake *in, const struct err *failure)
{
	LOCK_SCOPE(&in->lock);

	in->has_ended = true;
	if (failure != NULL && in->failure.code == 0)
		in->failure = *failure;
	cond_signal(&in->changed);
}

/* Lock held. */
static struct parcel *
take(struct intake *in, bool *resume)
{
	struct list *l = list_pop_front(&in->parcels);
	struct parcel *parcel;

	*resume = false;
	if (l == NULL)
		return NULL;
	parcel = list_entry(l, struct parcel, link);
	in->bytes -= parcel->len;
	if (in->is_paused && in->bytes <= RESUME_BYTES) {
		in->is_paused = false;
		*resume = true;
	}
	return parcel;
}

struct parcel *
intake_take(struct intake *in, bool *resume)
{
	LOCK_SCOPE(&in->lock);

	return take(in, resume);
}

struct parcel *
intake_wait(struct intake *in, bool *resume)
{
	struct awake awake = { 0 };
	uint64_t begun_ns = awake_now_ns(&awake);
	LOCK_SCOPE(&in->lock);

	while (list_is_empty(&in->parcels) && !in->has_ended)
		cond_wait_awake(&in->changed, &in->lock, &awake, UINT64_MAX);
	in->waited_ns += awake_now_ns(&awake) - begun_ns;
	return take(in, resume);
}

bool
intake_has_ended(struct intake *in)
{
	LOCK_SCOPE(&in->lock);

	return in->has_ended && list_is_empty(&in->parcels);
}

size_t
intake_bytes(struct intake *in)
{
	LOCK_SCOPE(&in->lock);

	return in->bytes;
}

bool
intake_has_bytes(struct intake *in)
{
	LOCK_SCOPE(&in->lock);

	while (list_is_empty(&in->parcels) && !in->has_ended)
		cond_wait(&in->changed, &in->lock);
	return !list_is_empty(&in->parcels);
}

void
intake_close(struct intake *in)
{
	LOCK_SCOPE(&in->lock);

	in->is_closed = true;
	drop_all(in);
}
