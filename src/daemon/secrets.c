#include "daemon/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registry/credential.h"
#include "registry/registry.h"
#include "supervisor/agent.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/log.h"

#define HELD_NAME "secrets"

struct secrets {
	struct agent *agent;
	struct registry *registry;

	struct lock lock; /* guards what follows */
	struct doc *all;  /* "host/repository" -> {host, repository, ...} */
};

static void
set_optional(struct doc *o, const char *key, const char *value)
{
	if (value != NULL)
		doc_set_string(o, key, value);
}

static char *
optional(const struct doc *o, const char *key)
{
	return (char *)doc_string(doc_find(o, key));
}

/* A fresh memfd each time: the supervisor's duplicate shares the old one's
 * bytes, and half a write must not be what it keeps. */
static int
hold_all(struct secrets *s, struct err *e)
{
	AUTO_FREE char *text = NULL;
	AUTO_CLOSE int fd = memfd_create(HELD_NAME, MFD_CLOEXEC);
	size_t n;
	int rc;

	if (fd < 0)
		return err_sys(e, "memory for credentials");
	{
		LOCK_SCOPE(&s->lock);
		text = doc_to_json(s->all, false);
	}
	n = strlen(text);
	rc = fs_pwrite(fd, text, n, 0, e);
	if (rc == 0)
		rc = agent_hold(s->agent, HELD_NAME, fd, NULL, 0, e);
	explicit_bzero(text, n);
	return rc;
}

enum { KEY_SIZE = LIMIT_REFERENCE_BYTES + 2 };

static const char *
make_key(char key[KEY_SIZE], const char *host, const char *repository)
{
	snprintf(key, KEY_SIZE, "%s/%s", host, repository);
	return key;
}

bool
secrets_have(struct secrets *s, const char *host, const char *repository)
{
	char key[KEY_SIZE];
	LOCK_SCOPE(&s->lock);

	return doc_find(s->all, make_key(key, host, repository)) != NULL;
}

static void
keep(struct secrets *s, const char *host, const char *repository,
    const struct credential *c)
{
	struct doc *o = doc_new_object();
	char key[KEY_SIZE];

	make_key(key, host, repository);
	doc_set_string(o, "host", host);
	doc_set_string(o, "repository", repository);
	set_optional(o, "username", c->username);
	set_optional(o, "password", c->password);
	set_optional(o, "identity_token", c->identity_token);
	LOCK_SCOPE(&s->lock);
	doc_set(s->all, key, o);
}

int
secrets_set(struct secrets *s, const char *host, const char *repository,
    const struct credential *c, struct err *e)
{
	if (registry_set_credential(s->registry, host, repository, c, e) < 0)
		return -1;
	keep(s, host, repository, c);
	return hold_all(s, e);
}

static int
restore_one(struct secrets *s, const struct doc *o, struct err *e)
{
	/* Borrowed: registry_set_credential() copies. */
	struct credential c = {
		.username = optional(o, "username"),
		.password = optional(o, "password"),
		.identity_token = optional(o, "identity_token"),
	};
	const char *host, *repository;

	if (doc_get_string(o, "host", &host, e) < 0 ||
	    doc_get_string(o, "repository", &repository, e) < 0)
		return -1;
	return registry_set_credential(s->registry, host, repository, &c, e);
}

static int
restore_all(struct secrets *s, int fd, struct err *e)
{
	AUTO_FREE char *text = NULL;
	off_t n = lseek(fd, 0, SEEK_END);
	struct doc *all;

	if (n <= 0 || n > LIMIT_CONFIG_FILE_BYTES)
		return 0;
	text = malloc(n);
	if (text == NULL)
		return err_set(e, ENOMEM, "credentials");
	if (fs_pread(fd, text, n, 0, e) < 0)
		return -1;
	all = doc_parse_json(text, n, e);
	explicit_bzero(text, n);
	if (all == NULL)
		return -1;
	doc_unref(s->all);
	s->all = all;
	doc_for_each(all, key, o) {
		(void)key;
		if (restore_one(s, o, e) < 0)
			return -1;
	}
	return 0;
}

struct secrets *
secrets_new(struct agent *a, struct registry *r, int held_fd, struct err *e)
{
	AUTO_CLOSE int fd = held_fd;
	struct secrets *s = calloc(1, sizeof *s);
	struct err failure = ERR_INIT;

	if (s == NULL) {
		err_set(e, ENOMEM, "credentials");
		return NULL;
	}
	s->agent = a;
	s->registry = r;
	s->all = doc_new_object();
	lock_init(&s->lock, RANK_LEAF);
	if (fd >= 0 && restore_all(s, fd, &failure) < 0)
		log_warn("credentials of the last worker: %s", failure.msg);
	return s;
}

void
secrets_free(struct secrets *s)
{
	if (s == NULL)
		return;
	doc_unref(s->all);
	lock_destroy(&s->lock);
	free(s);
}
