#include "supervisor/agent.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/message.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/list.h"
#include "base/lock.h"

/* How many requests may be open at once; the next ones wait for their turn.
 * Their answers fit the socket's buffer (about 25 of them), as the supervisor
 * waits for no reader; and it takes JOBS_MAX at once, an earlier worker's too.
 * Those that a FUSE thread has to answer something for may not hold it up in
 * what it asks itself (agent_hold()): they have a lane of their own.
 */
enum { QUICK_MAX = 12, SLOW_MAX = 4, ANSWERED_MAX = 4 };

/* Those that may be open at once. */
struct lane {
	unsigned n, max;
};

/* One request that waits for its answer. */
struct asking {
	struct list link;
	struct lane *lane;
	uint64_t ticket;
	bool is_answered;
	struct message *request;
	struct message answer;
	int fds[MESSAGE_FDS_MAX];
};

struct agent {
	int sock;
	bool is_root;
	uint64_t life;        /* of this worker, from 1 */
	uint32_t last_serial; /* of agent_next_held(); the starting thread's */

	struct lock lock; /* guards what is below */
	struct cond changed;
	struct list askings;
	struct lane quick, slow, answered;
	uint64_t last_ticket;
	bool is_receiving;  /* one of those who wait reads for all */
	struct err failure; /* code 0: the supervisor answers */
};

static struct lane *
lane_of(struct agent *a, const struct message *m)
{
	bool walks_a_tree =
	    m->kind == MESSAGE_REMOVE || m->kind == MESSAGE_MEASURE;

	if (m->kind == MESSAGE_EROFS)
		return &a->answered;
	return walks_a_tree ? &a->slow : &a->quick;
}

static void
enter(struct agent *a, struct asking *k)
{
	LOCK_SCOPE(&a->lock);
	k->lane = lane_of(a, k->request);
	while (k->lane->n >= k->lane->max)
		cond_wait(&a->changed, &a->lock);
	k->lane->n++;
	k->ticket = k->request->ticket = ++a->last_ticket;
	list_push_back(&a->askings, &k->link);
}

static void
leave(struct agent *a, struct asking *k)
{
	LOCK_SCOPE(&a->lock);
	list_remove(&k->link);
	k->lane->n--;
	cond_broadcast(&a->changed);
}

/* With the lock held: gives the answer to whoever asked. */
static int
deliver(struct agent *a, const struct message *m, const int *fds, struct err *e)
{
	list_for_each(l, &a->askings) {
		struct asking *k = list_entry(l, struct asking, link);

		if (k->ticket != m->ticket || k->is_answered)
			continue;
		k->answer = *m;
		memcpy(k->fds, fds, sizeof k->fds);
		k->is_answered = true;
		return 0;
	}
	return err_set(e, EPROTO, "answered what nobody asked");
}

/* Receives one answer, whosever it is.  Called and left with the lock held,
 * which is free meanwhile. */
static void
receive_one(struct agent *a)
{
	int fds[MESSAGE_FDS_MAX] = { -1, -1 };
	struct message m;
	struct err e;
	unsigned n;
	int rc;

	a->is_receiving = true;
	lock_release(&a->lock);
	rc = message_receive(a->sock, &m, fds, &n, &e);
	lock_acquire(&a->lock);
	a->is_receiving = false;
	if (rc == 0 && deliver(a, &m, fds, &e) != 0) {
		cleanup_close(&fds[0]);
		cleanup_close(&fds[1]);
		rc = -1;
	}
	if (rc != 0)
		a->failure = e;
	cond_broadcast(&a->changed);
}

/* One of those who wait receives for all. */
static int
wait_for_answer(struct agent *a, struct asking *k, struct err *e)
{
	LOCK_SCOPE(&a->lock);
	while (!k->is_answered && a->failure.code == 0) {
		if (a->is_receiving)
			cond_wait(&a->changed, &a->lock);
		else
			receive_one(a);
	}
	if (k->is_answered)
		return 0;
	*e = a->failure;
	return -1;
}

static int
exchange(struct agent *a, struct asking *k, const int *fds, unsigned n_fds,
    struct err *e)
{
	int rc;

	enter(a, k);
	rc = message_send(a->sock, k->request, fds, n_fds, 0, e);
	if (rc == 0)
		rc = wait_for_answer(a, k, e);
	leave(a, k);
	return rc == 0 ? 0 : err_wrap(e, "supervisor");
}

/* Sends the request and waits for its answer, which replaces it.  *fd: the
 * answer's descriptor or -1. */
static int
ask(struct agent *a, struct message *m, const int *fds, unsigned n_fds, int *fd,
    struct err *e)
{
	struct asking k = { .request = m, .fds = { -1, -1 } };
	uint32_t kind = m->kind;

	*fd = -1;
	m->version = MESSAGE_VERSION;
	if (exchange(a, &k, fds, n_fds, e) != 0)
		return -1;
	*m = k.answer;
	cleanup_close(&k.fds[1]);
	*fd = k.fds[0];
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

static void
agent_release(struct agent *a)
{
	cond_destroy(&a->changed);
	lock_destroy(&a->lock);
	free(a);
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
	cond_init(&a->changed);
	list_init(&a->askings);
	a->quick.max = QUICK_MAX;
	a->slow.max = SLOW_MAX;
	a->answered.max = ANSWERED_MAX;
	if (tell(a, &m, NULL, 0, e) != 0) {
		agent_release(a);
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
	close(a->sock);
	agent_release(a);
}

int
agent_fd(const struct agent *a)
{
	return a->sock;
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

	return tell(a, &m, NULL, 0, e);
}

bool
agent_next_held(struct agent *a, struct held *out)
{
	struct message m = { .kind = MESSAGE_NEXT };
	struct err e;

	m.number = a->last_serial;
	if (ask(a, &m, NULL, 0, &out->fd, &e) != 0 ||
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

static int
set_source(char to[MESSAGE_SOURCE_MAX + 1], const char *source, struct err *e)
{
	if (strlen(source) > MESSAGE_SOURCE_MAX ||
	    strpbrk(source, ",\\\n") != NULL)
		return err_set(e, EINVAL, "no name for a mount: %s", source);
	strcpy(to, source);
	return 0;
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
	return ask_for_fd(a, &m, fuse_fd, e);
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
	return tell(a, &m, &o->index, 1, e);
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
	rc = tell(a, &m, NULL, 0, e);
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
	return tell(a, &m, NULL, 0, e);
}

int
agent_remove_snapshot(struct agent *a, uint64_t number, struct err *e)
{
	struct message m = { .kind = MESSAGE_REMOVE };

	m.body.snapshot.number = number;
	return tell(a, &m, NULL, 0, e);
}

int
agent_measure_snapshot(struct agent *a, uint64_t number, uint64_t *bytes,
    uint64_t *inodes, struct err *e)
{
	struct message m = { .kind = MESSAGE_MEASURE };

	m.body.snapshot.number = number;
	if (tell(a, &m, NULL, 0, e) != 0)
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
	return tell(a, &m, NULL, 0, e);
}

int
agent_unmap_lowers(struct agent *a, uint64_t number, struct err *e)
{
	struct message m = { .kind = MESSAGE_UNMAP };

	m.body.snapshot.number = number;
	return tell(a, &m, NULL, 0, e);
}

int
agent_open_login(struct agent *a, unsigned n, int *fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_LOGIN, .number = n };

	return ask_for_fd(a, &m, fd, e);
}

int
agent_connect_containerd(struct agent *a, int *fd, struct err *e)
{
	struct message m = { .kind = MESSAGE_CONNECT };

	return ask_for_fd(a, &m, fd, e);
}
