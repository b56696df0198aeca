/* The arguments that every operation on an image shares: reference and source
 * arguments of the control protocol, applied. */
#ifndef DAEMON_IMAGE_ARGUMENTS_H
#define DAEMON_IMAGE_ARGUMENTS_H

#include "daemon/control.h"
#include "layer/catalog.h"

struct image;
struct reference;

/* For op tables. */
#define IMAGE_ARGUMENTS "reference", "plain_http", "credential"

/* Parses "reference"; the caller releases. */
int arguments_reference(
    struct request *r, struct reference *out, struct err *e);

/* Gives the request its layout, descriptor 0 of an oci: reference, and its
 * registry what the source arguments say. */
int arguments_apply(struct request *r, struct image_request *q, struct err *e);

/* The manifest that the reference means.  *is_known: it was opened here; else
 * its registry is asked.  *resolved_s: when one said so last; 0: never, or it is a
 * digest. */
int arguments_find_manifest(struct request *r, const struct reference *ref,
    struct manifest *out, bool *is_known, int64_t *resolved_s, struct err *e);

/* Opens the image as the arguments say, sending progress events.  `how`: is told
 * how the reference was resolved; or NULL. */
struct image *arguments_open_image(struct request *r, bool is_start,
    struct image_resolution *how, struct err *e);

/* Turns what an image tells into progress events of the request. */
struct request_watcher {
	struct image_watcher watcher;
	struct request *request;
};
void request_watcher_init(struct request_watcher *w, struct request *r);

#endif
