#include "registry/credentials.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

struct kept {
	struct list link;
	char *host;
	char *repository;
	struct credential credential;
};

void
credentials_init(struct credentials *c)
{
	list_init(&c->list);
	c->generation = 0;
}

static void
kept_free(struct kept *k)
{
	list_remove(&k->link);
	credential_release(&k->credential);
	free(k->host);
	free(k->repository);
	free(k);
}

void
credentials_release(struct credentials *c)
{
	list_for_each_safe(l, &c->list)
		kept_free(list_entry(l, struct kept, link));
}

static struct kept *
find(struct credentials *c, const char *host, const char *repository)
{
	list_for_each(l, &c->list) {
		struct kept *k = list_entry(l, struct kept, link);

		if (strcasecmp(k->host, host) == 0 &&
		    strcmp(k->repository, repository) == 0)
			return k;
	}
	return NULL;
}

int
credentials_set(struct credentials *c, const char *host, const char *repository,
    const struct credential *credential, struct err *e)
{
	struct kept *old = find(c, host, repository);
	struct kept *k = calloc(1, sizeof *k);

	if (k == NULL)
		return err_set(e, ENOMEM, "credential");
	list_init(&k->link);
	k->host = strdup(host);
	k->repository = strdup(repository);
	if (k->host == NULL || k->repository == NULL ||
	    credential_copy(&k->credential, credential, e) < 0) {
		kept_free(k);
		return err_set(e, ENOMEM, "credential");
	}
	if (old != NULL)
		kept_free(old);
	list_push_back(&c->list, &k->link);
	c->generation++;
	return 0;
}

int
credentials_find(struct credentials *c, const char *host,
    const char *repository, struct credential *out, bool *found, struct err *e)
{
	struct kept *k = find(c, host, repository);

	*out = (struct credential){ 0 };
	if (k == NULL)
		k = find(c, host, "");
	*found = k != NULL;
	return k == NULL ? 0 : credential_copy(out, &k->credential, e);
}
