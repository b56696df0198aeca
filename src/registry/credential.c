#include "registry/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "registry/auth_json.h"
#include "registry/helper.h"
#include "registry/secret.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/outpost.h"

void
credential_release(struct credential *c)
{
	secret_free(c->username);
	secret_free(c->password);
	secret_free(c->identity_token);
	*c = (struct credential){ 0 };
}

static int
copy_text(char **to, const char *from, struct err *e)
{
	if (from == NULL)
		return 0;
	*to = strdup(from);
	return *to == NULL ? err_set(e, ENOMEM, "credential") : 0;
}

int
credential_copy(
    struct credential *to, const struct credential *from, struct err *e)
{
	*to = (struct credential){ 0 };
	if (copy_text(&to->username, from->username, e) == 0 &&
	    copy_text(&to->password, from->password, e) == 0 &&
	    copy_text(&to->identity_token, from->identity_token, e) == 0)
		return 0;
	credential_release(to);
	return -1;
}

static int
ask_helper(struct credential *c, bool *found, const struct auth_answer *a,
    struct err *e)
{
	AUTO_SECRET_BUF struct buf out = BUF_INIT(LIMIT_HELPER_OUTPUT_BYTES);

	/* At once, so that growing leaves no copy behind. */
	if (buf_reserve(&out, out.max, e) < 0 ||
	    helper_get(a->helper, a->helper_key, HELPER_TIMEOUT_MS, &out, found,
		e) < 0)
		return -1;
	if (!*found)
		return 0;
	*found =
	    auth_json_parse_helper(c, (const char *)out.data, out.len, e) == 0;
	return *found ? 0 : err_wrap(e, "docker-credential-%s", a->helper);
}

int
credential_find_in(struct credential *c, bool *found, const char *json,
    size_t n, const char *host, const char *repository, struct err *e)
{
	AUTO_AUTH_ANSWER struct auth_answer a = { 0 };

	*c = (struct credential){ 0 };
	*found = false;
	if (auth_json_find(&a, json, n, host, repository, e) < 0)
		return -1;
	if (a.helper != NULL && ask_helper(c, found, &a, e) < 0)
		return -1;
	if (*found || !a.found)
		return 0;
	*c = a.credential;
	a.credential = (struct credential){ 0 };
	*found = true;
	return 0;
}

/* ---- files, which may lie where nobody answers ---- */

/* What somebody answers needs no more, once another was waited for in vain. */
enum { MOMENT_MS = 1000 };

struct reader {
	struct outpost *outpost; /* NULL: none, or it was late */
	uint32_t patience_ms;    /* of the next */
};

static void
reader_release(struct reader *r)
{
	outpost_free(take_ptr(&r->outpost));
}

/* By the child.  A fifo must not hold it. */
static int
open_file(int dir, const char *path)
{
	return openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static int
read_file(struct reader *r, const char *path, struct buf *out, struct err *e)
{
	const struct outpost_place here = { .dir = AT_FDCWD,
		.open = open_file,
		.patience_ms = r->patience_ms };
	int rc;

	if (r->outpost == NULL)
		r->outpost = outpost_new(&here, e);
	if (r->outpost == NULL)
		return -1;
	rc = outpost_read_file(r->outpost, path, out, e);
	if (rc < 0 && e->code == ETIMEDOUT) {
		reader_release(r);
		r->patience_ms = MOMENT_MS;
	}
	return rc;
}

struct search {
	struct reader *reader;
	const char *host, *repository;
};

static int
find_in_file(struct credential *c, bool *found, const char *path,
    const struct search *s, struct err *e)
{
	AUTO_SECRET_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);

	if (read_file(s->reader, path, &text, e) < 0)
		return e->code == ENOENT || e->code == ENOTDIR ? 0 : -1;
	if (credential_find_in(c, found, (const char *)text.data, text.len,
		s->host, s->repository, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

/* Where files may be: below a folder that an environment variable names, or at
 * a fixed path ("" for the user's own number). */
static const struct {
	const char *variable;
	const char *path;
} places[] = {
	{ "REGISTRY_AUTH_FILE", "" },
	{ "XDG_RUNTIME_DIR", "/containers/auth.json" },
	{ NULL, "" }, /* podman's, where XDG_RUNTIME_DIR is not set */
	{ "XDG_CONFIG_HOME", "/containers/auth.json" },
	{ "HOME", "/.config/containers/auth.json" },
	{ "DOCKER_CONFIG", "/config.json" },
	{ "HOME", "/.docker/config.json" },
	{ NULL, "/etc/layerfs/auth.json" },
};

/* False when the variable is not set. */
static bool
place_path(size_t i, char out[LIMIT_PATH_BYTES])
{
	const char *folder = "";
	int n;

	if (places[i].variable != NULL) {
		folder = getenv(places[i].variable);
		if (folder == NULL || *folder == 0)
			return false;
	}
	if (*folder == 0 && *places[i].path == 0)
		n = snprintf(out, LIMIT_PATH_BYTES,
		    "/run/containers/%u/auth.json", (unsigned)geteuid());
	else
		n = snprintf(
		    out, LIMIT_PATH_BYTES, "%s%s", folder, places[i].path);
	return n < LIMIT_PATH_BYTES;
}

/* What is root's own, as root's podman closes /run/containers, holds no login of
 * this user's. */
static bool
is_others(size_t i, const struct err *why)
{
	return places[i].variable == NULL && why->code == EACCES;
}

int
credential_find(struct credential *c, bool *found, const char *host,
    const char *repository, struct err *e)
{
	CLEANUP(reader_release) struct reader reader = { 0 };
	const struct search s = { &reader, host, repository };
	struct err first = ERR_INIT;

	*c = (struct credential){ 0 };
	*found = false;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct err why = ERR_INIT;
		char path[LIMIT_PATH_BYTES];

		if (!place_path(i, path))
			continue;
		if (find_in_file(c, found, path, &s, &why) < 0 &&
		    first.code == 0 && !is_others(i, &why))
			first = why;
		if (*found)
			return 0;
	}
	if (first.code == 0)
		return 0;
	*e = first;
	return -1;
}
