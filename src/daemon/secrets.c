#include "daemon/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/secret_file.h"
#include "registry/credential.h"
#include "registry/registry.h"
#include "base/bytes.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/log.h"

struct secrets {
	struct registry *registry;

	struct lock lock; /* guards what follows */
	struct doc *all;  /* "host/repository" -> {host, ...} */
	struct cond written;
	bool is_writing; /* whoever does has the file */
	struct secret_file file;
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

static struct doc *
new_entry(const char *host, const char *repository, const struct credential *c)
{
	struct doc *o = doc_new_object();

	doc_set_string(o, "host", host);
	doc_set_string(o, "repository", repository);
	set_optional(o, "username", c->username);
	set_optional(o, "password", c->password);
	set_optional(o, "identity_token", c->identity_token);
	return o;
}

static bool
is_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
is_known(const struct doc *entry, const struct credential *c)
{
	return entry != NULL &&
	       is_equal(optional(entry, "username"), c->username) &&
	       is_equal(optional(entry, "password"), c->password) &&
	       is_equal(optional(entry, "identity_token"), c->identity_token);
}

/* ---- with the lock held ---- */

static void
drop(struct secrets *s, const char *key)
{
	struct doc *entry = doc_find(s->all, key);

	if (entry != NULL)
		doc_wipe(entry);
	doc_remove(s->all, key);
}

/* Members keep their order, so the first is the one set longest ago. */
static void
drop_oldest(struct secrets *s)
{
	AUTO_FREE char *oldest = NULL;

	doc_for_each(s->all, key, entry) {
		(void)entry;
		oldest = strdup(key);
		break;
	}
	if (oldest != NULL)
		drop(s, oldest);
}

/* As text that the file takes. */
static char *
to_text(struct secrets *s)
{
	for (;;) {
		char *text = doc_to_json(s->all, false);
		size_t n = strlen(text);

		if (n <= SECRET_FILE_MAX)
			return text;
		explicit_bzero(text, n);
		free(text);
		drop_oldest(s);
	}
}

/* ---- keeping ---- */

enum { KEY_SIZE = LIMIT_REFERENCE_BYTES + 2 };

static void
make_key(char key[KEY_SIZE], const char *host, const char *repository)
{
	snprintf(key, KEY_SIZE, "%s/%s", host, repository);
}

bool
secrets_have(struct secrets *s, const char *host, const char *repository)
{
	char key[KEY_SIZE];

	make_key(key, host, repository);
	LOCK_SCOPE(&s->lock);
	return doc_find(s->all, key) != NULL;
}

/* False when it is there already. */
static bool
keep(struct secrets *s, const char *host, const char *repository,
    const struct credential *c)
{
	char key[KEY_SIZE];

	make_key(key, host, repository);
	LOCK_SCOPE(&s->lock);
	if (is_known(doc_find(s->all, key), c))
		return false;
	drop(s, key);
	doc_set(s->all, key, new_entry(host, repository, c));
	while (doc_count(s->all) > SECRETS_MAX)
		drop_oldest(s);
	return true;
}

/* What there is when it is this thread's turn: the file is the newest then. */
static char *
begin_writing(struct secrets *s)
{
	LOCK_SCOPE(&s->lock);
	while (s->is_writing)
		cond_wait(&s->written, &s->lock);
	s->is_writing = true;
	return to_text(s);
}

static void
end_writing(struct secrets *s)
{
	LOCK_SCOPE(&s->lock);
	s->is_writing = false;
	cond_broadcast(&s->written);
}

/* The request that brought them goes on without. */
static void
write_all(struct secrets *s)
{
	AUTO_FREE char *text = begin_writing(s);
	size_t n = strlen(text);
	struct err e;

	if (secret_file_write(&s->file, text, n, &e) < 0)
		log_warn("credentials will not outlive this worker: %s", e.msg);
	end_writing(s);
	explicit_bzero(text, n);
}

int
secrets_set(struct secrets *s, const char *host, const char *repository,
    const struct credential *c, struct err *e)
{
	if (registry_set_credential(s->registry, host, repository, c, e) < 0)
		return -1;
	if (keep(s, host, repository, c))
		write_all(s);
	return 0;
}

/* ---- starting and ending ---- */

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
restore_all(struct secrets *s, const struct buf *text, struct err *e)
{
	struct doc *all = doc_parse_json(text->data, text->len, e);

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

static void
restore(struct secrets *s)
{
	struct buf text = BUF_INIT(SECRET_FILE_MAX);
	struct err e;

	if (secret_file_read(&s->file, &text, &e) < 0 ||
	    (text.len > 0 && restore_all(s, &text, &e) < 0))
		log_warn("credentials of earlier are lost: %s", e.msg);
	if (text.data != NULL)
		explicit_bzero(text.data, text.cap);
	buf_release(&text);
}

struct secrets *
secrets_new(struct registry *r, int fd, struct err *e)
{
	AUTO_CLOSE int taken = fd;
	struct secrets *s;

	if (fd < 0) {
		err_set(e, EINVAL, "the supervisor gave no file of secrets");
		return NULL;
	}
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		err_set(e, ENOMEM, "credentials");
		return NULL;
	}
	s->registry = r;
	s->file.fd = take_fd(&taken);
	s->all = doc_new_object();
	lock_init(&s->lock, RANK_LEAF);
	cond_init(&s->written);
	restore(s);
	return s;
}

void
secrets_free(struct secrets *s)
{
	if (s == NULL)
		return;
	doc_wipe(s->all);
	doc_unref(s->all);
	close(s->file.fd);
	cond_destroy(&s->written);
	lock_destroy(&s->lock);
	free(s);
}
