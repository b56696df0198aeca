/* Reads: of what is here, of what has to come, of what does not (fake_kernel.h). */
#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mount/fake_kernel.h"
#include "mount/fake_view.h"
#include "mount/session.h"
#include "fetch/fetch.h"
#include "base/lock.h"
#include "base/test.h"

static void
a_present_file_is_read_within_its_end(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	uint64_t nid = nid_of(k, "hello");

	(void)state;
	assert_int_equal(ask_read(k, nid, 0, 4096), 0);
	assert_bytes(k, 0, 4096);
	assert_int_equal(ask_read(k, nid, 4096, 4096), 0);
	assert_bytes(k, 4096, HELLO_SIZE - 4096);
	assert_int_equal(ask_read(k, nid, 0, UINT32_MAX), 0);
	assert_bytes(k, 0, HELLO_SIZE);
	assert_int_equal(ask_read(k, nid, HELLO_SIZE, 1), 0);
	assert_bytes(k, 0, 0);
	assert_int_equal(ask_read(k, nid, INT64_MAX, UINT32_MAX), 0);
	assert_bytes(k, 0, 0);
	assert_int_equal(ask_read(k, nid, UINT64_MAX, 1), 0);
	assert_bytes(k, 0, 0);
	assert_int_equal(ask_read(k, nid, 0, 0), 0);
	assert_bytes(k, 0, 0);
	assert_int_equal(ask_read(k, nid_of(k, "empty"), 0, 4096), 0);
	assert_bytes(k, 0, 0);
	kernel_free(k);
}

static void
a_missing_read_waits_and_holds_nobody_up(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	uint64_t cold = nid_of(k, "cold"), hello = nid_of(k, "hello");
	uint64_t parked;

	(void)state;
	send_read(k, cold, 4096, 8192);
	parked = k->unique;
	assert_false(next_reply(k));
	assert_int_equal(fake_view_waiting(k->view), 1);
	assert_int_equal(fake_view_patience_ms(k->view), 30000);
	assert_int_equal(ask_read(k, hello, 0, 100), 0);
	assert_bytes(k, 0, 100);

	fake_view_deliver(k->view);
	assert_true(next_reply(k));
	assert_int_equal(k->out.unique, parked);
	assert_bytes(k, 4096, COLD_SIZE - 4096);
	kernel_free(k);
}

static void
a_failed_read_is_eio_and_the_next_is_impatient(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	uint64_t cold = nid_of(k, "cold");
	struct err why;

	(void)state;
	err_set(&why, ETIMEDOUT, "layer sha256:12, chunk 3: nobody answers");
	send_read(k, cold, 0, 4096);
	fake_view_fail(k->view, &why);
	assert_true(next_reply(k));
	assert_int_equal(k->out.error, -EIO);

	send_read(k, cold, 0, 4096);
	assert_int_equal(fake_view_patience_ms(k->view), 0);
	fake_view_deliver(k->view);
	assert_true(next_reply(k));
	assert_bytes(k, 0, 4096);
	kernel_free(k);
}

static void
bytes_that_are_evicted_on_arrival_are_wanted_thrice(void **state)
{
	struct kernel *k = kernel_new_mounted(false);

	(void)state;
	send_read(k, nid_of(k, "cold"), 0, 4096);
	fake_view_evict(k->view);
	assert_int_equal(fake_view_waiting(k->view), 1);
	fake_view_evict(k->view);
	assert_int_equal(fake_view_waiting(k->view), 1);
	assert_false(next_reply(k));
	fake_view_evict(k->view);
	assert_int_equal(fake_view_waiting(k->view), 0);
	assert_true(next_reply(k));
	assert_int_equal(k->out.error, -EIO);
	kernel_free(k);
}

static void
a_read_that_fails_because_the_worker_ends_is_left_to_the_next(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	struct err why;

	(void)state;
	err_set(&why, ECANCELED, "ending");
	send_read(k, nid_of(k, "cold"), 0, 4096);
	atomic_store(&k->server.is_stopping, true);
	fake_view_fail(k->view, &why);
	assert_false(next_reply(k));
	kernel_free(k);
}

static void
a_parked_read_outlives_its_mount(void **state)
{
	struct kernel *k = kernel_new_mounted(false);

	(void)state;
	send_read(k, nid_of(k, "cold"), 0, 4096);
	session_ref(k->session);
	session_unref(k->session);
	/* the owner and the kernel are gone; the read has the last reference */
	close(k->sock);
	session_unref(k->session);
	fake_view_deliver(k->view);

	struct err e;
	k->session =
	    session_new(&k->server, "ab12", &k->face, session_pair(k), &e);
	kernel_free(k);
}

static void
an_interrupt_does_not_end_a_parked_read(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	struct fuse_interrupt_in in;

	(void)state;
	send_read(k, nid_of(k, "cold"), 0, 4096);
	in.unique = k->unique;
	send_request(k, FUSE_INTERRUPT, 0, &in, sizeof in);
	assert_true(session_serve(k->session, k->requests, SESSION_BUFFER));
	assert_false(next_reply(k));
	fake_view_deliver(k->view);
	assert_true(next_reply(k));
	assert_int_equal(k->out.unique, in.unique);
	assert_bytes(k, 0, 4096);
	kernel_free(k);
}

static void
reads_that_nobody_waits_for_keep_nothing(void **state)
{
	struct kernel *k = kernel_new_mounted(false);

	(void)state;
	mount_set_patience(&k->session->mount, WANT_FOREVER);
	send_read(k, nid_of(k, "cold"), 0, 4096);
	assert_int_equal(fake_view_waiting(k->view), 1);
	read_end(&k->session->mount);
	assert_true(next_reply(k));
	assert_int_equal(k->out.error, -EIO);
	assert_int_equal(fake_view_waiting(k->view), 0);
	kernel_free(k);
}

static void
who_waits_for_ever_can_be_given_a_limit(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	struct mount *m = &k->session->mount;

	(void)state;
	mount_set_patience(m, WANT_FOREVER);
	send_read(k, nid_of(k, "cold"), 0, 4096);
	read_limit(m, 60000);
	assert_int_equal(mount_patience(m), 60000);
	assert_int_equal(fake_view_waiting(k->view), 1);
	assert_false(next_reply(k));
	read_limit(m, 0);
	assert_true(next_reply(k));
	assert_int_equal(k->out.error, -EIO);
	assert_int_equal(fake_view_waiting(k->view), 0);
	kernel_free(k);
}

static void
what_is_wrong_is_read_anew(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	const struct fuse_notify_inval_inode_out *what = (const void *)k->body;
	uint64_t nid = nid_of(k, "hello");
	struct err e = ERR_INIT;
	unsigned n_kept = 1;

	(void)state;
	assert_int_equal(
	    mount_drop_pages(&k->session->mount, &nid, 1, &n_kept, &e), 0);
	assert_int_equal(n_kept, 0);
	assert_true(next_reply(k));
	assert_int_equal(k->out.unique, 0);
	assert_int_equal(k->out.error, FUSE_NOTIFY_INVAL_INODE);
	assert_int_equal(k->body_len, sizeof *what);
	assert_int_equal(what->ino, nid);
	assert_int_equal(what->off, 0);
	assert_int_equal(what->len, 0);
	kernel_free(k);
}

/* ---- with threads ---- */

struct gone {
	struct lock lock;
	struct cond changed;
	int n;
};

static void
on_gone(void *ctx, struct mount *m)
{
	struct gone *g = ctx;
	LOCK_SCOPE(&g->lock);

	assert_string_equal(mount_id(m), "cd34");
	g->n++;
	cond_signal(&g->changed);
}

static void
wait_reply(struct kernel *k)
{
	struct pollfd p = { .fd = k->sock, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 60000), 1);
	assert_true(next_reply(k));
}

static void
wait_gone(struct gone *g)
{
	LOCK_SCOPE(&g->lock);
	while (g->n == 0)
		cond_wait(&g->changed, &g->lock);
}

/* A server of two threads, and its mount, whose kernel is k. */
struct served {
	struct kernel *k;
	struct gone gone;
	struct mount_server *server;
	struct mount *mount;
};

static void
serve(struct served *x)
{
	const struct mount_server_options o = { .requests = MOUNT_NO_REQUESTS,
		.threads = 2,
		.patience_ms = 30000 };
	const struct fuse_init_in in = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION };
	struct kernel *k = x->k = kernel_new(false, NULL);
	struct err e = ERR_INIT;

	session_unref(k->session);
	close(k->sock);
	k->session = NULL;
	lock_init(&x->gone.lock, RANK_DAEMON);
	cond_init(&x->gone.changed);
	x->server = mount_server_new(NULL, &o, &e);
	assert_string_equal(e.msg, "");
	supervisor.give = session_pair(k);
	send_request(k, FUSE_INIT, 0, &in, sizeof in); /* mount_new() waits */
	x->mount =
	    mount_new(x->server, "cd34", k->view, "layerfs:test", NULL, &e);
	assert_non_null(x->mount);
	assert_string_equal(mount_kind_name(x->mount), "fuse");
	mount_on_gone(x->mount, on_gone, &x->gone);
	wait_reply(k);
}

static void
end_serving(struct served *x)
{
	struct kernel *k = x->k;
	struct err e = ERR_INIT;

	shutdown(k->sock, SHUT_RDWR);
	wait_gone(&x->gone);
	mount_on_gone(x->mount, on_gone, &x->gone);
	assert_int_equal(x->gone.n, 2); /* told at once: it has happened */
	mount_remove(x->mount);
	assert_int_equal(supervisor.n_unmounts, 1);
	mount_server_free(x->server);
	k->session =
	    session_new(&k->server, "ab12", &k->face, session_pair(k), &e);
	kernel_free(k);
}

static uint64_t
look_up(struct kernel *k, const char *name)
{
	send_request(k, FUSE_LOOKUP, FUSE_ROOT_ID, name, strlen(name) + 1);
	wait_reply(k);
	return ((struct fuse_entry_out *)(void *)k->body)->nodeid;
}

static void
fifty_missing_reads_leave_two_threads_free(void **state)
{
	struct served x = { 0 };
	uint64_t cold, hello;

	(void)state;
	if (access("/dev/fuse", F_OK) != 0)
		skip(); /* mount_server_new() finds no way to mount */
	serve(&x);
	cold = look_up(x.k, "cold");
	hello = look_up(x.k, "hello");
	for (int i = 0; i < 50; i++)
		send_read(x.k, cold, i, 100);
	send_read(x.k, hello, 0, 100);
	wait_reply(x.k);
	assert_int_equal(x.k->out.unique, x.k->unique);
	assert_bytes(x.k, 0, 100);

	while (fake_view_waiting(x.k->view) < 50)
		usleep(1000);
	fake_view_deliver(x.k->view);
	for (int i = 0; i < 50; i++) {
		wait_reply(x.k);
		assert_int_equal(x.k->out.error, 0);
		assert_int_equal(x.k->body_len, 100);
	}
	end_serving(&x);
}

static void
what_waits_ends_with_its_session(void **state)
{
	struct served x = { 0 };

	(void)state;
	if (access("/dev/fuse", F_OK) != 0)
		skip();
	serve(&x);
	send_read(x.k, look_up(x.k, "cold"), 0, 100);
	while (fake_view_waiting(x.k->view) < 1)
		usleep(1000);
	shutdown(x.k->sock, SHUT_RDWR);
	wait_gone(&x.gone);
	assert_int_equal(fake_view_waiting(x.k->view), 0);
	end_serving(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_present_file_is_read_within_its_end),
		cmocka_unit_test(a_missing_read_waits_and_holds_nobody_up),
		cmocka_unit_test(
		    a_failed_read_is_eio_and_the_next_is_impatient),
		cmocka_unit_test(
		    bytes_that_are_evicted_on_arrival_are_wanted_thrice),
		cmocka_unit_test(
		    a_read_that_fails_because_the_worker_ends_is_left_to_the_next),
		cmocka_unit_test(a_parked_read_outlives_its_mount),
		cmocka_unit_test(an_interrupt_does_not_end_a_parked_read),
		cmocka_unit_test(reads_that_nobody_waits_for_keep_nothing),
		cmocka_unit_test(who_waits_for_ever_can_be_given_a_limit),
		cmocka_unit_test(what_is_wrong_is_read_anew),
		cmocka_unit_test(fifty_missing_reads_leave_two_threads_free),
		cmocka_unit_test(what_waits_ends_with_its_session),
	};

	signal(SIGPIPE, SIG_IGN); /* the real kernel sends none */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
