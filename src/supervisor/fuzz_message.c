/* A worker that was taken over asks what it likes: what passes the check has texts
 * that end and numbers that are in range, whatever it is a request for. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "supervisor/message.h"
#include "base/bytes.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_text(const char *s, size_t room)
{
	assert(strnlen(s, room) < room);
}

/* Names are names of files, and sources fields of /proc/mounts. */
static void
check_id(const char *id)
{
	check_text(id, AGENT_ID_MAX + 1);
	assert(*id != 0 && strchr(id, '/') == NULL);
}

static void
check_source(const char *source)
{
	check_text(source, MESSAGE_SOURCE_MAX + 1);
	assert(*source != 0 && strchr(source, ',') == NULL);
}

static void
check_map(const struct agent_id_map *m)
{
	assert(m->n >= 1 && m->n <= AGENT_RANGES_MAX);
}

static void
check_body(const struct message *m, unsigned n_fds)
{
	switch (m->kind) {
	case MESSAGE_HOLD:
		assert(n_fds == 1);
		assert(m->body.payload.len <= AGENT_PAYLOAD_MAX);
		break;
	case MESSAGE_FUSE:
		check_id(m->name);
		check_source(m->body.fuse.source);
		check_text(m->body.fuse.target, PATH_MAX);
		break;
	case MESSAGE_EROFS:
		assert(n_fds == 1);
		check_id(m->name);
		check_source(m->body.erofs.source);
		check_id(m->body.erofs.data);
		break;
	case MESSAGE_PAGES:
		check_id(m->name);
		assert(m->number <= AGENT_FILES_MAX);
		break;
	case MESSAGE_OVERLAY:
		assert(m->number >= 1 && m->number <= AGENT_LOWERS_MAX);
		for (uint32_t i = 0; i < m->number; i++)
			check_id(m->body.lowers[i]);
		break;
	case MESSAGE_ATTACH:
		check_text(m->body.attach.target, PATH_MAX);
		check_text(m->body.attach.overlay, AGENT_ID_MAX + 1);
		break;
	case MESSAGE_MAKE:
		assert(m->body.snapshot.uid != UINT32_MAX);
		assert(m->body.snapshot.gid != UINT32_MAX);
		break;
	case MESSAGE_MAP:
		assert(m->body.map.place < AGENT_PLACES_MAX);
		check_map(&m->body.map.uids);
		check_map(&m->body.map.gids);
		break;
	}
}

/* How many descriptors came, then the message; zeros where it is short. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct message m = { 0 };
	struct err e = ERR_INIT;
	unsigned n_fds;

	if (n == 0)
		return 0;
	n_fds = p[0] % (MESSAGE_FDS_MAX + 1);
	memcpy(&m, p + 1, min_u64(n - 1, sizeof m));
	if (message_check(&m, n_fds, &e) < 0)
		return 0;
	assert(m.kind < MESSAGE_SWEEP);
	check_text(m.name, sizeof m.name);
	check_body(&m, n_fds);
	message_set_error(&m, &e);
	return 0;
}
