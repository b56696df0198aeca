#include "supervisor/asker.h"

#include <errno.h>
#include <string.h>

#include "supervisor/message.h"
#include "base/cleanup.h"
#include "base/err.h"

/* How many requests may be open at once; the next ones wait for their turn.
 * Their answers fit the socket's buffer (about 25 of them), as the supervisor
 * waits for no reader; and it takes JOBS_MAX at once, an earlier worker's too.
 * What a FUSE thread asks itself (agent_hold()) is answered at once, and waits for
 * nothing that takes a process; those that it has to answer something for, and
 * files that may lie where nobody answers, hold nothing else up.
 */
enum {
	INSTANT_MAX = 4,
	QUICK_MAX = 8,
	SLOW_MAX = 4,
	ANSWERED_MAX = 4,
	LOGINS_MAX = 2,
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

static struct lane *
lane_of(struct asker *a, const struct message *m)
{
	switch (m->kind) {
	case MESSAGE_HELLO:
	case MESSAGE_READY:
	case MESSAGE_NEXT:
	case MESSAGE_GREETED:
	case MESSAGE_HOLD:
	case MESSAGE_GREET:
	case MESSAGE_DROP:
	case MESSAGE_CONNECT:
		return &a->instant;
	case MESSAGE_REMOVE:
	case MESSAGE_MEASURE:
		return &a->slow;
	case MESSAGE_EROFS:
	case MESSAGE_OVERLAY:
	case MESSAGE_ATTACH:
	case MESSAGE_PAGES:
		return &a->answered;
	case MESSAGE_LOGIN:
		return &a->logins;
	default:
		return &a->quick;
	}
}

static void
enter(struct asker *a, struct asking *k)
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
leave(struct asker *a, struct asking *k)
{
	LOCK_SCOPE(&a->lock);
	list_remove(&k->link);
	k->lane->n--;
	cond_broadcast(&a->changed);
}

/* With the lock held: gives the answer to whoever asked. */
static int
deliver(struct asker *a, const struct message *m, const int *fds, struct err *e)
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
receive_one(struct asker *a)
{
	int fds[MESSAGE_FDS_MAX] = { -1, -1 };
	struct message m;
	struct err e;
	unsigned n;
	int rc;

	a->is_receiving = true;
	lock_release(&a->lock);
	rc = message_receive(a->sock, &m, fds, &n, &e);
	if (rc != 0 && e.code == EMFILE) {
		message_set_error(&m, &e);
		rc = 0;
	}
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
wait_for_answer(struct asker *a, struct asking *k, struct err *e)
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
exchange(struct asker *a, struct asking *k, const int *fds, unsigned n_fds,
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

int
asker_ask(struct asker *a, struct message *m, const int *fds, unsigned n_fds,
    int *fd, struct err *e)
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

int
asker_tell(struct asker *a, struct message *m, const int *fds, unsigned n_fds,
    struct err *e)
{
	int fd;
	int rc = asker_ask(a, m, fds, n_fds, &fd, e);

	cleanup_close(&fd);
	return rc;
}

int
asker_ask_for_fd(struct asker *a, struct message *m, int *fd, struct err *e)
{
	if (asker_ask(a, m, NULL, 0, fd, e) != 0)
		return -1;
	return *fd >= 0 ? 0
			: err_set(e, EPROTO, "supervisor: sent no descriptor");
}

void
asker_init(struct asker *a, int sock)
{
	*a = (struct asker){ .sock = sock };
	lock_init(&a->lock, RANK_SUPERVISOR);
	cond_init(&a->changed);
	list_init(&a->askings);
	a->instant.max = INSTANT_MAX;
	a->quick.max = QUICK_MAX;
	a->slow.max = SLOW_MAX;
	a->answered.max = ANSWERED_MAX;
	a->logins.max = LOGINS_MAX;
}

void
asker_release(struct asker *a)
{
	cond_destroy(&a->changed);
	lock_destroy(&a->lock);
}
