#include "base/log_repeat.h"

#include "base/clock.h"

/* The same line's, or that whose window began first. */
static struct repeat *
find(struct repeats *r, uint64_t hash)
{
	struct repeat *oldest = &r->kept[0];

	for (unsigned i = 0; i < REPEATS_KEPT; i++) {
		if (r->kept[i].hash == hash)
			return &r->kept[i];
		if (r->kept[i].since_ns < oldest->since_ns)
			oldest = &r->kept[i];
	}
	*oldest = (struct repeat){ .hash = hash };
	return oldest;
}

bool
repeats_note(
    struct repeats *r, uint64_t hash, uint64_t now_ns, unsigned *left_out)
{
	struct repeat *k = find(r, hash);

	if (k->written == 0 ||
	    now_ns - k->since_ns >= REPEATS_WINDOW_S * NS_PER_S) {
		k->since_ns = now_ns;
		k->written = 0;
	}
	if (k->written == REPEATS_WRITTEN) {
		k->left_out++;
		return false;
	}
	k->written++;
	*left_out = k->left_out;
	k->left_out = 0;
	return true;
}
