#include "supervisor/agent.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/message.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/lock.h"

struct agent {
	int sock;
	bool is_root;
	struct lock lock;     /* one request at a time; guards what is below */
	uint32_t last_serial; /* of agent_next_held() */
};

/* Sends the request and waits for its answer, which replaces it.  *fd: the
 * answer's descriptor or -1.  Waiting under the lock is its purpose: the
 * supervisor always answers, and waits for nobody. */
static int
ask_locked(struct agent *a, struct message *m, const int *fds, unsigned n_fds,
    int *fd, struct err *e)
{
	int got[MESSAGE_FDS_MAX] = { -1, -1 };
	uint32_t kind = m->kind;
	unsigned n;

	*fd = -1;
	m->version = MESSAGE_VERSION;
	if (message_send(a->sock, m, fds, n_fds, 0, e) != 0 ||
	    message_receive(a->sock, m, got, &n, e) != 0)
		return err_wrap(e, "supervisor");
	cleanup_close(&got[1]);
	*fd = got[0];
	if (m->kind != kind)
		err_set(e, EPROTO, "supervisor: answered something else");
	else if (m->code != 0)
		err_set(e, m->code, "%.*s", (int)sizeof m->body.error - 1,
		    m->body.error);
	else
		return 0;
	cleanup_close(fd);
	*fd = -1;
	return -1;
}

static int
ask(struct agent *a, struct message *m, const int *fds, unsigned n_fds, int *fd,
    struct err *e)
{
	LOCK_SCOPE(&a->lock);
	return ask_locked(a, m, fds, n_fds, fd, e);
}

/* For answers without a descriptor. */
static int
tell(struct agent *a, struct message *m, const int *fds, unsigned n_fds,
    struct err *e)
{
	int fd;
	int rc = ask(a, m, fds, n_fds, &fd, e);

	cleanup_close(&fd);
	return rc;
}

static int
ask_for_fd(struct agent *a, struct message *m, int *fd, struct err *e)
{
	if (ask(a, m, NULL, 0, fd, e) != 0)
		return -1;
	return *fd >= 0 ? 0
			: err_set(e, EPROTO, "supervisor: sent no descriptor");
}

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
	a->sock = fd;
	lock_init(&a->lock, RANK_SUPERVISOR);
	if (tell(a, &m, NULL, 0, e) != 0) {
		lock_destroy(&a->lock);
		free(a);
		return NULL;
	}
	a->is_root = m.number != 0;
	return a;
}

void
agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	close(a->sock);
	lock_destroy(&a->lock);
	free(a);
}

int
agent_fd(const struct agent *a)
{
	return a->sock;
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

	return tell(a, &m, NULL, 0, e);
}

bool
agent_next_held(struct agent *a, struct held *out)
{
	struct message m = { .kind = MESSAGE_NEXT };
	struct err e;
	LOCK_SCOPE(&a->lock);

	m.number = a->last_serial;
	if (ask_locked(a, &m, NULL, 0, &out->fd, &e) != 0 ||
	    m.body.payload.len > sizeof out->payload)
		return false;
	a->last_serial = m.number;
	memcpy(out->name, m.name, sizeof out->name);
	memcpy(out->payload, m.body.payload.bytes, m.body.payload.len);
	out->payload_len = m.body.payload.len;
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
	return tell(a, &m, &fd, 1, e);
}

int
agent_drop(struct agent *a, const char *name, struct err *e)
{
	struct message m = { .kind = MESSAGE_DROP };

	set_name(&m, name);
	return tell(a, &m, NULL, 0, e);
}

int
agent_mount_fuse(struct agent *a, const char *id,
    const struct agent_fuse_options *o, int *fuse_fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_FUSE, .number = o->read_ahead_kb };

	assert(message_is_id(id));
	set_name(&m, id);
	if (strlen(o->source) >= sizeof m.body.fuse.source ||
	    strpbrk(o->source, ",\\\n") != NULL)
		return err_set(e, EINVAL, "no name for a mount: %s", o->source);
	strcpy(m.body.fuse.source, o->source);
	if (o->target != NULL &&
	    (o->target[0] != '/' ||
		strlen(o->target) >= sizeof m.body.fuse.target))
		return err_set(e, EINVAL, "no absolute path: %s", o->target);
	if (o->target != NULL)
		strcpy(m.body.fuse.target, o->target);
	return ask_for_fd(a, &m, fuse_fd, e);
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
	return tell(a, &m, pair, o->upper < 0 ? 0 : 2, e);
}

int
agent_clone_mount(struct agent *a, const char *id, int *mount_fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_CLONE };

	assert(message_is_id(id));
	set_name(&m, id);
	return ask_for_fd(a, &m, mount_fd, e);
}

int
agent_unmount(struct agent *a, const char *id, struct err *e)
{
	struct message m = { .kind = MESSAGE_UNMOUNT };

	assert(message_is_id(id));
	set_name(&m, id);
	return tell(a, &m, NULL, 0, e);
}
