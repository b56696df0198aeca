#include "supervisor/fake_supervisor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/test.h"

void
send_answer(int sock, const struct answer *a, uint64_t ticket)
{
	struct message m = { .version = MESSAGE_VERSION,
		.ticket = ticket,
		.kind = a->kind,
		.code = a->code,
		.number = a->number };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct err e;

	if (a->name != NULL)
		snprintf(m.name, sizeof m.name, "%s", a->name);
	if (a->code != 0) {
		snprintf(m.body.error, sizeof m.body.error, "%s", a->text);
	} else if (a->text != NULL) {
		m.body.payload.len = strlen(a->text);
		memcpy(m.body.payload.bytes, a->text, strlen(a->text));
	}
	message_send(sock, &m, &null, a->has_fd, 0, &e);
	close(null);
}

static void *
play(void *arg)
{
	struct peer *p = arg;
	const struct answer hello = { .kind = MESSAGE_HELLO, .number = 1 };

	for (size_t i = 0; i <= p->n; i++) {
		int fds[MESSAGE_FDS_MAX];
		struct err e;
		if (message_receive(
			p->sock, &p->asked[i], fds, &p->asked_fds[i], &e) != 0)
			break;
		for (unsigned k = 0; k < p->asked_fds[i]; k++)
			close(fds[k]);
		send_answer(p->sock, i == 0 ? &hello : &p->answers[i - 1],
		    p->asked[i].ticket);
	}
	if (!p->leaves_open)
		close(p->sock);
	return NULL;
}

struct agent *
start(struct peer *p, const struct answer *answers, size_t n)
{
	int pair[2];
	struct err e;

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	p->sock = pair[0];
	p->answers = answers;
	p->n = n;
	assert_int_equal(pthread_create(&p->thread, NULL, play, p), 0);
	struct agent *a = agent_new(pair[1], &e);
	assert_non_null(a);
	return a;
}

void
end(struct peer *p, struct agent *a)
{
	agent_free(a);
	pthread_join(p->thread, NULL);
}
