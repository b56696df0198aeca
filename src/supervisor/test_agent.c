/* What the agent asks, and what it makes of the answers. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/agent.h"
#include "supervisor/fake_supervisor.h"
#include "base/err.h"
#include "base/test.h"

static void
hello_says_who_mounts(void **state)
{
	struct peer p = { 0 };
	struct agent *a = start(&p, NULL, 0);

	(void)state;
	assert_true(agent_is_root(a));
	assert_int_equal(p.asked[0].kind, MESSAGE_HELLO);
	end(&p, a);
}

static void
what_is_held_comes_with_name_payload_and_descriptor(void **state)
{
	const struct answer answers[] = {
		{ MESSAGE_NEXT, 0, 5, "control", NULL, true },
		{ MESSAGE_NEXT, 0, 9, "fuse:ab", "INIT", true },
		{ MESSAGE_NEXT, ENOENT, 0, NULL, "that was all", false },
	};
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 3);
	struct held h;

	(void)state;
	assert_true(agent_next_held(a, &h));
	assert_string_equal(h.name, "control");
	assert_int_equal(h.payload_len, 0);
	close(h.fd);
	assert_true(agent_next_held(a, &h));
	assert_string_equal(h.name, "fuse:ab");
	assert_memory_equal(h.payload, "INIT", 4);
	assert_int_equal(h.payload_len, 4);
	close(h.fd);
	assert_false(agent_next_held(a, &h));
	assert_int_equal(p.asked[2].number, 5);
	assert_int_equal(p.asked[3].number, 9);
	end(&p, a);
}

static void
a_held_descriptor_travels_with_its_payload(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_HOLD } };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 1);
	struct err e;

	(void)state;
	assert_int_equal(agent_hold(a, "fuse:1", 0, "abc", 3, &e), 0);
	end(&p, a);
	assert_int_equal(p.asked_fds[1], 1);
	assert_int_equal(p.asked[1].body.payload.len, 3);
	assert_memory_equal(p.asked[1].body.payload.bytes, "abc", 3);
}

static void
a_refusal_keeps_its_code_and_text(void **state)
{
	const struct answer answers[] = {
		{ MESSAGE_FUSE, EACCES, 0, NULL, "no fusermount3", false },
	};
	const struct agent_fuse_options o = { .source = "layerfs:x" };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 1);
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(agent_mount_fuse(a, "1", &o, &fd, &e), -1);
	assert_int_equal(e.code, EACCES);
	assert_string_equal(e.msg, "no fusermount3");
	end(&p, a);
}

static void
an_answer_to_something_else_is_refused(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_DROP,
	    .has_fd = true } };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 1);
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(agent_clone_mount(a, "1", &fd, &e), -1);
	assert_int_equal(e.code, EPROTO);
	end(&p, a);
}

static void
a_missing_descriptor_is_refused(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_CLONE } };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 1);
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(agent_clone_mount(a, "1", &fd, &e), -1);
	assert_int_equal(e.code, EPROTO);
	end(&p, a);
}

static void
a_supervisor_that_is_gone_is_an_error_and_seen_on_the_descriptor(void **state)
{
	struct peer p = { 0 };
	struct agent *a = start(&p, NULL, 0);
	struct err e;
	char byte;

	(void)state;
	pthread_join(p.thread, NULL);
	assert_int_equal(agent_drop(a, "x", &e), -1);
	assert_int_equal(recv(agent_fd(a), &byte, 1, MSG_DONTWAIT), 0);
	agent_free(a);
}

static void
an_overlay_names_its_lowers_and_carries_its_upper(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_OVERLAY },
		{ .kind = MESSAGE_OVERLAY } };
	const char *const lowers[] = { "a1", "b2" };
	struct agent_overlay_options o = { lowers, 2, 0, 1 };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 2);
	struct err e;

	(void)state;
	assert_int_equal(agent_mount_overlay(a, "c3", &o, &e), 0);
	o.upper = o.work = -1;
	assert_int_equal(agent_mount_overlay(a, "c4", &o, &e), 0);
	o.n_lowers = 0;
	assert_int_equal(agent_mount_overlay(a, "c5", &o, &e), -1);
	assert_int_equal(e.code, EINVAL);
	end(&p, a);
	assert_int_equal(p.asked_fds[1], 2);
	assert_int_equal(p.asked_fds[2], 0);
	assert_int_equal(p.asked[1].number, 2);
	assert_string_equal(p.asked[1].body.lowers[1], "b2");
}

static void
an_index_is_mounted_or_tried_and_says_what_holds_its_end_up(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_EROFS },
		{ .kind = MESSAGE_EROFS },
		{ .kind = MESSAGE_UNMOUNT, .number = 1 },
		{ .kind = MESSAGE_UNMOUNT } };
	struct agent_erofs_options o = {
		.source = "layerfs:a", .data = "d", .index = 0
	};
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 4);
	bool is_held_up;
	struct err e;

	(void)state;
	assert_int_equal(agent_mount_erofs(a, "c3", &o, &e), 0);
	assert_int_equal(agent_try_erofs(a, "e", &o, &e), 0);
	assert_int_equal(agent_unmount_erofs(a, "c3", &is_held_up, &e), 0);
	assert_true(is_held_up);
	assert_int_equal(agent_unmount_erofs(a, "c3", &is_held_up, &e), 0);
	assert_false(is_held_up);
	o.source = "a,suid";
	assert_int_equal(agent_mount_erofs(a, "c4", &o, &e), -1);
	assert_int_equal(e.code, EINVAL);
	end(&p, a);
	assert_int_equal(p.asked_fds[1], 1);
	assert_int_equal(p.asked[1].body.erofs.is_trial, 0);
	assert_int_equal(p.asked[2].body.erofs.is_trial, 1);
	assert_string_equal(p.asked[1].body.erofs.data, "d");
}

static void
a_bad_source_or_target_never_leaves_the_worker(void **state)
{
	struct agent_fuse_options o = { .source = "a,suid" };
	struct peer p = { 0 };
	struct agent *a = start(&p, NULL, 0);
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(agent_mount_fuse(a, "1", &o, &fd, &e), -1);
	assert_int_equal(e.code, EINVAL);
	o.source = "a";
	o.target = "relative";
	assert_int_equal(agent_mount_fuse(a, "1", &o, &fd, &e), -1);
	assert_int_equal(e.code, EINVAL);
	end(&p, a);
}

static void
a_snapshot_is_asked_for_by_number_and_measured(void **state)
{
	const struct agent_snapshot_options o = {
		.uid = 1000, .gid = 2000, .with_work = true
	};
	struct agent *a;
	struct peer p = { 0 };
	uint64_t bytes, inodes;
	struct err e;
	const struct answer answers[] = { { .kind = MESSAGE_MAKE },
		{ .kind = MESSAGE_MEASURE } };

	(void)state;
	a = start(&p, answers, 2);
	assert_int_equal(agent_make_snapshot(a, 1ull << 40, &o, &e), 0);
	assert_int_equal(agent_measure_snapshot(a, 5, &bytes, &inodes, &e), 0);
	end(&p, a);
	assert_int_equal(p.asked[1].body.snapshot.number, 1ull << 40);
	assert_int_equal(p.asked[1].body.snapshot.gid, 2000);
	assert_int_equal(p.asked[1].body.snapshot.with_work, 1);
	assert_int_equal(p.asked[2].body.snapshot.number, 5);
}

static void
who_was_greeted_comes_with_name_and_descriptor(void **state)
{
	const struct answer answers[] = {
		{ .kind = MESSAGE_GREETED, .name = "rpc:12", .has_fd = true },
		{ .kind = MESSAGE_GREETED, .code = ENOENT, .text = "all" },
	};
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 2);
	struct held h;

	(void)state;
	assert_true(agent_next_greeted(a, &h));
	assert_string_equal(h.name, "rpc:12");
	assert_return_code(fcntl(h.fd, F_GETFD), errno);
	close(h.fd);
	assert_false(agent_next_greeted(a, &h));
	assert_int_equal(h.fd, -1);
	end(&p, a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_says_who_mounts),
		cmocka_unit_test(
		    what_is_held_comes_with_name_payload_and_descriptor),
		cmocka_unit_test(a_held_descriptor_travels_with_its_payload),
		cmocka_unit_test(
		    who_was_greeted_comes_with_name_and_descriptor),
		cmocka_unit_test(a_refusal_keeps_its_code_and_text),
		cmocka_unit_test(an_answer_to_something_else_is_refused),
		cmocka_unit_test(a_missing_descriptor_is_refused),
		cmocka_unit_test(
		    a_supervisor_that_is_gone_is_an_error_and_seen_on_the_descriptor),
		cmocka_unit_test(
		    an_overlay_names_its_lowers_and_carries_its_upper),
		cmocka_unit_test(
		    an_index_is_mounted_or_tried_and_says_what_holds_its_end_up),
		cmocka_unit_test(
		    a_bad_source_or_target_never_leaves_the_worker),
		cmocka_unit_test(
		    a_snapshot_is_asked_for_by_number_and_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
