/* How a session begins, and goes on in a later life (fake_kernel.h). */
#include <errno.h>
#include <limits.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mount/fake_kernel.h"
#include "mount/session.h"
#include "base/test.h"

/* Of flags2: linux/fuse.h has it since 6.12. */
enum { ALLOW_IDMAP_2 = 1 << 8 };

static void
init_asks_for_what_makes_it_fast(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	const struct fuse_init_out *o = (const void *)k->body;
	const uint32_t wanted =
	    FUSE_DO_READDIRPLUS | FUSE_CACHE_SYMLINKS | FUSE_ASYNC_READ;

	(void)state;
	assert_int_equal(o->flags & wanted, wanted);
	assert_int_equal(
	    o->flags &
		(FUSE_READDIRPLUS_AUTO | FUSE_AUTO_INVAL_DATA |
		    FUSE_SPLICE_READ | FUSE_WRITEBACK_CACHE | FUSE_POSIX_ACL),
	    0);
	assert_int_equal(o->max_pages, 256);
	assert_int_equal(o->max_background, 4096);
	assert_true(o->max_readahead >= 8 << 20);
	kernel_free(k);
}

static void
init_allows_other_owners_where_the_kernel_offers_it(void **state)
{
	static const struct {
		uint32_t flags, flags2, answer;
	} cases[] = {
		{ FUSE_INIT_EXT | FUSE_ASYNC_READ, ALLOW_IDMAP_2,
		    ALLOW_IDMAP_2 },
		{ FUSE_INIT_EXT | FUSE_ASYNC_READ, ~0u, ALLOW_IDMAP_2 },
		{ FUSE_INIT_EXT | FUSE_ASYNC_READ, ~ALLOW_IDMAP_2, 0 },
		{ FUSE_ASYNC_READ, ALLOW_IDMAP_2, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kernel *k = kernel_new(false, NULL);
		const struct fuse_init_out *o = (const void *)k->body;

		start_with(k, cases[i].flags, cases[i].flags2);
		assert_int_equal(k->body_len, sizeof *o);
		assert_int_equal(o->flags2, cases[i].answer);
		if (cases[i].answer != 0)
			assert_true(o->flags & FUSE_INIT_EXT);
		assert_true(o->flags & FUSE_ASYNC_READ);
		kernel_free(k);
	}
}

static bool
may_open(rlim_t files)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_max < files)
		return false;
	if (l.rlim_cur < files)
		l.rlim_cur = files;
	return setrlimit(RLIMIT_NOFILE, &l) == 0;
}

/* libfuse takes a thread key for each session of its own. */
static void
there_may_be_more_sessions_than_thread_keys(void **state)
{
	enum { MANY = PTHREAD_KEYS_MAX + 50 };
	struct kernel *k = kernel_new_mounted(false);
	struct {
		struct session *session;
		int sock;
	} all[MANY];
	struct fuse_entry_out out;
	struct err e = ERR_INIT;

	(void)state;
	if (!may_open(2 * MANY + 100)) {
		kernel_free(k);
		skip();
	}
	for (size_t i = 0; i < MANY; i++) {
		all[i].session = k->session;
		all[i].sock = k->sock;
		k->session = session_new(
		    &k->server, "ab13", &k->face, session_pair(k), &e);
		assert_string_equal(e.msg, "");
		start(k);
		assert_int_equal(lookup(k, FUSE_ROOT_ID, "hello", &out), 0);
	}
	/* Each answers its own kernel. */
	for (size_t i = 0; i < MANY; i++) {
		session_unref(k->session);
		close(k->sock);
		k->session = all[i].session;
		k->sock = all[i].sock;
		assert_int_equal(lookup(k, FUSE_ROOT_ID, "none", &out), 0);
		assert_int_equal(out.nodeid, 0);
		assert_false(next_reply(k));
	}
	kernel_free(k);
}

static void
without_descriptors_init_is_refused_and_may_come_again(void **state)
{
	const struct fuse_init_in in = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION };
	struct kernel *k = kernel_new(false, NULL);
	struct rlimit all, none;
	struct fuse_entry_out out;
	int code;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = all.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	code = ask(k, FUSE_INIT, 0, &in, sizeof in);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_int_equal(code, ENOMEM);
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "hello", &out), EIO);
	start(k);
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "hello", &out), 0);
	kernel_free(k);
}

static void
nothing_is_answered_before_init(void **state)
{
	struct kernel *k = kernel_new(false, NULL);
	struct fuse_entry_out out;

	(void)state;
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "hello", &out), EIO);
	start(k);
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "hello", &out), 0);
	kernel_free(k);
}

static void
init_is_saved_before_it_is_answered(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	struct fuse_in_header h;

	(void)state;
	assert_int_equal(supervisor.n_holds, 1);
	assert_string_equal(supervisor.held.name, "fuse:ab12");
	memcpy(&h, supervisor.held.payload, sizeof h);
	assert_int_equal(h.opcode, FUSE_INIT);
	assert_int_equal(h.len, supervisor.held.payload_len);
	kernel_free(k);
}

static void
a_later_life_replays_init_and_asks_for_what_was_lost(void **state)
{
	struct kernel *k = kernel_new(false, NULL);
	const struct fuse_init_out *o = (const void *)k->body;
	struct fuse_entry_out out;
	uint64_t init_unique;
	struct err e;

	(void)state;
	start_with(k, FUSE_INIT_EXT, ALLOW_IDMAP_2);
	init_unique = k->unique;
	session_unref(k->session);
	close(k->sock);
	k->session =
	    session_new(&k->server, "ab12", &k->face, session_pair(k), &e);
	assert_non_null(k->session);
	init_replay(
	    k->session, supervisor.held.payload, supervisor.held.payload_len);
	assert_true(init_resend(k->session));

	assert_true(next_reply(k));
	assert_int_equal(k->out.unique, init_unique);
	assert_int_equal(o->flags2, ALLOW_IDMAP_2);
	assert_true(next_reply(k));
	assert_int_equal(k->out.unique, 0);
	assert_int_equal(k->out.error, 7); /* FUSE_NOTIFY_RESEND */
	assert_int_equal(k->body_len, 0);
	assert_false(next_reply(k));
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "hello", &out), 0);
	kernel_free(k);
}

static void
a_request_that_is_sent_again_is_answered_by_its_new_number(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
	struct fuse_entry_out out;

	(void)state;
	k->unique |= 1ull << 63;
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "hello", &out), 0);
	kernel_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_asks_for_what_makes_it_fast),
		cmocka_unit_test(
		    init_allows_other_owners_where_the_kernel_offers_it),
		cmocka_unit_test(there_may_be_more_sessions_than_thread_keys),
		cmocka_unit_test(
		    without_descriptors_init_is_refused_and_may_come_again),
		cmocka_unit_test(nothing_is_answered_before_init),
		cmocka_unit_test(init_is_saved_before_it_is_answered),
		cmocka_unit_test(
		    a_later_life_replays_init_and_asks_for_what_was_lost),
		cmocka_unit_test(
		    a_request_that_is_sent_again_is_answered_by_its_new_number),
	};

	signal(SIGPIPE, SIG_IGN); /* the real kernel sends none */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
