/* Which registries have the referrers API, for an hour.  Not locked: its user
 * holds a lock. */
#ifndef REGISTRY_REFERRERS_MEMORY_H
#define REGISTRY_REFERRERS_MEMORY_H

#include <stdint.h>

enum referrers_api {
	REFERRERS_API_UNKNOWN,
	REFERRERS_API_PRESENT,
	REFERRERS_API_ABSENT,
};

/* Zero is one that knows nothing; the oldest notes make room. */
struct referrers_memory {
	struct {
		uint64_t host; /* a hash: a wrong guess costs a request */
		uint64_t until_ns;
		enum referrers_api api;
	} notes[64];
	unsigned next;
};

enum referrers_api referrers_memory_find(
    const struct referrers_memory *m, const char *host, uint64_t now_ns);
void referrers_memory_note(struct referrers_memory *m, const char *host,
    enum referrers_api api, uint64_t now_ns);

#endif
