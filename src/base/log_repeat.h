/* Lines that come again and again: whether one more is written.  Remembers the
 * last few.  One thread at a time: the log has the lock.
 */
#ifndef BASE_LOG_REPEAT_H
#define BASE_LOG_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

enum { REPEATS_KEPT = 64, REPEATS_WRITTEN = 5, REPEATS_WINDOW_S = 10 };

struct repeats {
	struct repeat {
		uint64_t hash; /* of the line; 0: none */
		uint64_t since_ns;
		unsigned written;
		unsigned left_out;
	} kept[REPEATS_KEPT];
};

/* A line with this hash comes now.  True: write it; *left_out were not before
 * it. */
bool repeats_note(
    struct repeats *r, uint64_t hash, uint64_t now_ns, unsigned *left_out);

#endif
