#include "registry/turn.h"

#include "registry/client.h"
#include "registry/exchange.h"
#include "base/clock.h"

/* The least first. */
enum turn { TURN_FIRST, TURN_LIMITED, TURN_DOWN, TURN_LAST, TURN_NEVER };

uint64_t
turn_limited_until(const struct exchange *x, size_t host)
{
	return origins_limited_until(
	    &x->registry->origins, &x->hosts->hosts[host].origin);
}

static enum turn
turn_of(const struct exchange *x, size_t host)
{
	const struct host *h = &x->hosts->hosts[host];

	if ((h->can & x->needs) != x->needs || (x->tried >> host & 1) != 0)
		return TURN_NEVER;
	if ((x->avoid >> host & 1) != 0)
		return TURN_LAST;
	if (origins_is_down(&x->registry->origins, &h->origin))
		return TURN_DOWN;
	return turn_limited_until(x, host) > clock_now_ns() ? TURN_LIMITED
							    : TURN_FIRST;
}

bool
turn_pick(struct exchange *x)
{
	enum turn best = TURN_NEVER;

	for (size_t i = 0; i < x->hosts->n; i++) {
		enum turn turn = turn_of(x, i);

		if (turn < best) {
			best = turn;
			x->host = i;
		}
	}
	if (best == TURN_DOWN)
		return x->failure.code == 0;
	return best != TURN_NEVER;
}

bool
turn_has_other(const struct exchange *x)
{
	for (size_t i = 0; i < x->hosts->n; i++)
		if (i != x->host && turn_of(x, i) < TURN_DOWN)
			return true;
	return false;
}

bool
turn_wants_pause(const struct exchange *x)
{
	const struct http_head *h = &x->request.head;

	return x->body_kind == BODY_ERROR &&
	       (h->status == 429 ||
		   (h->status == 503 && h->retry_after_s != HEAD_UNKNOWN));
}
