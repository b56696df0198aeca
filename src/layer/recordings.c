#include "layer/recordings.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "layer/image.h"
#include "layer/places.h"
#include "layer/profile.h"
#include "layer/profiles.h"
#include "layer/publisher.h"
#include "layer/recording.h"
#include "layer/trail.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/thread.h"

/* Images that were started and of which nothing was ever read. */
enum { WAITING_MAX = 1024 };

struct recorded {
	struct list link;
	struct hnode node;
	struct digest image;
	struct recording *recording;
	unsigned views;
	unsigned shown;     /* mounts that are not taken away */
	struct image *open; /* while there are views, and till it is saved */
	bool is_over;       /* its last view went while it ran */
	bool is_again;      /* and it was started anew since */
	bool is_saving;
	bool is_new; /* what was known is not merged */
};

struct recordings {
	struct store *store;
	struct recordings_options options;
	pthread_t thread;

	struct lock lock;    /* guards what follows */
	struct cond changed; /* for the thread, and for who waits for it */
	struct list all;
	struct hmap by_image; /* the same, each by its digest's prefix */
	bool is_writing;      /* somebody, at a time, in ROOT/profiles */
	bool is_stopping;
};

/* ---- the list, with the lock held ---- */

static struct recorded *
find(struct recordings *r, const struct digest *image)
{
	hmap_for_each_match(&r->by_image, digest_prefix(image), n) {
		struct recorded *d = container_of(n, struct recorded, node);

		if (digest_equal(&d->image, image))
			return d;
	}
	return NULL;
}

static void
on_first(void *ctx)
{
	struct recordings *r = ctx;

	LOCK_SCOPE(&r->lock);
	cond_broadcast(&r->changed);
}

static struct recorded *
find_or_add(struct recordings *r, const struct digest *image)
{
	struct recorded *d = find(r, image);

	if (d != NULL || (d = calloc(1, sizeof *d)) == NULL)
		return d;
	d->recording = recording_new(on_first, r);
	if (d->recording == NULL) {
		free(d);
		return NULL;
	}
	d->image = *image;
	list_push_back(&r->all, &d->link);
	hmap_insert(&r->by_image, &d->node, digest_prefix(image));
	return d;
}

static void
drop(struct recordings *r, struct recorded *d)
{
	list_remove(&d->link);
	hmap_remove(&r->by_image, &d->node);
	recording_free(d->recording);
	free(d);
}

/* ---- saving a run ---- */

static void
begin_writing(struct recordings *r)
{
	LOCK_SCOPE(&r->lock);
	while (r->is_writing)
		cond_wait(&r->changed, &r->lock);
	r->is_writing = true;
}

static void
end_writing(struct recordings *r)
{
	LOCK_SCOPE(&r->lock);
	r->is_writing = false;
	cond_broadcast(&r->changed);
}

struct run {
	struct image *image;
	struct trail trail;
	bool is_whole, is_new;
};

/* Between begin_writing() and end_writing(). */
static int
merge_and_save(struct recordings *r, const struct run *run,
    struct profile *latest, struct err *e)
{
	AUTO_PROFILE struct profile *earlier = NULL;
	struct err none = ERR_INIT;

	if (!run->is_new)
		earlier = profiles_load(r->store, &latest->image, &none);
	latest->recorded_s = clock_wall_s();
	if (profile_merge(latest, earlier, run->is_whole, e) < 0 ||
	    places_set_ranges(run->image, latest, e) < 0)
		return -1;
	return profiles_save(r->store, latest, e);
}

static int
save(struct recordings *r, const struct run *run, struct err *e)
{
	AUTO_PROFILE struct profile *latest =
	    places_to_profile(run->image, &run->trail, e);
	int rc;

	if (latest == NULL)
		return -1;
	if (latest->n_entries == 0)
		return 0;
	begin_writing(r);
	rc = merge_and_save(r, run, latest, e);
	end_writing(r);
	if (rc < 0)
		return err_wrap(e, "profile of %s", run->image->label);
	log_info("%s: profile of %zu ranges in %zu files, %u runs",
	    run->image->label, latest->n_entries, latest->n_files,
	    latest->runs);
	if (run->is_whole)
		publisher_offer(
		    r->options.publisher, run->image, COMPANION_PROFILE);
	return 0;
}

/* Lock held on entry and return, but not meanwhile. */
static void
finish(struct recordings *r, struct recorded *d, bool is_whole)
{
	struct run run = { .image = image_ref(d->open),
		.is_whole = is_whole,
		.is_new = d->is_new };
	struct image *last = NULL;
	struct err e = ERR_INIT;

	recording_stop(d->recording, &run.trail);
	d->is_saving = true;
	d->is_over = d->is_new = false;
	if (d->is_again && !r->is_stopping)
		recording_start(d->recording);
	d->is_again = false;
	if (d->views == 0)
		last = take_ptr(&d->open);
	lock_release(&r->lock);
	if (save(r, &run, &e) < 0)
		log_warn("%s", e.msg);
	trail_release(&run.trail);
	image_unref(last);
	image_unref(run.image);
	lock_acquire(&r->lock);
	d->is_saving = false;
	if (d->views == 0 && !recording_is_on(d->recording))
		drop(r, d);
	cond_broadcast(&r->changed);
}

/* ---- the thread ---- */

/* When a recording ends by itself; UINT64_MAX: it does not run. */
static uint64_t
end_of(const struct recordings *r, const struct recorded *d)
{
	uint64_t first_ns, last_ns;

	if (d->open == NULL ||
	    !recording_runs(d->recording, &first_ns, &last_ns))
		return UINT64_MAX;
	if (d->is_over || r->is_stopping)
		return 0;
	return min_u64(first_ns + r->options.record_ms * NS_PER_MS,
	    last_ns + r->options.quiet_ms * NS_PER_MS);
}

/* The one that ends first. */
static struct recorded *
find_first(struct recordings *r, uint64_t *end_ns)
{
	struct recorded *first = NULL;

	*end_ns = UINT64_MAX;
	list_for_each(l, &r->all) {
		struct recorded *d = list_entry(l, struct recorded, link);
		uint64_t at = end_of(r, d);

		if (at < *end_ns) {
			*end_ns = at;
			first = d;
		}
	}
	return first;
}

static void *
record_main(void *arg)
{
	struct recordings *r = arg;
	LOCK_SCOPE(&r->lock);

	for (;;) {
		uint64_t end_ns;
		struct recorded *d = find_first(r, &end_ns);

		if (d != NULL && end_ns <= clock_now_ns())
			finish(r, d, !r->is_stopping || d->is_over);
		else if (r->is_stopping)
			return NULL;
		else if (d != NULL)
			cond_wait_until(&r->changed, &r->lock, end_ns);
		else
			cond_wait(&r->changed, &r->lock);
	}
}

/* ---- starting ---- */

void
recordings_start(struct recordings *r, const struct digest *image)
{
	LOCK_SCOPE(&r->lock);
	struct recorded *d = find(r, image);

	if (r->is_stopping || r->options.record_ms == 0 ||
	    (d == NULL && r->by_image.count >= WAITING_MAX))
		return;
	if (d == NULL)
		d = find_or_add(r, image);
	if (d == NULL || d->shown > 0)
		return;
	d->is_again = d->is_over;
	recording_start(d->recording);
}

int
recordings_renew(
    struct recordings *r, const struct digest *image, struct err *e)
{
	struct trail before = { 0 };

	if (r->options.record_ms == 0)
		return err_set(e, ENOTSUP,
		    "the configuration says record_ms = 0: do not record");
	if (recordings_replace(r, image, NULL, e) < 0)
		return -1;
	LOCK_SCOPE(&r->lock);
	struct recorded *d = find_or_add(r, image);

	if (d == NULL || r->is_stopping)
		return err_set(e, d == NULL ? ENOMEM : ECANCELED, "recording");
	recording_stop(d->recording, &before);
	trail_release(&before);
	d->is_new = true;
	recording_start(d->recording);
	return 0;
}

int
recordings_replace(struct recordings *r, const struct digest *image,
    const struct profile *p, struct err *e)
{
	int rc;

	recordings_settle(r, image);
	begin_writing(r);
	rc = p == NULL ? profiles_remove(r->store, image, e)
		       : profiles_save(r->store, p, e);
	end_writing(r);
	return rc;
}

/* ---- views ---- */

struct recording *
recordings_join(struct recordings *r, struct image *i)
{
	LOCK_SCOPE(&r->lock);
	struct recorded *d = find_or_add(r, &i->manifest.digest);

	if (d == NULL)
		return NULL;
	if (d->open == NULL)
		d->open = image_ref(i);
	d->views++;
	d->is_over = d->is_again = false;
	return d->recording;
}

/* Lock held.  The last view is gone: the image to let go of, or NULL. */
static struct image *
leave_last(struct recordings *r, struct recorded *d)
{
	uint64_t first_ns, last_ns;
	struct image *open;

	if (recording_runs(d->recording, &first_ns, &last_ns)) {
		d->is_over = true;
		cond_broadcast(&r->changed);
		return NULL;
	}
	open = take_ptr(&d->open);
	if (!recording_is_on(d->recording) && !d->is_saving)
		drop(r, d);
	return open;
}

void
recordings_leave(struct recordings *r, struct image *i)
{
	struct image *last = NULL;

	lock_acquire(&r->lock);
	struct recorded *d = find(r, &i->manifest.digest);

	assert(d != NULL && d->views > 0);
	if (--d->views == 0)
		last = leave_last(r, d);
	lock_release(&r->lock);
	image_unref(last);
}

void
recordings_note_shown(
    struct recordings *r, const struct digest *image, bool is_shown)
{
	LOCK_SCOPE(&r->lock);
	struct recorded *d = find(r, image);

	if (d == NULL) /* there was no memory for it */
		return;
	if (is_shown)
		d->shown++;
	else if (d->shown > 0)
		d->shown--;
}

static bool
is_unsaved(const struct recorded *d)
{
	return d->is_over || d->is_saving;
}

void
recordings_settle(struct recordings *r, const struct digest *image)
{
	LOCK_SCOPE(&r->lock);
	for (;;) {
		const struct recorded *d = find(r, image);

		if (d == NULL || r->is_stopping || !is_unsaved(d))
			return;
		cond_wait(&r->changed, &r->lock);
	}
}

bool
recordings_are_saving(struct recordings *r)
{
	LOCK_SCOPE(&r->lock);

	list_for_each(l, &r->all)
		if (is_unsaved(list_entry(l, struct recorded, link)))
			return true;
	return false;
}

/* ---- life ---- */

struct recordings *
recordings_new(
    struct store *s, const struct recordings_options *o, struct err *e)
{
	struct recordings *r = calloc(1, sizeof *r);

	if (r == NULL) {
		err_set(e, ENOMEM, "recordings");
		return NULL;
	}
	r->store = s;
	r->options = *o;
	lock_init(&r->lock, RANK_IMAGE);
	cond_init(&r->changed);
	list_init(&r->all);
	if (profiles_prepare(s, e) == 0 &&
	    thread_start(&r->thread, "record", record_main, r, e) == 0)
		return r;
	cond_destroy(&r->changed);
	lock_destroy(&r->lock);
	free(r);
	return NULL;
}

void
recordings_stop(struct recordings *r)
{
	lock_acquire(&r->lock);
	if (r->is_stopping) {
		lock_release(&r->lock);
		return;
	}
	r->is_stopping = true;
	cond_broadcast(&r->changed);
	lock_release(&r->lock);
	pthread_join(r->thread, NULL);
	LOCK_SCOPE(&r->lock);
	list_for_each(l, &r->all) {
		struct trail t;

		recording_stop(
		    list_entry(l, struct recorded, link)->recording, &t);
		trail_release(&t);
	}
}

void
recordings_free(struct recordings *r)
{
	if (r == NULL)
		return;
	recordings_stop(r);
	list_for_each_safe(l, &r->all) {
		struct recorded *d = list_entry(l, struct recorded, link);

		assert(d->views == 0 && d->open == NULL);
		drop(r, d);
	}
	hmap_release(&r->by_image);
	cond_destroy(&r->changed);
	lock_destroy(&r->lock);
	free(r);
}
