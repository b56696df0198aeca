/* The session that EROFS reads contents from, driven by a kernel that this test
 * plays (fake_kernel.h). */
#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "mount/data_fs.h"
#include "mount/fake_kernel.h"
#include "mount/fake_view.h"
#include "supervisor/agent.h"
#include "base/limits.h"
#include "base/test.h"

#define ID "8000000000000001"

static struct kernel *
mounted(void)
{
	struct kernel *k = kernel_new(true, &data_fs_ops);

	start(k);
	return k;
}

static struct mount *
add(struct kernel *k, const char *id, bool is_open)
{
	struct err e = ERR_INIT;
	struct mount *m =
	    data_fs_add(&k->server, &mount_erofs, id, k->view, is_open, &e);

	assert_string_equal(e.msg, "");
	assert_non_null(m);
	return m;
}

static int
open_file(struct kernel *k, uint64_t node)
{
	const struct fuse_open_in in = { 0 };

	return ask(k, FUSE_OPEN, node, &in, sizeof in);
}

static void
release_file(struct kernel *k, uint64_t node)
{
	const struct fuse_release_in in = { 0 };

	assert_int_equal(ask(k, FUSE_RELEASE, node, &in, sizeof in), 0);
}

static int
add_code(struct kernel *k, const char *id)
{
	struct err e = ERR_INIT;

	assert_null(
	    data_fs_add(&k->server, &mount_erofs, id, k->view, false, &e));
	return e.code;
}

static void
a_file_is_found_by_its_mount_and_opened_without_pages(void **state)
{
	struct kernel *k = mounted();
	struct mount *m = add(k, ID, false);
	struct fuse_entry_out entry;
	struct fuse_open_out opened;
	uint64_t node = nid_of(k, ID);

	(void)state;
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "8", &entry), ENOENT);
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "../x", &entry), ENOENT);
	assert_int_equal(lookup(k, FUSE_ROOT_ID, ID, &entry), 0);
	assert_int_equal(entry.attr.size, LIMIT_DATA_BYTES);
	assert_int_equal(entry.attr.mode, S_IFREG | 0400);
	assert_int_equal(open_file(k, node), 0);
	memcpy(&opened, k->body, sizeof opened);
	assert_int_equal(opened.open_flags & FOPEN_DIRECT_IO, FOPEN_DIRECT_IO);
	assert_int_equal(ask_read(k, node, 100, 1000), 0);
	assert_bytes(k, 100, 1000);
	release_file(k, node);
	data_fs_remove(m);
	kernel_free(k);
}

static void
two_ids_are_not_one_node(void **state)
{
	struct kernel *k = mounted();
	struct mount *m = add(k, ID, false);
	struct fuse_entry_out entry;

	(void)state;
	assert_int_equal(add_code(k, ID), EEXIST);
	assert_int_equal(add_code(k, "1"), EEXIST);
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "1", &entry), ENOENT);
	assert_int_equal(add_code(k, "10000000000000000"), EINVAL);
	data_fs_remove(m);
	kernel_free(k);
}

static void
a_file_that_is_still_open_is_served_and_its_mount_comes_back(void **state)
{
	struct kernel *k = mounted();
	struct mount *m = add(k, ID, false);
	uint64_t node = nid_of(k, ID);

	(void)state;
	assert_int_equal(open_file(k, node), 0);
	data_fs_remove(m);
	assert_int_equal(ask_read(k, node, 0, 100), 0);
	assert_bytes(k, 0, 100);
	assert_ptr_equal(add(k, ID, false), m);
	assert_int_equal(open_file(k, node), 0);
	data_fs_remove(m);
	release_file(k, node);
	assert_int_equal(ask_read(k, node, 0, 100), 0);
	release_file(k, node);
	assert_int_equal(ask_read(k, node, 0, 100), ENOENT);
	kernel_free(k);
}

static void
what_an_earlier_worker_mounted_counts_as_open(void **state)
{
	struct kernel *k = mounted();
	struct mount *m = add(k, ID, true);
	uint64_t node = (uint64_t)1 << 63 | 1;

	(void)state;
	assert_int_equal(ask_read(k, node, 0, 100), 0);
	data_fs_remove(m);
	assert_int_equal(ask_read(k, node, 0, 100), 0);
	release_file(k, node);
	assert_int_equal(open_file(k, node), ENOENT);
	kernel_free(k);
}

static void
a_read_past_every_place_is_empty(void **state)
{
	struct kernel *k = mounted();
	struct mount *m = add(k, ID, true);
	uint64_t node = nid_of(k, ID);

	(void)state;
	assert_int_equal(ask_read(k, node, LIMIT_DATA_BYTES, 4096), 0);
	assert_int_equal(k->body_len, 0);
	assert_int_equal(ask_read(k, node, UINT64_MAX, 4096), 0);
	assert_int_equal(k->body_len, 0);
	data_fs_remove(m);
	release_file(k, node);
	kernel_free(k);
}

static void
what_lies_in_no_file_is_eio(void **state)
{
	struct kernel *k = mounted();
	struct mount *m = add(k, ID, true);
	uint64_t node = nid_of(k, ID);

	(void)state;
	assert_int_equal(ask_read(k, node, FAKE_COLD + 5 * 4096, 4096), EIO);
	data_fs_remove(m);
	release_file(k, node);
	kernel_free(k);
}

static void
a_missing_read_waits_for_each_file_that_it_covers(void **state)
{
	struct kernel *k = mounted();
	struct mount *m = add(k, ID, true);
	uint64_t node = nid_of(k, ID);

	(void)state;
	send_read(k, node, FAKE_COLD, NEXT_AT + NEXT_SIZE);
	for (int i = 0; i < 2; i++) {
		assert_false(next_reply(k));
		assert_int_equal(fake_view_waiting(k->view), 1);
		if (i == 0)
			fake_view_evict(k->view);
	}
	fake_view_deliver(k->view);
	assert_true(next_reply(k));
	assert_bytes(k, 0, NEXT_AT + NEXT_SIZE);
	data_fs_remove(m);
	release_file(k, node);
	kernel_free(k);
}

static void
reads_of_a_mount_that_nobody_has_end(void **state)
{
	struct kernel *k = mounted();
	struct mount *m = add(k, ID, true);
	uint64_t node = nid_of(k, ID);

	(void)state;
	send_read(k, node, FAKE_COLD, 4096);
	send_read(k, node, FAKE_COLD + 4096, 4096);
	assert_false(next_reply(k));
	read_end(m);
	for (int i = 0; i < 2; i++) {
		assert_true(next_reply(k));
		assert_int_equal(k->out.error, -EIO);
	}
	assert_int_equal(ask_read(k, node, FAKE_COLD, 4096), EIO);
	fake_view_deliver(k->view);
	assert_false(next_reply(k));
	data_fs_remove(m);
	release_file(k, node);
	kernel_free(k);
}

static void
without_a_view_there_is_the_text_of_the_trial(void **state)
{
	struct kernel *k = mounted();
	struct err e;
	struct mount *m = data_fs_add(
	    &k->server, &mount_erofs, AGENT_TRIAL_ID, NULL, false, &e);
	uint64_t node = nid_of(k, AGENT_TRIAL_ID);

	(void)state;
	assert_int_equal(ask_read(k, node, 0, 4096), 0);
	assert_int_equal(k->body_len, 4096);
	assert_string_equal((char *)k->body, AGENT_TRIAL_TEXT);
	data_fs_remove(m);
	kernel_free(k);
}

/* ---- the session ends ---- */

static struct data_fs *ending;
static bool may_mount;

static void
look_at_ending(void)
{
	LOCK_SCOPE(&ending->lock);
	may_mount = ending->state == DATA_FS_BEGUN;
}

static void
no_other_is_mounted_while_one_that_ended_is_unmounted(void **state)
{
	struct kernel *k = mounted();
	struct held h = { .fd = session_pair(k) };
	struct data_fs *f = &k->server.data;
	struct session *x;
	struct err e;

	(void)state;
	k->server.epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(data_fs_begin(&k->server, &h, &e), 0);
	x = f->session;
	ending = f;
	supervisor.on_unmount = look_at_ending;
	assert_true(server_take_out(&k->server, session_ref(x)));
	x->mount.on_gone(x->mount.ctx, &x->mount);
	assert_int_equal(supervisor.n_unmounts, 1);
	assert_false(may_mount);
	assert_null(f->session);
	assert_int_equal(f->state, DATA_FS_BEGUN);
	session_unref(x);
	close(k->server.epoll);
	hmap_release(&k->server.sessions);
	kernel_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_file_is_found_by_its_mount_and_opened_without_pages),
		cmocka_unit_test(two_ids_are_not_one_node),
		cmocka_unit_test(
		    a_file_that_is_still_open_is_served_and_its_mount_comes_back),
		cmocka_unit_test(what_an_earlier_worker_mounted_counts_as_open),
		cmocka_unit_test(a_read_past_every_place_is_empty),
		cmocka_unit_test(what_lies_in_no_file_is_eio),
		cmocka_unit_test(
		    a_missing_read_waits_for_each_file_that_it_covers),
		cmocka_unit_test(reads_of_a_mount_that_nobody_has_end),
		cmocka_unit_test(without_a_view_there_is_the_text_of_the_trial),
		cmocka_unit_test(
		    no_other_is_mounted_while_one_that_ended_is_unmounted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
