#include "supervisor/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/rights.h"

int
message_send(int sock, const struct message *m, const int *fds, unsigned n_fds,
    int flags, struct err *e)
{
	if (rights_send(sock, m, sizeof *m, flags, fds, n_fds) < 0)
		return err_sys(e, "send to the other process");
	return 0;
}

int
message_receive(int sock, struct message *m, int fds[MESSAGE_FDS_MAX],
    unsigned *n_fds, struct err *e)
{
	struct rights r;
	ssize_t n = rights_receive(sock, m, sizeof *m, 0, &r);

	*n_fds = 0;
	if (n < 0)
		return err_sys(e, "receive from the other process");
	if (n == 0)
		return err_set(e, ECONNRESET, "the other process is gone");
	if (n != sizeof *m || r.n > MESSAGE_FDS_MAX ||
	    m->version != MESSAGE_VERSION) {
		rights_close(&r);
		return err_set(
		    e, EPROTO, "the other process speaks another version");
	}
	if (r.is_cut) {
		rights_close(&r);
		return err_set(e, EMFILE,
		    "Too many open files: a descriptor from the other process "
		    "was lost");
	}
	*n_fds = r.n;
	memcpy(fds, r.fds, r.n * sizeof *fds);
	return 0;
}

void
message_set_error(struct message *m, const struct err *e)
{
	m->version = MESSAGE_VERSION;
	m->code = e != NULL ? e->code : 0;
	if (e != NULL)
		snprintf(m->body.error, sizeof m->body.error, "%.*s",
		    (int)sizeof m->body.error - 1, e->msg);
}

void
message_answer(int sock, struct message *m, int fd, const struct err *e)
{
	struct err ignored;

	message_set_error(m, e);
	message_send(sock, m, &fd, fd >= 0, MSG_DONTWAIT, &ignored);
}

bool
message_is_id(const char *id)
{
	size_t n = strnlen(id, AGENT_ID_MAX + 1);

	return n >= 1 && n <= AGENT_ID_MAX &&
	       strspn(id, "0123456789abcdef") == n;
}

static bool
is_text(const char *s, size_t room)
{
	return memchr(s, '\0', room) != NULL;
}

static bool
is_source(const char source[MESSAGE_SOURCE_MAX + 1])
{
	return is_text(source, MESSAGE_SOURCE_MAX + 1) && *source != '\0' &&
	       strpbrk(source, ",\\\n") == NULL;
}

static bool
is_fuse(const struct message *m)
{
	const char *target = m->body.fuse.target;

	return is_source(m->body.fuse.source) &&
	       is_text(target, sizeof m->body.fuse.target) &&
	       (*target == '\0' || *target == '/') &&
	       m->body.fuse.is_writable <= 1;
}

static bool
is_erofs(const struct message *m)
{
	return is_source(m->body.erofs.source) &&
	       message_is_id(m->body.erofs.data) &&
	       m->body.erofs.is_loop <= 1 && m->body.erofs.is_trial <= 1;
}

static bool
are_lowers(const struct message *m)
{
	if (m->number < 1 || m->number > AGENT_LOWERS_MAX)
		return false;
	for (uint32_t i = 0; i < m->number; i++)
		if (!message_is_id(m->body.lowers[i]))
			return false;
	return true;
}

static bool
is_id_or_none(const char *id)
{
	return *id == '\0' || message_is_id(id);
}

static bool
is_attach(const struct message *m)
{
	return is_text(m->body.attach.target, sizeof m->body.attach.target) &&
	       is_id_or_none(m->body.attach.overlay);
}

/* -1 would mean "leave it" to chown(2). */
static bool
is_snapshot(const struct message *m)
{
	return m->body.snapshot.uid != UINT32_MAX &&
	       m->body.snapshot.gid != UINT32_MAX &&
	       m->body.snapshot.with_work <= 1;
}

static bool
is_map(const struct message *m)
{
	uint32_t n = m->body.map.uids.n, k = m->body.map.gids.n;

	return is_id_or_none(m->name) && m->body.map.place < AGENT_PLACES_MAX &&
	       n >= 1 && n <= AGENT_RANGES_MAX && k >= 1 &&
	       k <= AGENT_RANGES_MAX;
}

static bool
is_meaningful(const struct message *m, unsigned n_fds)
{
	if (!is_text(m->name, sizeof m->name))
		return false;
	switch (m->kind) {
	case MESSAGE_HELLO:
	case MESSAGE_READY:
	case MESSAGE_NEXT:
	case MESSAGE_GREETED:
	case MESSAGE_LOGIN:
	case MESSAGE_CONNECT:
		return n_fds == 0;
	case MESSAGE_HOLD:
		return n_fds == 1 && m->name[0] != '\0' &&
		       m->body.payload.len <= AGENT_PAYLOAD_MAX;
	case MESSAGE_GREET:
		return n_fds == 1 && m->name[0] != '\0';
	case MESSAGE_DROP:
		return n_fds == 0 && m->name[0] != '\0';
	case MESSAGE_FUSE:
		return n_fds == 0 && message_is_id(m->name) && is_fuse(m);
	case MESSAGE_EROFS:
		return n_fds == 1 && message_is_id(m->name) && is_erofs(m);
	case MESSAGE_PAGES:
		return n_fds == 0 && message_is_id(m->name) &&
		       m->number <= AGENT_FILES_MAX;
	case MESSAGE_OVERLAY:
		return n_fds != 1 && message_is_id(m->name) && are_lowers(m);
	case MESSAGE_ATTACH:
		return n_fds == 0 && is_id_or_none(m->name) && is_attach(m);
	case MESSAGE_CLONE:
	case MESSAGE_UNMOUNT:
		return n_fds == 0 && message_is_id(m->name);
	case MESSAGE_MAKE:
		return n_fds == 0 && is_snapshot(m);
	case MESSAGE_MAP:
		return n_fds == 0 && is_map(m);
	case MESSAGE_REMOVE:
	case MESSAGE_MEASURE:
	case MESSAGE_UNMAP:
		return n_fds == 0;
	default:
		return false;
	}
}

int
message_check(const struct message *m, unsigned n_fds, struct err *e)
{
	if (!is_meaningful(m, n_fds))
		return err_set(
		    e, EPROTO, "the worker's request makes no sense");
	return 0;
}
