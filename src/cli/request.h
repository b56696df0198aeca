/* A request being put together: its document and the descriptors that go with
 * it.
 *
 *	request_init -> request_set..., doc_set(r.doc, ...) -> session_call
 *	-> request_release
 */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

#include "layerfs/control.h"

struct arguments;
struct doc;

struct request {
	struct doc *doc;
	int fds[LAYERFS_CONTROL_FDS];
	size_t n_fds;
	/* The user's login could not be read: fatal only if the registry
	 * wants one. */
	bool has_login_failure;
	struct err login_failure;
};

#define AUTO_REQUEST CLEANUP(request_release)

void request_init(struct request *r, const char *op);
void request_release(struct request *r);

/* The next descriptor; taken. */
void request_take_fd(struct request *r, int fd);

/* Names an image that is known already: "reference", the folder of an oci:
 * reference made absolute. */
int request_set_reference(struct request *r, const char *text, struct err *e);

/* Names an image that may have to be found: as above, and an oci: folder's
 * descriptor, or the user's credential for the host, and --plain-http. */
int request_set_image(struct request *r, const struct arguments *a,
    const char *text, struct err *e);

#endif
