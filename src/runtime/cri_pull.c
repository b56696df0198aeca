#include "runtime/cri_pull.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cri.pb-c.h"
#include "registry/auth_json.h"
#include "registry/reference.h"
#include "base/err.h"

typedef Runtime__V1__AuthConfig auth_config;

static int
no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "PullImage");
}

/* Its strings are copies of ours, or "". */
static void
wipe(auth_config *a)
{
	char *const texts[] = { a->username, a->password, a->auth,
		a->identity_token, a->registry_token };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		explicit_bzero(texts[i], strlen(texts[i]));
}

static void
release_request(Runtime__V1__PullImageRequest **r)
{
	if (*r != NULL && (*r)->auth != NULL)
		wipe((*r)->auth);
	runtime__v1__pull_image_request__free_unpacked(*r, NULL);
}

static int
take_login(struct cri_pull *p, const auth_config *a, struct err *e)
{
	struct credential *c = &p->credential;

	p->has_credential = true;
	c->username = strdup(a->username);
	c->password = strdup(a->password);
	return c->username == NULL || c->password == NULL ? no_memory(e) : 0;
}

static int
take_token(struct cri_pull *p, const auth_config *a, struct err *e)
{
	p->has_credential = true;
	p->credential.identity_token = strdup(a->identity_token);
	return p->credential.identity_token == NULL ? no_memory(e) : 0;
}

static int
take_credential(struct cri_pull *p, const auth_config *a, struct err *e)
{
	AUTO_REFERENCE struct reference r = { 0 };

	if (reference_parse(&r, p->image, e) < 0)
		return -1;
	if (r.is_layout ||
	    (a->server_address[0] != 0 &&
		!auth_json_key_is_host(a->server_address, r.host)))
		return 0;
	if (a->username[0] != 0)
		return take_login(p, a, e);
	if (a->identity_token[0] != 0)
		return take_token(p, a, e);
	if (a->auth[0] == 0)
		return 0;
	p->has_credential = true;
	return auth_json_split(&p->credential, a->auth, e);
}

int
cri_pull_parse(
    struct cri_pull *p, const uint8_t *bytes, size_t n, struct err *e)
{
	CLEANUP(release_request)
	Runtime__V1__PullImageRequest *r =
	    runtime__v1__pull_image_request__unpack(NULL, n, bytes);

	*p = (struct cri_pull){ 0 };
	if (r == NULL || r->image == NULL)
		return err_set(e, EBADMSG, "no PullImageRequest");
	p->image = strdup(r->image->image);
	if (p->image == NULL)
		return no_memory(e);
	if (r->auth == NULL || take_credential(p, r->auth, e) == 0)
		return 0;
	cri_pull_release(p);
	return -1;
}

void
cri_pull_release(struct cri_pull *p)
{
	free(p->image);
	credential_release(&p->credential);
	*p = (struct cri_pull){ 0 };
}
