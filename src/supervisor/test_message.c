#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/message.h"
#include "base/err.h"
#include "base/test.h"

struct pair {
	int a, b;
};

static struct pair
open_pair(void)
{
	int p[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p), 0);
	return (struct pair){ p[0], p[1] };
}

static void
close_pair(struct pair p)
{
	close(p.a);
	close(p.b);
}

static struct message
message_of(enum message_kind kind, const char *name)
{
	struct message m = { .version = MESSAGE_VERSION, .kind = kind };

	snprintf(m.name, sizeof m.name, "%s", name);
	return m;
}

static bool
is_accepted(const struct message *m, unsigned n_fds)
{
	struct err e = ERR_INIT;
	int rc = message_check(m, n_fds, &e);

	assert_int_equal(e.code, rc == 0 ? 0 : EPROTO);
	return rc == 0;
}

static void
a_message_arrives_with_its_descriptors(void **state)
{
	struct pair p = open_pair();
	struct message m = message_of(MESSAGE_HOLD, "control"), got;
	int fds[MESSAGE_FDS_MAX];
	unsigned n;
	struct err e;

	(void)state;
	assert_int_equal(message_send(p.a, &m, (int[]){ 0, 1 }, 2, 0, &e), 0);
	assert_int_equal(message_receive(p.b, &got, fds, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(&got, &m, sizeof m);
	for (unsigned i = 0; i < n; i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
	close_pair(p);
}

static void
a_short_datagram_is_refused_and_its_descriptor_closed(void **state)
{
	struct pair p = open_pair();
	struct message got;
	int fds[MESSAGE_FDS_MAX], pipe_fds[2];
	char byte = 0;
	unsigned n = 7;
	struct err e;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	struct iovec iov = { &byte, 1 };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} c = { 0 };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &c,
		.msg_controllen = sizeof c };
	CMSG_FIRSTHDR(&h)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&h)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&h)->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &pipe_fds[1], sizeof(int));
	assert_int_equal(sendmsg(p.a, &h, 0), 1);
	close(pipe_fds[1]);

	assert_int_equal(message_receive(p.b, &got, fds, &n, &e), -1);
	assert_int_equal(e.code, EPROTO);
	assert_int_equal(n, 0);
	/* Nobody holds the writing end any more. */
	assert_int_equal(read(pipe_fds[0], &byte, 1), 0);
	close(pipe_fds[0]);
	close_pair(p);
}

static void
another_version_is_refused(void **state)
{
	struct pair p = open_pair();
	struct message m = message_of(MESSAGE_HELLO, "");
	int fds[MESSAGE_FDS_MAX];
	unsigned n;
	struct err e;

	(void)state;
	m.version++;
	assert_int_equal(message_send(p.a, &m, NULL, 0, 0, &e), 0);
	assert_int_equal(message_receive(p.b, &m, fds, &n, &e), -1);
	assert_int_equal(e.code, EPROTO);
	close_pair(p);
}

static void
a_closed_end_is_told_from_nonsense(void **state)
{
	struct pair p = open_pair();
	struct message m;
	int fds[MESSAGE_FDS_MAX];
	unsigned n;
	struct err e;

	(void)state;
	close(p.a);
	assert_int_equal(message_receive(p.b, &m, fds, &n, &e), -1);
	assert_int_equal(e.code, ECONNRESET);
	close(p.b);
}

static void
only_lower_case_hex_is_an_id(void **state)
{
	(void)state;
	assert_true(message_is_id("0"));
	assert_true(message_is_id("0123456789abcdef0123456789abcdef"));
	assert_false(message_is_id(""));
	assert_false(message_is_id("0123456789abcdef0123456789abcdef0"));
	assert_false(message_is_id("AB"));
	assert_false(message_is_id("../a"));
	assert_false(message_is_id("a/b"));
	assert_false(message_is_id("a:b"));
}

static void
a_request_is_accepted_only_with_its_descriptors(void **state)
{
	struct message m = message_of(MESSAGE_HOLD, "fuse:1");

	(void)state;
	assert_true(is_accepted(&m, 1));
	assert_false(is_accepted(&m, 0));
	m = message_of(MESSAGE_CLONE, "1");
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 1));
	m = message_of(MESSAGE_GREETED, "");
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 1));
	m = message_of(MESSAGE_ATTACH, "");
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 1));
	m = message_of(MESSAGE_LOGIN, "");
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 1));
	m = message_of(MESSAGE_CONNECT, "");
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 1));
	m = message_of(MESSAGE_OVERLAY, "1");
	m.number = 1;
	strcpy(m.body.lowers[0], "2");
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 1));
	assert_true(is_accepted(&m, 2));
}

static void
a_text_without_an_end_is_refused(void **state)
{
	struct message m = message_of(MESSAGE_DROP, "x");

	(void)state;
	memset(m.name, 'a', sizeof m.name);
	assert_false(is_accepted(&m, 0));
	m = message_of(MESSAGE_FUSE, "1");
	memset(m.body.fuse.source, 'a', sizeof m.body.fuse.source);
	assert_false(is_accepted(&m, 0));
	m = message_of(MESSAGE_FUSE, "1");
	strcpy(m.body.fuse.source, "s");
	memset(m.body.fuse.target, '/', sizeof m.body.fuse.target);
	assert_false(is_accepted(&m, 0));
	m = message_of(MESSAGE_ATTACH, "1");
	memset(m.body.attach.target, '/', sizeof m.body.attach.target);
	assert_false(is_accepted(&m, 0));
	m = message_of(MESSAGE_ATTACH, "1");
	strcpy(m.body.attach.overlay, "../1");
	assert_false(is_accepted(&m, 0));
	memset(m.body.attach.overlay, 'a', sizeof m.body.attach.overlay);
	assert_false(is_accepted(&m, 0));
	m = message_of(MESSAGE_ATTACH, "../1");
	assert_false(is_accepted(&m, 0));
}

static void
a_source_cannot_smuggle_mount_options(void **state)
{
	struct message m = message_of(MESSAGE_FUSE, "1");

	(void)state;
	strcpy(m.body.fuse.source, "layerfs:python:3");
	assert_true(is_accepted(&m, 0));
	strcpy(m.body.fuse.source, "a,suid");
	assert_false(is_accepted(&m, 0));
	strcpy(m.body.fuse.source, "a\\054suid");
	assert_false(is_accepted(&m, 0));
	strcpy(m.body.fuse.source, "");
	assert_false(is_accepted(&m, 0));
	strcpy(m.body.fuse.source, "a");
	m.body.fuse.is_writable = 2;
	assert_false(is_accepted(&m, 0));
}

static void
lowers_that_are_no_ids_are_refused(void **state)
{
	struct message m = message_of(MESSAGE_OVERLAY, "1");

	(void)state;
	m.number = 2;
	strcpy(m.body.lowers[0], "a");
	strcpy(m.body.lowers[1], "a:/etc");
	assert_false(is_accepted(&m, 0));
	m.number = AGENT_LOWERS_MAX + 1;
	assert_false(is_accepted(&m, 0));
	m.number = 0;
	assert_false(is_accepted(&m, 0));
}

static void
an_index_comes_with_a_name_and_the_session_of_its_data(void **state)
{
	struct message m = message_of(MESSAGE_EROFS, "1");

	(void)state;
	strcpy(m.body.erofs.source, "layerfs:python:3");
	strcpy(m.body.erofs.data, "d");
	assert_true(is_accepted(&m, 1));
	assert_false(is_accepted(&m, 0));
	strcpy(m.body.erofs.data, "../d");
	assert_false(is_accepted(&m, 1));
	strcpy(m.body.erofs.data, "d");
	m.body.erofs.is_loop = 2;
	assert_false(is_accepted(&m, 1));
	m.body.erofs.is_loop = 1;
	memset(m.body.erofs.source, 'a', sizeof m.body.erofs.source);
	assert_false(is_accepted(&m, 1));
}

static void
files_are_of_a_mount_and_not_too_many(void **state)
{
	struct message m = message_of(MESSAGE_PAGES, "1");

	(void)state;
	m.number = AGENT_FILES_MAX;
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 1));
	m.number = AGENT_FILES_MAX + 1;
	assert_false(is_accepted(&m, 0));
	m = message_of(MESSAGE_PAGES, "../s");
	assert_false(is_accepted(&m, 0));
}

static void
a_snapshot_is_its_number_and_an_owner(void **state)
{
	struct message m = message_of(MESSAGE_MAKE, "");

	(void)state;
	m.body.snapshot.number = UINT64_MAX;
	m.body.snapshot.with_work = 1;
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 1));
	m.body.snapshot.with_work = 2;
	assert_false(is_accepted(&m, 0));
	m.body.snapshot.with_work = 0;
	m.body.snapshot.uid = UINT32_MAX;
	assert_false(is_accepted(&m, 0));
	m = message_of(MESSAGE_REMOVE, "");
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 2));
}

static void
a_map_has_ranges_and_a_place(void **state)
{
	struct message m = message_of(MESSAGE_MAP, "");

	(void)state;
	assert_false(is_accepted(&m, 0));
	m.body.map.uids.n = m.body.map.gids.n = AGENT_RANGES_MAX;
	m.body.map.place = AGENT_PLACES_MAX - 1;
	assert_true(is_accepted(&m, 0));
	assert_false(is_accepted(&m, 1));
	strcpy(m.name, "ab");
	assert_true(is_accepted(&m, 0));
	strcpy(m.name, "../s");
	assert_false(is_accepted(&m, 0));
	strcpy(m.name, "");
	m.body.map.gids.n = AGENT_RANGES_MAX + 1;
	assert_false(is_accepted(&m, 0));
	m.body.map.gids.n = 1;
	m.body.map.place = AGENT_PLACES_MAX;
	assert_false(is_accepted(&m, 0));
}

static void
an_unknown_kind_and_a_long_payload_are_refused(void **state)
{
	struct message m = message_of(MESSAGE_KINDS, "a");

	(void)state;
	assert_false(is_accepted(&m, 0));
	m = message_of(MESSAGE_HOLD, "a");
	m.body.payload.len = AGENT_PAYLOAD_MAX + 1;
	assert_false(is_accepted(&m, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_arrives_with_its_descriptors),
		cmocka_unit_test(
		    a_short_datagram_is_refused_and_its_descriptor_closed),
		cmocka_unit_test(another_version_is_refused),
		cmocka_unit_test(a_closed_end_is_told_from_nonsense),
		cmocka_unit_test(only_lower_case_hex_is_an_id),
		cmocka_unit_test(
		    a_request_is_accepted_only_with_its_descriptors),
		cmocka_unit_test(a_text_without_an_end_is_refused),
		cmocka_unit_test(a_source_cannot_smuggle_mount_options),
		cmocka_unit_test(lowers_that_are_no_ids_are_refused),
		cmocka_unit_test(
		    an_index_comes_with_a_name_and_the_session_of_its_data),
		cmocka_unit_test(files_are_of_a_mount_and_not_too_many),
		cmocka_unit_test(a_snapshot_is_its_number_and_an_owner),
		cmocka_unit_test(a_map_has_ranges_and_a_place),
		cmocka_unit_test(
		    an_unknown_kind_and_a_long_payload_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
