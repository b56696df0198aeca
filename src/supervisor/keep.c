#include "supervisor/keep.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/activation.h"
#include "supervisor/message.h"
#include "supervisor/note.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

/* ---- names ---- */

enum { OURS = ':', THEIRS = '-' };

/* Only what the worker gave has one. */
static bool
outlives(const char *name)
{
	return strchr(name, OURS) != NULL;
}

static void
change(char *name, char from, char to)
{
	char *at = strchr(name, from);

	if (at != NULL)
		*at = to;
}

static void
name_for_them(char out[AGENT_NAME_MAX + 1], const char *name)
{
	strcpy(out, name);
	change(out, OURS, THEIRS);
}

static bool
is_mount(const char *name)
{
	return strncmp(name, "fuse:", strlen("fuse:")) == 0 ||
	       strncmp(name, "erofs:", strlen("erofs:")) == 0;
}

/* The next worker has what is held of a mount that nobody wants unmounted, by the
 * id. */
bool
keep_is_name(const char *name)
{
	const char *colon = strchr(name, OURS);
	size_t kind = strspn(name, "abcdefghijklmnopqrstuvwxyz");

	if (colon == NULL || kind == 0 || name + kind != colon)
		return false;
	if (is_mount(name))
		return message_is_id(colon + 1);
	return colon[1] != '\0' &&
	       strspn(colon + 1, "0123456789abcdefghijklmnopqrstuvwxyz") ==
		   strlen(colon + 1);
}

/* ---- from start to end ---- */

void
keep_init(struct keep *k)
{
	list_init(&k->holds);
	k->notes = -1;
	k->notify = NOTIFY_NONE;
}

int
keep_open(struct keep *k, int run, struct err *e)
{
	k->notes = notes_open(run, e);
	return k->notes < 0 ? -1 : notify_open(&k->notify, e);
}

void
keep_close(struct keep *k)
{
	hold_drop_all(&k->holds);
	notify_close(&k->notify);
	cleanup_close(&k->notes);
	k->notes = -1;
}

static bool
resume(struct keep *k, struct given *g)
{
	AUTO_FREE struct held_fd *f = calloc(1, sizeof *f);
	char name[ACTIVATION_NAME_SIZE];
	struct err e = ERR_INIT;

	strcpy(name, g->name);
	change(name, THEIRS, OURS);
	if (f == NULL || !keep_is_name(name) ||
	    hold_find(&k->holds, name) != NULL)
		return false;
	if (note_read(k->notes, name, f, &e) != 0) {
		log_warn("what an earlier supervisor held is lost: %s", e.msg);
		notify_remove(&k->notify, g->name);
		return false;
	}
	f->h.fd = take_fd(&g->fd);
	hold_restore(&k->holds, take_ptr(&f));
	return true;
}

size_t
keep_resume(struct keep *k, struct activation *given, struct list *lost)
{
	size_t n = 0;

	for (size_t i = 0; i < given->n; i++)
		if (given->all[i].fd >= 0)
			n += resume(k, &given->all[i]);
	notes_remove_others(k->notes, &k->holds, lost);
	return n;
}

/* ---- one of them ---- */

/* One open file, and so one in systemd's store, which takes no second. */
static bool
is_same_file(int a, int b)
{
	pid_t pid = getpid();

	return syscall(SYS_kcmp, pid, pid, KCMP_FILE, a, b) == 0;
}

static void
forget(struct keep *k, const char *name)
{
	char theirs[AGENT_NAME_MAX + 1];

	if (!outlives(name))
		return;
	name_for_them(theirs, name);
	notify_remove(&k->notify, theirs);
	note_remove(k->notes, name);
}

/* The note first: a descriptor that comes back without one is closed. */
static void
remember(struct keep *k, const struct held_fd *f, bool is_new)
{
	char theirs[AGENT_NAME_MAX + 1];
	struct err e;

	if (!outlives(f->h.name))
		return;
	if (note_write(k->notes, f, &e) != 0) {
		log_warn(
		    "%s would not outlive this process: %s", f->h.name, e.msg);
		return;
	}
	name_for_them(theirs, f->h.name);
	if (is_new)
		notify_store(&k->notify, theirs, f->h.fd);
}

int
keep_put(
    struct keep *k, const struct held *h, const char *target, struct err *e)
{
	struct held_fd *f = hold_find(&k->holds, h->name);
	bool is_new = f == NULL || !is_same_file(f->h.fd, h->fd);

	if (f != NULL && is_new)
		forget(k, h->name);
	if (hold_put(
		&k->holds, h->name, h->fd, h->payload, h->payload_len, e) != 0)
		return -1;
	f = hold_find(&k->holds, h->name);
	if (target != NULL && f->target == NULL &&
	    (f->target = strdup(target)) == NULL)
		return err_set(e, ENOMEM, "hold %s", h->name);
	remember(k, f, is_new);
	return 0;
}

void
keep_clear_payload(struct keep *k, struct held_fd *f)
{
	f->h.payload_len = 0;
	remember(k, f, false);
}

void
keep_drop(struct keep *k, const char *name)
{
	if (hold_find(&k->holds, name) == NULL)
		return;
	forget(k, name);
	hold_drop(&k->holds, name);
}

void
keep_drop_all(struct keep *k)
{
	list_for_each(l, &k->holds)
		forget(k, list_entry(l, struct held_fd, link)->h.name);
	hold_drop_all(&k->holds);
}

/* ---- for the next supervisor ---- */

static size_t
count(struct keep *k)
{
	size_t n = 0;

	list_for_each(l, &k->holds)
		n += outlives(list_entry(l, struct held_fd, link)->h.name);
	return n;
}

static bool
list_one(struct given *g, const struct held_fd *f)
{
	g->fd = f->h.fd;
	g->name = strdup(f->h.name);
	if (g->name != NULL)
		change(g->name, OURS, THEIRS);
	return g->name != NULL;
}

struct given *
keep_list(struct keep *k, size_t more, size_t *n, struct err *e)
{
	struct given *all = calloc(count(k) + more, sizeof *all);
	bool is_whole = all != NULL;

	*n = 0;
	list_for_each(l, &k->holds) {
		const struct held_fd *f = list_entry(l, struct held_fd, link);

		if (is_whole && outlives(f->h.name))
			is_whole = list_one(&all[(*n)++], f);
	}
	if (is_whole)
		return all;
	keep_free_given(all, *n);
	err_set(e, ENOMEM, "the descriptors that are held");
	return NULL;
}

void
keep_free_given(struct given *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(all[i].name);
	free(all);
}
