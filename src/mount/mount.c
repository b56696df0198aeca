#include "mount/mount.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mount/session.h"
#include "base/bytes.h"
#include "base/err.h"

/* Of a mount that is on no target any more: who has files of it open still, or a
 * copy of it in a namespace of his own, is promised no more than others. */
enum { LEFT_PATIENCE_MS = 30000 };

const struct mount_kind *const mount_kinds[] = { &mount_erofs, &mount_loop,
	&mount_fuse, NULL };

int
mount_parse_kernel(const char *name)
{
	static const char *const names[] = { [MOUNT_KERNEL_AUTO] = "auto",
		[MOUNT_KERNEL_OFF] = "off",
		[MOUNT_KERNEL_LOOP] = "loop" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

struct mount *
mount_new(struct mount_server *s, const char *id, struct view *v,
    const char *source, const char *target, struct err *e)
{
	const struct mount_kind *k = server_kind(s, e);

	return k == NULL ? NULL : k->mount(s, id, v, source, target, e);
}

struct mount *
mount_resume(struct mount_server *s, const char *id, struct view *v,
    struct held *h, struct err *e)
{
	for (size_t i = 0; mount_kinds[i] != NULL; i++) {
		const char *held = mount_kinds[i]->held;
		size_t n = strlen(held);

		if (strncmp(h->name, held, n) == 0 && h->name[n] == ':')
			return mount_kinds[i]->resume(s, id, v, h, e);
	}
	err_set(e, ENOTSUP, "%s is of an unknown kind", h->name);
	return NULL;
}

void
mount_remove(struct mount *m)
{
	{
		LOCK_SCOPE(&m->server->lock);
		assert(!m->is_removed);
		m->is_removed = true;
	}
	read_limit(
	    m, min_u64(m->server->options.patience_ms, LEFT_PATIENCE_MS));
	m->kind->remove(m);
}

int
mount_drop_pages(struct mount *m, const uint64_t *nids, size_t n,
    unsigned *n_kept, struct err *e)
{
	assert(n <= MOUNT_FILES_MAX);
	*n_kept = 0;
	return m->kind->drop_pages(m, nids, n, n_kept, e);
}

void
mount_forget(struct mount *m)
{
	m->kind->forget(m);
}

void
mount_on_gone(
    struct mount *m, void (*fn)(void *ctx, struct mount *m), void *ctx)
{
	bool is_gone;

	{
		LOCK_SCOPE(&m->server->lock);
		m->on_gone = fn;
		m->ctx = ctx;
		is_gone = m->is_gone;
	}
	if (is_gone && fn != NULL)
		fn(ctx, m);
}

const char *
mount_id(const struct mount *m)
{
	return m->id;
}

const char *
mount_kind_name(const struct mount *m)
{
	return m->kind->name;
}

struct view *
mount_view(const struct mount *m)
{
	return m->view;
}

void
mount_count(const struct mount *m, uint64_t *reads, uint64_t *errors)
{
	*reads = atomic_load_explicit(&m->n_reads, memory_order_relaxed);
	*errors = atomic_load_explicit(&m->n_errors, memory_order_relaxed);
}

void
mount_set_patience(struct mount *m, uint32_t ms)
{
	atomic_store(&m->patience_ms, ms);
}

uint32_t
mount_patience(const struct mount *m)
{
	return atomic_load(&m->patience_ms);
}
