/* What a mount shows: an index, and the blobs behind its files.  Shared (ref
 * counted), immutable; any thread.
 */
#ifndef LAYER_VIEW_H
#define LAYER_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;
struct err;
struct index;
struct map;
struct recording;
struct store;
struct view;
struct want;

/* Takes the index on success; references the blobs (bottom layer first).
 * `label` names image and layer in messages: "127.0.0.1:5000/python:gzip". The
 * blobs' maps and the store must outlive the view; `on_free` is called with
 * `ctx` when the view is gone. */
struct view *view_new(struct store *s, struct index *take,
    struct blob *const *blobs, const struct map *const *maps, size_t n,
    const char *label, void (*on_free)(void *ctx), void *ctx, struct err *e);
/* What it reads from now on is noted there (layer/recording.h); borrowed until
 * on_free. Before anybody reads. */
void view_record(struct view *v, struct recording *r);
/* Called with what is read while it is recorded and may be guessed at, on the
 * reader's thread: it must not block.  Before anybody reads. */
typedef void view_on_read(
    void *ctx, struct view *v, uint64_t data_off, const void *p, size_t len);
void view_watch(struct view *v, view_on_read *fn);
struct view *view_ref(struct view *v);
void view_unref(struct view *v);

const struct index *view_index(const struct view *v);
const char *view_label(const struct view *v);

/* Reads a range of one file at once: EAGAIN when not all of it is present. */
int view_read(
    struct view *v, void *p, size_t len, uint64_t data_off, struct err *e);

/* The same for our own sake: nobody has read it. */
int view_peek(
    struct view *v, void *p, size_t len, uint64_t data_off, struct err *e);

/* Asks for the file that begins there on a guess; false: nothing is missing of
 * it, or nothing may be guessed. */
bool view_guess(struct view *v, uint64_t data_off);

/* How many bytes from data_off on, up to len, lie in one file's contents, and
 * where those begin; 0: no layer of the view has the position. */
uint64_t view_extent(
    const struct view *v, uint64_t data_off, uint64_t len, uint64_t *start);

/* Makes a range of one file present (fetch/fetch.h): the layer that lies on top
 * and whose map has the position is asked first, then the others.  on_done
 * comes exactly once; EIO when no layer's map has it. */
void view_want(struct view *v, struct want *w);
/* Wants whose limit_ns has come nearer end in time. */
void view_hurry(struct view *v);

#endif
