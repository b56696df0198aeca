#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/activation.h"
#include "supervisor/keep.h"
#include "supervisor/lost.h"
#include "supervisor/note.h"
#include "base/err.h"
#include "base/rights.h"
#include "base/test.h"
#include "base/test_folder.h"

/* Systemd's end. */
static int
listen_as_systemd(const struct folder *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s/notify", f->path);
	assert_int_equal(bind(sock, (struct sockaddr *)&a, sizeof a), 0);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	return sock;
}

/* What it is told, and how many descriptors come with it. */
static size_t
hear(int sock, char text[256])
{
	struct rights r;
	ssize_t n = rights_receive(sock, text, 255, MSG_DONTWAIT, &r);
	size_t n_fds = n >= 0 ? r.n : 0;

	text[n >= 0 ? n : 0] = '\0';
	if (n >= 0)
		rights_close(&r);
	return n_fds;
}

static void
open_keep(struct keep *k, const struct folder *f)
{
	struct err e;

	keep_init(k);
	assert_int_equal(keep_open(k, f->fd, &e), 0);
	unsetenv("NOTIFY_SOCKET");
}

static void
put(struct keep *k, const char *name, int fd, const char *payload,
    const char *target)
{
	struct held h = { .fd = fd, .payload_len = strlen(payload) };
	struct err e;

	strcpy(h.name, name);
	memcpy(h.payload, payload, h.payload_len);
	assert_int_equal(keep_put(k, &h, target, &e), 0);
}

static int
open_null(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
systemd_is_told_of_what_outlives_the_supervisor(void **state)
{
	int sock = listen_as_systemd(*state);
	char text[256];
	struct err e;
	struct keep k;

	open_keep(&k, *state);
	assert_int_equal(hold_put_copy(&k.holds, "root", 0, &e), 0);
	put(&k, "fuse:1a", open_null(), "init", NULL);
	assert_int_equal(hear(sock, text), 1);
	assert_string_equal(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=fuse-1a");
	keep_drop(&k, "fuse:1a");
	assert_int_equal(hear(sock, text), 0);
	assert_string_equal(text, "FDSTOREREMOVE=1\nFDNAME=fuse-1a");
	keep_drop_all(&k);
	hear(sock, text);
	assert_string_equal(text, "");
	keep_close(&k);
	close(sock);
}

static void
the_same_file_is_stored_once(void **state)
{
	int sock = listen_as_systemd(*state);
	int fd = open_null();
	char text[256];
	struct keep k;

	open_keep(&k, *state);
	put(&k, "fuse:1", fcntl(fd, F_DUPFD_CLOEXEC, 0), "", NULL);
	hear(sock, text);
	put(&k, "fuse:1", fd, "init", NULL);
	hear(sock, text);
	assert_string_equal(text, "");
	put(&k, "fuse:1", open_null(), "init", NULL);
	hear(sock, text);
	assert_string_equal(text, "FDSTOREREMOVE=1\nFDNAME=fuse-1");
	assert_int_equal(hear(sock, text), 1);
	keep_close(&k);
	close(sock);
}

/* Takes what `from` would pass on, and closes that. */
static void
succeed(struct keep *to, struct keep *from, const struct folder *f)
{
	struct list lost;
	struct activation given;
	struct err e;
	size_t n;
	struct given *all = keep_list(from, 1, &n, &e);

	list_init(&lost);
	assert_non_null(all);
	given = (struct activation){ all, n };
	for (size_t i = 0; i < n; i++)
		all[i].fd = fcntl(all[i].fd, F_DUPFD_CLOEXEC, 0);
	keep_close(from);
	open_keep(to, f);
	assert_int_equal(keep_resume(to, &given, &lost), n);
	assert_true(list_is_empty(&lost));
	activation_release(&given);
}

static void
the_next_supervisor_has_payloads_targets_and_order(void **state)
{
	struct keep first, next;
	struct held_fd *f;
	struct err e;

	open_keep(&first, *state);
	assert_int_equal(hold_put_copy(&first.holds, "root", 0, &e), 0);
	put(&first, "fuse:1", open_null(), "one", "/a b");
	put(&first, "rpc:7", open_null(), "", NULL);
	put(&first, "fuse:2", open_null(), "two", NULL);
	put(&first, "fuse:1", open_null(), "again", NULL);
	succeed(&next, &first, *state);
	assert_null(hold_find(&next.holds, "root"));
	f = hold_after(&next.holds, 0);
	assert_string_equal(f->h.name, "fuse:1");
	assert_int_equal(f->h.payload_len, strlen("again"));
	assert_memory_equal(f->h.payload, "again", strlen("again"));
	assert_string_equal(f->target, "/a b");
	f = hold_after(&next.holds, f->serial);
	assert_string_equal(f->h.name, "rpc:7");
	f = hold_after(&next.holds, f->serial);
	assert_string_equal(f->h.name, "fuse:2");
	assert_null(f->target);
	put(&next, "fuse:3", open_null(), "", NULL);
	assert_ptr_equal(hold_after(&next.holds, f->serial),
	    hold_find(&next.holds, "fuse:3"));
	keep_close(&next);
}

static void
a_payload_that_was_cleared_does_not_come_back(void **state)
{
	struct keep first, next;
	struct held_fd *f;

	open_keep(&first, *state);
	put(&first, "rpc:7", open_null(), "greeted", NULL);
	keep_clear_payload(&first, hold_find(&first.holds, "rpc:7"));
	succeed(&next, &first, *state);
	f = hold_find(&next.holds, "rpc:7");
	assert_non_null(f);
	assert_int_equal(f->h.payload_len, 0);
	keep_close(&next);
}

static void
what_has_no_note_is_closed_and_not_kept(void **state)
{
	const struct folder *folder = *state;
	int sock = listen_as_systemd(folder);
	int fd = open_null();
	struct given *all = calloc(1, sizeof *all);
	struct activation given = { all, 1 };
	struct list lost;
	char text[256];
	struct keep k;

	list_init(&lost);
	*all = (struct given){ fd, strdup("fuse-5") };
	open_keep(&k, folder);
	assert_int_equal(keep_resume(&k, &given, &lost), 0);
	activation_release(&given);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	hear(sock, text);
	assert_string_equal(text, "FDSTOREREMOVE=1\nFDNAME=fuse-5");
	keep_close(&k);
	close(sock);
}

/* A file of n bytes in place of a note that was right. */
static void
damage(struct keep *k, const char *bytes, size_t n)
{
	int fd = openat(k->notes, "fuse:1", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void
a_damaged_note_is_refused(void **state)
{
	static const char other_version[16] = { 9 };
	static const char too_long[16] = { 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 };
	static const char cut[17] = { 1, 0, 0, 0, 1, 0, 0, 0, 2 };
	struct held_fd f = { 0 };
	struct keep k;
	struct err e;

	open_keep(&k, *state);
	assert_fails(note_read(k.notes, "fuse:1", &f, &e), e, ENOENT);
	damage(&k, "", 0);
	assert_fails(note_read(k.notes, "fuse:1", &f, &e), e, EBADMSG);
	damage(&k, other_version, sizeof other_version);
	assert_fails(note_read(k.notes, "fuse:1", &f, &e), e, EBADMSG);
	damage(&k, too_long, sizeof too_long);
	assert_fails(note_read(k.notes, "fuse:1", &f, &e), e, EBADMSG);
	damage(&k, cut, sizeof cut);
	assert_fails(note_read(k.notes, "fuse:1", &f, &e), e, EBADMSG);
	keep_close(&k);
}

static void
notes_of_nothing_held_are_removed_and_their_targets_lost(void **state)
{
	struct activation none = ACTIVATION_NONE;
	struct list lost;
	struct keep k;

	list_init(&lost);
	open_keep(&k, *state);
	put(&k, "fuse:1", open_null(), "", NULL);
	put(&k, "fuse:2", open_null(), "", "/a b");
	damage(&k, "x", 1);
	keep_close(&k);
	open_keep(&k, *state);
	assert_int_equal(faccessat(k.notes, "fuse:1", F_OK, 0), 0);
	keep_resume(&k, &none, &lost);
	assert_int_equal(faccessat(k.notes, "fuse:1", F_OK, 0), -1);
	assert_int_equal(faccessat(k.notes, "fuse:2", F_OK, 0), -1);
	assert_non_null(lost_find(&lost, "/a b", ""));
	lost_drop_all(&lost);
	keep_close(&k);
}

static void
the_worker_s_names_lead_nowhere_else(void **state)
{
	(void)state;
	assert_true(keep_is_name("fuse:0123456789abcdef"));
	assert_true(keep_is_name("rpc:12"));
	assert_false(keep_is_name("root"));
	assert_false(keep_is_name("fuse:"));
	assert_false(keep_is_name(":1"));
	assert_false(keep_is_name("fuse:../x"));
	assert_false(keep_is_name("a:b:c"));
	assert_false(keep_is_name("../a:b"));
	assert_false(keep_is_name("fuse:1\n"));
}

static void
names_are_those_that_systemd_takes(void **state)
{
	char name[ACTIVATION_NAME_SIZE + 1] = { 0 };

	(void)state;
	assert_true(notify_is_name("fuse-1"));
	assert_false(notify_is_name(""));
	assert_false(notify_is_name("fuse:1"));
	assert_false(notify_is_name("a b"));
	assert_false(notify_is_name("a\n"));
	memset(name, 'x', 255);
	assert_true(notify_is_name(name));
	name[255] = 'x';
	assert_false(notify_is_name(name));
}

static void
no_socket_that_makes_sense_is_an_error(void **state)
{
	struct notify n;
	struct err e;

	(void)state;
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_fails(notify_open(&n, &e), e, EINVAL);
	setenv("NOTIFY_SOCKET", "/nobody/there", 1);
	assert_fails(notify_open(&n, &e), e, ENOENT);
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(&n, &e), 0);
	notify_say(&n, "READY=1");
	assert_false(notify_store(&n, "x", 0));
	notify_close(&n);
}

/* Its queue is full. */
static void
a_listener_that_hangs_is_waited_for_once(void **state)
{
	const struct timeval moment = { .tv_usec = 1000 };
	struct notify n = NOTIFY_NONE;
	char text[64];
	int pair[2];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	n.sock = pair[0];
	while (send(n.sock, "x", 1, MSG_DONTWAIT) == 1)
		;
	setsockopt(n.sock, SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof moment);
	notify_say(&n, "READY=1");
	assert_true(n.is_deaf);
	setsockopt(n.sock, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ 0 },
	    sizeof moment); /* for ever */
	notify_say(&n, "READY=1");
	assert_true(n.is_deaf);
	while (recv(pair[1], text, sizeof text, MSG_DONTWAIT) > 0)
		;
	notify_say(&n, "READY=1");
	assert_false(n.is_deaf);
	assert_int_equal(recv(pair[1], text, sizeof text, MSG_DONTWAIT), 7);
	close(pair[1]);
	notify_close(&n);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(systemd_is_told_of_what_outlives_the_supervisor),
		TEST(the_same_file_is_stored_once),
		TEST(the_next_supervisor_has_payloads_targets_and_order),
		TEST(a_payload_that_was_cleared_does_not_come_back),
		TEST(what_has_no_note_is_closed_and_not_kept),
		TEST(a_damaged_note_is_refused),
		TEST(notes_of_nothing_held_are_removed_and_their_targets_lost),
		cmocka_unit_test(the_worker_s_names_lead_nowhere_else),
		cmocka_unit_test(names_are_those_that_systemd_takes),
		cmocka_unit_test(no_socket_that_makes_sense_is_an_error),
		cmocka_unit_test(a_listener_that_hangs_is_waited_for_once),
	};

	unsetenv("NOTIFY_SOCKET");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
