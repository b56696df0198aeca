#include "daemon/login.h"

#include <errno.h>
#include <stdbool.h>

#include "daemon/daemon.h"
#include "daemon/secrets.h"
#include "registry/credential.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "registry/secret.h"
#include "supervisor/agent.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

enum { REST_S = 600 };

/* The n-th of the configuration's files.  It is opened anew each time, as
 * kubelets and logins replace it. */
static int
find_in_file(struct daemon *d, unsigned n, const struct reference *ref,
    struct credential *c, bool *found, struct err *e)
{
	AUTO_SECRET_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	AUTO_CLOSE int fd = -1;

	if (agent_open_login(d->agent, n, &fd, e) < 0 ||
	    fs_read_all(fd, &text, e) < 0)
		return -1;
	return credential_find_in(c, found, (const char *)text.data, text.len,
	    ref->host, ref->repository, e);
}

/* Where nobody answers each look leaves a process that waits. */
static void
find_own(struct daemon *d, const struct reference *ref, struct credential *c,
    bool *found)
{
	struct err e = ERR_INIT;

	if (clock_now_ns() < d->own_logins_from_ns ||
	    credential_find(c, found, ref->host, ref->repository, &e) == 0)
		return;
	*found = false;
	if (e.code != ETIMEDOUT)
		return;
	d->own_logins_from_ns = clock_now_ns() + REST_S * NS_PER_S;
	log_warn("%s; the daemon's own logins are looked for again in %d "
		 "minutes",
	    e.msg, REST_S / 60);
}

static void
find(struct daemon *d, const struct reference *ref, struct credential *c,
    bool *found)
{
	char *const *files = d->config.credential_files;

	for (unsigned n = 0; files[n] != NULL && !*found; n++) {
		struct err e = ERR_INIT;

		if (find_in_file(d, n, ref, c, found, &e) < 0 &&
		    e.code != ENOENT)
			log_info("%s: %s", files[n], e.msg);
	}
	if (!*found)
		find_own(d, ref, c, found);
}

int
login_apply(struct daemon *d, const struct reference *ref, struct err *e)
{
	AUTO_CREDENTIAL struct credential c = { 0 };
	bool found = false;

	if (secrets_have(d->secrets, ref->host, ref->repository))
		return 0;
	find(d, ref, &c, &found);
	return found ? registry_set_credential(
			   d->registry, ref->host, ref->repository, &c, e)
		     : 0;
}
