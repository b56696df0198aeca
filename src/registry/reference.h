/* Image references as podman and docker write them, and layout folders.
 *
 *	[host[:port]/]path[:tag][@sha256:hex]
 *	oci:DIR[:tag]
 *
 * Without a host docker.io is meant, and its one-part paths lie in library/;
 * without tag and digest "latest".  A first part is a host when it holds a dot
 * or a colon, or is "localhost".  In oci: references the last colon starts the
 * tag when no slash follows it; a layout with one image needs none.
 *
 * Grammar: distribution/reference; paths are lower case, at most 255 bytes.
 */
#ifndef REGISTRY_REFERENCE_H
#define REGISTRY_REFERENCE_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/digest.h"

struct err;

struct reference {
	bool is_layout;
	char *host;       /* "docker.io", "127.0.0.1:5000"; NULL for layouts */
	char *repository; /* "library/python"; for layouts the folder */
	char *tag;        /* NULL when only a digest was given */
	bool has_digest;  /* then the tag, if any, is only decoration */
	struct digest digest;
	char *name; /* the normalised whole, by which state.db knows it */
};

#define AUTO_REFERENCE CLEANUP(reference_release)

/* EINVAL says which part is wrong.  On failure nothing needs release. */
int reference_parse(struct reference *r, const char *text, struct err *e);
void reference_release(struct reference *r);

/* True for 127.0.0.0/8, ::1 and localhost, with or without a port: plain HTTP
 * is right there. */
bool reference_host_is_loopback(const char *host);

#endif
