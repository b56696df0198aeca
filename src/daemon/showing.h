/* A view made visible once, at RUN/m/ID, and shared by everyone who mounts the
 * same image or layer (daemon/mounts.h). */
#ifndef DAEMON_SHOWING_H
#define DAEMON_SHOWING_H

struct attachment;
struct daemon;
struct err;
struct held;
struct image;
struct showing;
struct showings;

struct showings *showings_new(struct daemon *d, struct err *e);
void showings_free(struct showings *s);

/* The showing of the image's layer (or IMAGE_MERGED), made if it is not there.
 * Blocking.  With own_id it is a new one, mounted on the target. */
struct showing *showings_take(struct showings *s, struct image *i, int layer,
    const char *own_id, const char *target, struct err *e);

/* A descriptor that the supervisor held for an earlier worker; takes its fd. */
void showings_add_held(struct showings *s, const struct held *h);

/* The showing of an attachment from an earlier worker, from such a descriptor:
 * ENOENT when there is none. */
struct showing *showings_resume(
    struct showings *s, const struct attachment *a, struct err *e);

/* After the last resume: unmounts what was held and nobody wanted. */
void showings_drop_unclaimed(struct showings *s);

/* The last one unmounts. */
void showings_put(struct showings *s, struct showing *w);

const char *showing_id(const struct showing *w);
const char *showing_kind(const struct showing *w);
const struct image *showing_image(const struct showing *w);

#endif
