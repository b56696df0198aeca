#include "supervisor/agent.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/asker.h"
#include "supervisor/message.h"
#include "base/cleanup.h"
#include "base/err.h"

struct agent {
	struct asker asker;
	bool is_root;
	uint64_t life;        /* of this worker, from 1 */
	uint32_t last_serial; /* of agent_next_held(); the starting thread's */
};

static void
set_name(struct message *m, const char *name)
{
	assert(strlen(name) <= AGENT_NAME_MAX);
	strcpy(m->name, name);
}

struct agent *
agent_new(int fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_HELLO };
	struct agent *a = calloc(1, sizeof *a);

	if (a == NULL) {
		err_set(e, ENOMEM, "agent");
		return NULL;
	}
	asker_init(&a->asker, fd);
	if (asker_tell(&a->asker, &m, NULL, 0, e) != 0) {
		asker_release(&a->asker);
		free(a);
		return NULL;
	}
	a->is_root = m.number != 0;
	a->life = m.body.hello.life;
	return a;
}

void
agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	close(a->asker.sock);
	asker_release(&a->asker);
	free(a);
}

int
agent_fd(const struct agent *a)
{
	return a->asker.sock;
}

uint64_t
agent_life(const struct agent *a)
{
	return a->life;
}

bool
agent_is_root(const struct agent *a)
{
	return a->is_root;
}

int
agent_ready(struct agent *a, struct err *e)
{
	struct message m = { .kind = MESSAGE_READY };

	return asker_tell(&a->asker, &m, NULL, 0, e);
}

bool
agent_next_held(struct agent *a, struct held *out)
{
	struct message m = { .kind = MESSAGE_NEXT };
	struct err e;

	m.number = a->last_serial;
	if (asker_ask(&a->asker, &m, NULL, 0, &out->fd, &e) != 0 ||
	    m.body.payload.len > sizeof out->payload)
		return false;
	a->last_serial = m.number;
	memcpy(out->name, m.name, sizeof out->name);
	memcpy(out->payload, m.body.payload.bytes, m.body.payload.len);
	out->payload_len = m.body.payload.len;
	return true;
}

bool
agent_next_greeted(struct agent *a, struct held *out)
{
	struct message m = { .kind = MESSAGE_GREETED };
	struct err e;

	*out = (struct held){ .fd = -1 };
	if (asker_ask(&a->asker, &m, NULL, 0, &out->fd, &e) != 0)
		return false;
	memcpy(out->name, m.name, sizeof out->name);
	return true;
}

int
agent_hold(struct agent *a, const char *name, int fd, const void *payload,
    size_t payload_len, struct err *e)
{
	struct message m = { .kind = MESSAGE_HOLD };

	assert(payload_len <= AGENT_PAYLOAD_MAX);
	set_name(&m, name);
	m.body.payload.len = payload_len;
	if (payload_len > 0)
		memcpy(m.body.payload.bytes, payload, payload_len);
	return asker_tell(&a->asker, &m, &fd, 1, e);
}

int
agent_hold_greeted(struct agent *a, const char *name, int fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_GREET };

	set_name(&m, name);
	return asker_tell(&a->asker, &m, &fd, 1, e);
}

int
agent_drop(struct agent *a, const char *name, struct err *e)
{
	struct message m = { .kind = MESSAGE_DROP };

	set_name(&m, name);
	return asker_tell(&a->asker, &m, NULL, 0, e);
}

static int
set_source(char to[MESSAGE_SOURCE_MAX + 1], const char *source, struct err *e)
{
	if (strlen(source) > MESSAGE_SOURCE_MAX ||
	    strpbrk(source, ",\\\n") != NULL)
		return err_set(e, EINVAL, "no name for a mount: %s", source);
	strcpy(to, source);
	return 0;
}

/* It was mounted, and there was no descriptor left here for the answer's. */
static int
undo_if_lost(struct agent *a, const char *id, int rc, struct err *e)
{
	struct err ignored;

	if (rc != 0 && e->code == EMFILE)
		agent_unmount(a, id, &ignored);
	return rc;
}

int
agent_mount_fuse(struct agent *a, const char *id,
    const struct agent_fuse_options *o, int *fuse_fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_FUSE, .number = o->read_ahead_kb };

	assert(message_is_id(id));
	set_name(&m, id);
	if (set_source(m.body.fuse.source, o->source, e) != 0)
		return -1;
	if (o->target != NULL &&
	    (o->target[0] != '/' ||
		strlen(o->target) >= sizeof m.body.fuse.target))
		return err_set(e, EINVAL, "no absolute path: %s", o->target);
	if (o->target != NULL)
		strcpy(m.body.fuse.target, o->target);
	m.body.fuse.is_writable = o->is_writable;
	return undo_if_lost(
	    a, id, asker_ask_for_fd(&a->asker, &m, fuse_fd, e), e);
}

static int
ask_for_erofs(struct agent *a, const char *id,
    const struct agent_erofs_options *o, bool is_trial, struct err *e)
{
	struct message m = { .kind = MESSAGE_EROFS,
		.number = o->read_ahead_kb };

	assert(message_is_id(id) && message_is_id(o->data));
	set_name(&m, id);
	if (set_source(m.body.erofs.source, o->source, e) != 0)
		return -1;
	strcpy(m.body.erofs.data, o->data);
	m.body.erofs.is_loop = o->is_loop;
	m.body.erofs.is_trial = is_trial;
	return undo_if_lost(
	    a, id, asker_tell(&a->asker, &m, &o->index, 1, e), e);
}

int
agent_mount_erofs(struct agent *a, const char *id,
    const struct agent_erofs_options *o, struct err *e)
{
	return ask_for_erofs(a, id, o, false, e);
}

int
agent_try_erofs(struct agent *a, const char *id,
    const struct agent_erofs_options *o, struct err *e)
{
	return ask_for_erofs(a, id, o, true, e);
}

int
agent_drop_pages(struct agent *a, const char *id, const uint64_t *nids,
    size_t n, unsigned *n_kept, struct err *e)
{
	struct message m = { .kind = MESSAGE_PAGES, .number = n };

	assert(message_is_id(id) && n <= AGENT_FILES_MAX);
	set_name(&m, id);
	memcpy(m.body.nids, nids, n * sizeof *nids);
	if (asker_tell(&a->asker, &m, NULL, 0, e) != 0)
		return -1;
	*n_kept = m.number;
	return 0;
}

int
agent_mount_overlay(struct agent *a, const char *id,
    const struct agent_overlay_options *o, struct err *e)
{
	struct message m = { .kind = MESSAGE_OVERLAY, .number = o->n_lowers };
	const int pair[2] = { o->upper, o->work };

	assert(message_is_id(id) && (o->upper < 0) == (o->work < 0));
	set_name(&m, id);
	if (o->n_lowers < 1 || o->n_lowers > AGENT_LOWERS_MAX)
		return err_set(e, EINVAL, "%zu lower layers: 1 to %d may be",
		    o->n_lowers, AGENT_LOWERS_MAX);
	for (size_t i = 0; i < o->n_lowers; i++) {
		assert(message_is_id(o->lowers[i]));
		strcpy(m.body.lowers[i], o->lowers[i]);
	}
	return asker_tell(&a->asker, &m, pair, o->upper < 0 ? 0 : 2, e);
}

int
agent_clone_mount(struct agent *a, const char *id, int *mount_fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_CLONE };

	assert(message_is_id(id));
	set_name(&m, id);
	return asker_ask_for_fd(&a->asker, &m, mount_fd, e);
}

int
agent_attach(struct agent *a, const char *id, const char *overlay,
    const char *target, struct err *e)
{
	struct message m = { .kind = MESSAGE_ATTACH };

	if (strlen(target) >= sizeof m.body.attach.target)
		return err_set(e, ENAMETOOLONG, "%s", target);
	if (id != NULL)
		set_name(&m, id);
	if (overlay != NULL)
		strcpy(m.body.attach.overlay, overlay);
	strcpy(m.body.attach.target, target);
	return asker_tell(&a->asker, &m, NULL, 0, e);
}

int
agent_unmount(struct agent *a, const char *id, struct err *e)
{
	bool ignored;

	return agent_unmount_erofs(a, id, &ignored, e);
}

int
agent_unmount_erofs(
    struct agent *a, const char *id, bool *is_held_up, struct err *e)
{
	struct message m = { .kind = MESSAGE_UNMOUNT };
	int rc;

	assert(message_is_id(id));
	set_name(&m, id);
	rc = asker_tell(&a->asker, &m, NULL, 0, e);
	*is_held_up = rc == 0 && m.number != 0;
	return rc;
}

int
agent_make_snapshot(struct agent *a, uint64_t number,
    const struct agent_snapshot_options *o, struct err *e)
{
	struct message m = { .kind = MESSAGE_MAKE };

	m.body.snapshot.number = number;
	m.body.snapshot.uid = o->uid;
	m.body.snapshot.gid = o->gid;
	m.body.snapshot.like = o->like;
	m.body.snapshot.with_work = o->with_work;
	return asker_tell(&a->asker, &m, NULL, 0, e);
}

int
agent_remove_snapshot(struct agent *a, uint64_t number, struct err *e)
{
	struct message m = { .kind = MESSAGE_REMOVE };

	m.body.snapshot.number = number;
	return asker_tell(&a->asker, &m, NULL, 0, e);
}

int
agent_measure_snapshot(struct agent *a, uint64_t number, uint64_t *bytes,
    uint64_t *inodes, struct err *e)
{
	struct message m = { .kind = MESSAGE_MEASURE };

	m.body.snapshot.number = number;
	if (asker_tell(&a->asker, &m, NULL, 0, e) != 0)
		return -1;
	*bytes = m.body.usage.bytes;
	*inodes = m.body.usage.inodes;
	return 0;
}

int
agent_map_lower(struct agent *a, const struct agent_map *o, struct err *e)
{
	struct message m = { .kind = MESSAGE_MAP };

	if (o->id != NULL) {
		assert(message_is_id(o->id));
		set_name(&m, o->id);
	}
	m.body.map.number = o->number;
	m.body.map.place = o->place;
	m.body.map.lower = o->lower;
	m.body.map.uids = o->uids;
	m.body.map.gids = o->gids;
	return asker_tell(&a->asker, &m, NULL, 0, e);
}

int
agent_unmap_lowers(struct agent *a, uint64_t number, struct err *e)
{
	struct message m = { .kind = MESSAGE_UNMAP };

	m.body.snapshot.number = number;
	return asker_tell(&a->asker, &m, NULL, 0, e);
}

int
agent_open_login(struct agent *a, unsigned n, int *fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_LOGIN, .number = n };

	return asker_ask_for_fd(&a->asker, &m, fd, e);
}

int
agent_connect_containerd(struct agent *a, int *fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_CONNECT };

	return asker_ask_for_fd(&a->asker, &m, fd, e);
}
