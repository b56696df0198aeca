#include "cli/request.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/target.h"
#include "registry/credential.h"
#include "registry/reference.h"
#include "base/doc.h"
#include "base/fs.h"
#include "base/limits.h"

void
request_init(struct request *r, const char *op)
{
	*r = (struct request){ .doc = doc_new_object() };
	doc_set_string(r->doc, "op", op);
}

void
request_release(struct request *r)
{
	struct doc *credential = doc_find(r->doc, "credential");

	if (credential != NULL)
		doc_wipe(credential);
	doc_unref(take_ptr(&r->doc));
	while (r->n_fds > 0)
		close(r->fds[--r->n_fds]);
}

void
request_take_fd(struct request *r, int fd)
{
	assert(r->n_fds < LAYERFS_CONTROL_FDS);
	r->fds[r->n_fds++] = fd;
}

static int
set_layout(struct request *r, const struct reference *ref, struct err *e)
{
	char path[LIMIT_PATH_BYTES];
	AUTO_BUF struct buf text = BUF_INIT(2 * LIMIT_PATH_BYTES);

	if (target_absolute(ref->repository, path, e) < 0)
		return -1;
	if (ref->tag == NULL && strchr(strrchr(path, '/'), ':') != NULL)
		return err_set(e, EINVAL,
		    "a folder with a colon in its name needs a tag after it");
	if (buf_printf(&text, e, "oci:%s%s%s", path,
		ref->tag == NULL ? "" : ":",
		ref->tag == NULL ? "" : ref->tag) < 0)
		return -1;
	doc_set_string(r->doc, "reference", buf_str(&text));
	return 0;
}

static int
set_parsed(struct request *r, const struct reference *ref, const char *text,
    struct err *e)
{
	if (ref->is_layout)
		return set_layout(r, ref, e);
	doc_set_string(r->doc, "reference", text);
	return 0;
}

int
request_set_reference(struct request *r, const char *text, struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };

	if (reference_parse(&ref, text, e) < 0)
		return -1;
	return set_parsed(r, &ref, text, e);
}

static void
set_credential(struct request *r, const struct reference *ref)
{
	AUTO_CREDENTIAL struct credential c = { 0 };
	struct doc *j;
	bool found = false;

	if (credential_find(&c, &found, ref->host, ref->repository,
		&r->login_failure) < 0) {
		r->has_login_failure = true;
		return;
	}
	if (!found)
		return;
	j = doc_new_object();
	if (c.identity_token != NULL) {
		doc_set_string(j, "identity_token", c.identity_token);
	} else {
		doc_set_string(j, "username", c.username);
		doc_set_string(j, "password", c.password);
	}
	doc_set(r->doc, "credential", j);
}

int
request_set_image(struct request *r, const struct arguments *a,
    const char *text, struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	int folder;

	if (reference_parse(&ref, text, e) < 0 ||
	    set_parsed(r, &ref, text, e) < 0)
		return -1;
	if (arguments_has(a, OPTION_PLAIN_HTTP))
		doc_set_bool(r->doc, "plain_http", true);
	if (!ref.is_layout) {
		set_credential(r, &ref);
		return 0;
	}
	folder = fs_open_dir(AT_FDCWD, ref.repository, e);
	if (folder < 0)
		return -1;
	request_take_fd(r, folder);
	return 0;
}
