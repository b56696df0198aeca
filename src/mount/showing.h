/* A view made visible once, at RUN/m/ID, and shared by everyone who wants the
 * same image or layer: mounts, snapshots, layer stores.  They then share one
 * superblock and its page cache.
 *
 *	making -> shown -> (its last user ends) gone
 *
 * The id follows from image and layer, so that it is the same in every worker's
 * life.  It is a part of a digest, which somebody may have made collide: an id
 * that stands for another image or layer already is refused (EEXIST).
 *
 * Any thread; the calls block on the supervisor, and on each other where two
 * want the same.
 */
#ifndef MOUNT_SHOWING_H
#define MOUNT_SHOWING_H

#include <stddef.h>
#include <stdint.h>

struct catalog;
struct digest;
struct err;
struct held;
struct image;
struct mount_server;
struct showing;
struct showings;

/* Both are borrowed, and outlive it; the server may have been freed before. */
struct showings *showings_new(
    struct mount_server *s, struct catalog *c, struct err *e);
/* The mounts stay, for the next worker. */
void showings_free(struct showings *s);

/* The showing of the image's layer (or IMAGE_MERGED), made if it is not there.
 * With own_id it is a new one, mounted on the target, or with NULL at RUN/m/ID. */
struct showing *showings_take(struct showings *s, struct image *i, int layer,
    const char *own_id, const char *target, struct err *e);

/* A descriptor that the supervisor held for an earlier worker; takes its fd. */
void showings_add_held(struct showings *s, const struct held *h);

/* What an earlier worker took, from such a descriptor: ENOENT when there is
 * none.  `label` names the image in messages. */
struct showing *showings_resume(struct showings *s, const struct digest *image,
    int layer, const char *label, const char *own_id, struct err *e);

/* After the last resume: unmounts what was held and nobody wanted. */
void showings_drop_unclaimed(struct showings *s);

/* The last one unmounts. */
void showings_put(struct showings *s, struct showing *w);

/* All that are shown now, *n of them, for showings_put() and free(); NULL: no
 * memory. */
struct showing **showings_take_all(struct showings *s, size_t *n);

/* Of one with an own_id, which nobody else reads through (mount/mount.h). */
void showing_set_patience(struct showing *w, uint32_t ms);
uint32_t showing_patience(const struct showing *w);

const char *showing_id(const struct showing *w);
struct mount *showing_mount(const struct showing *w);
const char *showing_kind(const struct showing *w);
const struct image *showing_image(const struct showing *w);

/* ---- looking ---- */

enum { SHOWING_ID_SIZE = 33 };

struct shown {
	char id[SHOWING_ID_SIZE];
	struct image *image; /* a reference */
	int layer;           /* or IMAGE_MERGED */
	unsigned users;
	const char *kind;
	uint64_t reads, errors; /* mount_count() */
};

/* Those that are shown now, *n of them, for shown_free(). NULL: none, or no
 * memory. */
struct shown *showings_list(struct showings *s, size_t *n);
void shown_free(struct shown *rows, size_t n);

#endif
