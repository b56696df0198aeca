#include "registry/referrers_memory.h"

#include <string.h>

#include "base/clock.h"
#include "base/hmap.h"

enum {
	NOTES = sizeof((struct referrers_memory *)0)->notes /
		sizeof((struct referrers_memory *)0)->notes[0]
};

#define REMEMBERED_NS (3600 * NS_PER_S)

static uint64_t
hash_of(const char *host)
{
	return hash_bytes(host, strlen(host), 0);
}

enum referrers_api
referrers_memory_find(
    const struct referrers_memory *m, const char *host, uint64_t now_ns)
{
	uint64_t hash = hash_of(host);

	for (unsigned i = 0; i < NOTES; i++)
		if (m->notes[i].host == hash && m->notes[i].until_ns > now_ns)
			return m->notes[i].api;
	return REFERRERS_API_UNKNOWN;
}

void
referrers_memory_note(struct referrers_memory *m, const char *host,
    enum referrers_api api, uint64_t now_ns)
{
	uint64_t hash = hash_of(host);
	unsigned at = 0;

	while (at < NOTES && m->notes[at].host != hash)
		at++;
	if (at == NOTES)
		at = m->next++ % NOTES;
	m->notes[at].host = hash;
	m->notes[at].until_ns = now_ns + REMEMBERED_NS;
	m->notes[at].api = api;
}
