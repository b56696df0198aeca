#include "supervisor/late.h"

#include <errno.h>
#include <stdbool.h>

#include "supervisor/job.h"
#include "supervisor/supervisor_private.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"

enum { LOGIN_S = 5, ELSEWHERE_S = 10, TRIAL_S = 30, MOMENT_S = 1 };

/* What was lost is put back once: one that waits there for ever is none that the next
 * one on another disk has to be refused for. */
enum { UNENDED_MAX = 4, UNENDED_LOST_MAX = 16 };

/* 0: however long it takes. */
static unsigned
patience_s(const struct message *request, unsigned n_fds)
{
	switch (request->kind) {
	case MESSAGE_LOGIN:
		return LOGIN_S;
	case MESSAGE_OVERLAY:
		return n_fds > 0 ? ELSEWHERE_S : 0;
	case MESSAGE_ATTACH:
		return request->body.attach.is_elsewhere != 0 ? ELSEWHERE_S : 0;
	case MESSAGE_EROFS:
		return request->body.erofs.is_trial != 0 ? TRIAL_S : 0;
	default:
		return 0;
	}
}

int
late_check(const struct list *jobs, const struct message *request,
    unsigned n_fds, struct err *e)
{
	unsigned n = 0, most = request->kind == MESSAGE_ATTACH
				   ? UNENDED_LOST_MAX
				   : UNENDED_MAX;

	if (patience_s(request, n_fds) == 0)
		return 0;
	list_for_each(l, jobs) {
		const struct job *j = list_entry(l, struct job, link);

		n += j->request.kind == request->kind && j->patience_s > 0 &&
		     j->sock < 0;
	}
	if (n < most)
		return 0;
	return err_set(e, EAGAIN, "%u processes wait for an answer already", n);
}

void
late_note_start(const struct supervisor *s, struct job *j, unsigned n_fds)
{
	j->patience_s = patience_s(&j->request, n_fds);
	if (j->request.kind == MESSAGE_ATTACH && s->has_waited)
		j->patience_s = min_u64(j->patience_s, MOMENT_S);
	if (j->patience_s > 0)
		j->late_at_ns =
		    awake_now_ns(&j->awake) + j->patience_s * NS_PER_S;
}

uint64_t
late_next_ns(const struct list *jobs)
{
	list_for_each(l, jobs)
		if (list_entry(l, struct job, link)->late_at_ns > 0)
			return clock_now_ns() + AWAKE_TICK_NS;
	return UINT64_MAX;
}

static void
give_up(struct supervisor *s, struct job *j)
{
	struct message m = j->request;
	struct err e;

	err_set(&e, ETIMEDOUT, "no answer within %u s", j->patience_s);
	if (j->life == s->worker.life)
		message_answer(s->worker.sock, &m, -1, &e);
	if (j->request.kind == MESSAGE_ATTACH)
		s->has_waited = true;
	j->late_at_ns = 0;
	job_abandon(j);
}

void
late_give_up(struct supervisor *s)
{
	list_for_each(l, &s->jobs) {
		struct job *j = list_entry(l, struct job, link);

		if (j->late_at_ns > 0 &&
		    awake_now_ns(&j->awake) >= j->late_at_ns)
			give_up(s, j);
	}
}

/* It may have mounted its overlay all the same, and nobody was told. */
void
late_note_end(struct supervisor *s, const struct job *j)
{
	if (j->request.kind == MESSAGE_OVERLAY)
		supervisor_take_away(s, j->request.name);
	else if (j->request.kind == MESSAGE_ATTACH)
		supervisor_take_away(s, j->request.body.attach.overlay);
}
