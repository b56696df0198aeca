/* What kubelet's PullImage says of an image and of who may have it.  Pure.
 *
 * The credential is the one that containerd would take: username and password,
 * else an identity token, else `auth` (base64 of user:password); none of them
 * when server_address names another registry than the image's.  A registry
 * token alone is no credential, as it is none to containerd.
 */
#ifndef RUNTIME_CRI_PULL_H
#define RUNTIME_CRI_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/credential.h"

struct cri_pull {
	char *image; /* as kubelet wrote it */
	bool has_credential;
	struct credential credential;
};

#define AUTO_CRI_PULL CLEANUP(cri_pull_release)

/* From a PullImageRequest, which is copied where it matters and wiped there.
 * EBADMSG, EINVAL (the image's name), ENOMEM; never quotes a secret.  On
 * failure nothing needs release. */
int cri_pull_parse(
    struct cri_pull *p, const uint8_t *bytes, size_t n, struct err *e);
void cri_pull_release(struct cri_pull *p);

#endif
