/* Who is recorded, and when: each start of an image becomes one more run of its
 * profile.
 *
 *	waiting   recordings_start() or recordings_renew(): from the next read
 *	running   since the first read of one of the image's views
 *	ending    nothing new was read for quiet_ms, record_ms have passed, or
 *	          the last view is gone
 *	saved     the thread "record" has merged the run into the profile
 *
 * A start counts only while nothing of the image is shown: who mounts what is
 * mounted already reads from the kernel's memory, and would teach that the
 * rest is not needed.  Views that a restarted worker takes up are of no start.
 * A mount that was taken away may live on in somebody's mount namespace, and keep
 * its view: a new one shares no memory with it.  What is read by both counts then.
 * When the daemon ends, a run that has not ended is saved as one cut short.
 *
 * What a view reads counts for the image that it was made for, though several
 * may share the layer.  Any thread; blocks where it says so.
 */
#ifndef LAYER_RECORDINGS_H
#define LAYER_RECORDINGS_H

#include <stdbool.h>
#include <stdint.h>

struct digest;
struct err;
struct image;
struct profile;
struct publisher;
struct recording;
struct recordings;
struct store;

struct recordings_options {
	uint32_t record_ms; /* 0: nothing is recorded */
	uint32_t quiet_ms;
	struct publisher *publisher; /* is offered what was saved; or NULL */
};

/* The store must outlive it. */
struct recordings *recordings_new(
    struct store *s, const struct recordings_options *o, struct err *e);
/* Saves what runs, as cut short; no new run begins.  Blocks. */
void recordings_stop(struct recordings *r);
/* Every view is gone. */
void recordings_free(struct recordings *r);

/* The image is about to be used. */
void recordings_start(struct recordings *r, const struct digest *image);

/* Forgets the profile and records from the next read on, whatever is mounted.
 * Blocks on disk. */
int recordings_renew(
    struct recordings *r, const struct digest *image, struct err *e);

/* Puts a profile in the place of what is known; NULL: forgets.  What runs goes
 * on, and will be merged.  Blocks on disk. */
int recordings_replace(struct recordings *r, const struct digest *image,
    const struct profile *p, struct err *e);

/* A view of the image opens: its recording; NULL without memory.  Each that is
 * not NULL is left again when the view is gone. */
struct recording *recordings_join(struct recordings *r, struct image *i);
void recordings_leave(struct recordings *r, struct image *i);

/* One more mount shows something of the image, or one less; in between it has a
 * view. */
void recordings_note_shown(
    struct recordings *r, const struct digest *image, bool is_shown);

/* Waits until no run of the image that has ended is yet to be saved: nothing
 * here keeps the image open then. */
void recordings_settle(struct recordings *r, const struct digest *image);
/* Whether there is such a run, of any image. */
bool recordings_are_saving(struct recordings *r);

#endif
