#include "supervisor/hold.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

struct held_fd *
hold_find(struct list *holds, const char *name)
{
	list_for_each(l, holds) {
		struct held_fd *f = list_entry(l, struct held_fd, link);
		if (strcmp(f->h.name, name) == 0)
			return f;
	}
	return NULL;
}

struct held_fd *
hold_after(struct list *holds, uint32_t serial)
{
	list_for_each(l, holds) {
		struct held_fd *f = list_entry(l, struct held_fd, link);
		if (f->serial > serial)
			return f;
	}
	return NULL;
}

static size_t
count(const struct list *holds)
{
	size_t n = 0;

	list_for_each(l, holds)
		n++;
	return n;
}

static struct held_fd *
hold_new(struct list *holds, const char *name, struct err *e)
{
	struct held_fd *f = NULL;

	if (count(holds) >= HOLDS_MAX)
		err_set(e, EMFILE, "hold %s: too many are held", name);
	else if ((f = calloc(1, sizeof *f)) == NULL)
		err_set(e, ENOMEM, "hold %s", name);
	if (f == NULL)
		return NULL;
	strcpy(f->h.name, name);
	f->h.fd = -1;
	f->serial =
	    list_is_empty(holds)
		? 1
		: list_entry(holds->prev, struct held_fd, link)->serial + 1;
	list_push_back(holds, &f->link);
	return f;
}

int
hold_put(struct list *holds, const char *name, int fd, const void *payload,
    size_t payload_len, struct err *e)
{
	AUTO_CLOSE int taken = fd;
	struct held_fd *f = hold_find(holds, name);

	assert(
	    payload_len <= AGENT_PAYLOAD_MAX && strlen(name) <= AGENT_NAME_MAX);
	if (f == NULL && (f = hold_new(holds, name, e)) == NULL)
		return -1;
	if (f->h.fd >= 0)
		close(f->h.fd);
	f->h.fd = take_fd(&taken);
	if (payload_len > 0)
		memcpy(f->h.payload, payload, payload_len);
	f->h.payload_len = payload_len;
	return 0;
}

int
hold_put_copy(struct list *holds, const char *name, int fd, struct err *e)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return err_sys(e, "hold %s", name);
	return hold_put(holds, name, copy, NULL, 0, e);
}

void
hold_restore(struct list *holds, struct held_fd *f)
{
	struct list *next = holds->next;

	while (next != holds &&
	       list_entry(next, struct held_fd, link)->serial < f->serial)
		next = next->next;
	list_insert_before(next, &f->link);
}

static void
hold_free(struct held_fd *f)
{
	list_remove(&f->link);
	close(f->h.fd);
	free(f->target);
	free(f);
}

void
hold_drop(struct list *holds, const char *name)
{
	struct held_fd *f = hold_find(holds, name);

	if (f != NULL)
		hold_free(f);
}

void
hold_drop_all(struct list *holds)
{
	while (!list_is_empty(holds))
		hold_free(list_entry(holds->next, struct held_fd, link));
}
