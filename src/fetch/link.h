/* The way to a source's host, as requests show it: how long a round trip takes
 * and how many bytes a second come.  From the two follows what a reader's wait
 * costs: while a question travels, the link could have carried its `bubble`.
 *
 *	100 ms and 100 Mbit/s, 10 ms and 1 Gbit/s:  1.2 MB
 *	0.5 ms and 1 Gbit/s:                        62 KB
 *
 * Pure: no clock, no I/O; whoever owns it has the lock.
 */
#ifndef FETCH_LINK_H
#define FETCH_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/source.h"

enum { LINK_PEER_BYTES = 128, LINKS_MAX = 16 };

struct link {
	char peer[LINK_PEER_BYTES]; /* the host; "" while nobody's */
	uint64_t round_trip_ns;     /* the shortest lately; 0: unknown */
	uint64_t bytes_per_s;       /* the highest lately; 0: unknown */
	uint64_t flying_bytes;      /* asked for and not there */
	uint64_t credit_bytes;      /* that may be asked for on a guess */

	enum source_parts parts; /* whether it sends several ranges at once, */
	uint64_t parts_until_ns; /* if refused: until then */
	bool is_tried;           /* a request is under way that shows it */

	/* what is being measured: the shortest of these samples, and of those
	 * before them; bytes that came since then */
	unsigned samples;
	uint64_t shortest_ns, before_ns;
	uint64_t since_ns;
	uint64_t since_bytes;
};

struct links {
	struct link all[LINKS_MAX];
	unsigned next; /* to be given to another host when all are in use */
};

/* By the source's name ("HOST/REPOSITORY"); never NULL. */
struct link *links_find(struct links *l, const char *source_name);

/* A request's life: asked, the first byte, the end with the bytes that came. */
struct link_times {
	uint64_t asked_ns, first_ns, end_ns;
	uint64_t bytes;
};
void link_learn(struct link *l, const struct link_times *t);

/* A read has shown it; what was refused is tried again after ten minutes. */
void link_note_parts(struct link *l, enum source_parts shown, uint64_t now_ns);
enum source_parts link_parts(const struct link *l, uint64_t now_ns);

/* What it carries in a round trip; at least 64 KiB, at most 8 MiB. */
uint64_t link_bubble(const struct link *l);

/* How much more may fly on behalf of nobody who waits: enough to keep it full,
 * and so little that a reader's answer is not held up. */
uint64_t link_room(const struct link *l);

/* How much of that is worth guessing: less on a fast link with a short way,
 * where cores are what is short. */
uint64_t link_allowance(const struct link *l);

/* A reader waits: what could come meanwhile may be guessed. */
void link_add_credit(struct link *l);
void link_spend_credit(struct link *l, uint64_t bytes);

#endif
