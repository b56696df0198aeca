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
#include "base/list.h"
#include "base/scout.h"

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

/* A layout's folder, which may lie where nobody answers. */
struct layout {
	struct errand errand;
	const char *folder;
	bool is_wanted; /* not its name alone */
	char path[LIMIT_PATH_BYTES];
};

static int
run_layout(struct errand *x, struct err *e)
{
	struct layout *l = container_of(x, struct layout, errand);

	if (target_absolute(l->folder, l->path, e) < 0)
		return -1;
	if (!l->is_wanted)
		return 0;
	x->fds[0] = fs_open_dir(AT_FDCWD, l->folder, e);
	x->n_fds = 1;
	return x->fds[0] < 0 ? -1 : 0;
}

static int
set_layout(struct request *r, const struct reference *ref, bool is_wanted,
    struct err *e)
{
	struct layout l = {
		.errand = { .run = run_layout, .size = sizeof l },
		.folder = ref->repository,
		.is_wanted = is_wanted,
	};
	AUTO_BUF struct buf text = BUF_INIT(2 * LIMIT_PATH_BYTES);

	if (scout_send(&l.errand, e) < 0)
		return -1;
	if (is_wanted)
		request_take_fd(r, l.errand.fds[0]);
	if (ref->tag == NULL && strchr(strrchr(l.path, '/'), ':') != NULL)
		return err_set(e, EINVAL,
		    "a folder with a colon in its name needs a tag after it");
	if (buf_printf(&text, e, "oci:%s%s%s", l.path,
		ref->tag == NULL ? "" : ":",
		ref->tag == NULL ? "" : ref->tag) < 0)
		return -1;
	doc_set_string(r->doc, "reference", buf_str(&text));
	return 0;
}

int
request_set_reference(struct request *r, const char *text, struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };

	if (reference_parse(&ref, text, e) < 0)
		return -1;
	if (ref.is_layout)
		return set_layout(r, &ref, false, e);
	doc_set_string(r->doc, "reference", text);
	return 0;
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

	if (reference_parse(&ref, text, e) < 0)
		return -1;
	if (arguments_has(a, OPTION_PLAIN_HTTP))
		doc_set_bool(r->doc, "plain_http", true);
	if (ref.is_layout)
		return set_layout(r, &ref, true, e);
	doc_set_string(r->doc, "reference", text);
	set_credential(r, &ref);
	return 0;
}
