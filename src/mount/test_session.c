/* A FUSE session driven by a kernel that this test plays (fake_kernel.h). */
#include <dirent.h>
#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mount/fake_kernel.h"
#include "mount/fake_view.h"
#include "mount/session.h"
#include "layer/view.h"
#include "index/index.h"
#include "index/tree.h"
#include "index/writer.h"
#include "base/bytes.h"
#include "base/test.h"

/* Of flags2: linux/fuse.h has it since 6.12. */
enum { ALLOW_IDMAP_2 = 1 << 8 };

static struct kernel *
mounted(bool with_xattrs)
{
	struct kernel *k = kernel_new(with_xattrs, NULL);

	start(k);
	return k;
}

/* ---- INIT ---- */

static void
init_asks_for_what_makes_it_fast(void **state)
{
	struct kernel *k = mounted(false);
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

static void
init_is_saved_before_it_is_answered(void **state)
{
	struct kernel *k = mounted(false);
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
	struct kernel *k = mounted(false);
	struct fuse_entry_out out;

	(void)state;
	k->unique |= 1ull << 63;
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "hello", &out), 0);
	kernel_free(k);
}

/* ---- names and attributes ---- */

static void
a_name_is_found_and_kept_for_ever(void **state)
{
	struct kernel *k = mounted(false);
	struct fuse_entry_out o;

	(void)state;
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "hello", &o), 0);
	assert_int_equal(o.nodeid, o.attr.ino);
	assert_int_equal(o.attr.mode, S_IFREG | 0644);
	assert_int_equal(o.attr.size, HELLO_SIZE);
	assert_int_equal(o.attr.uid, 1000);
	assert_int_equal(o.attr.gid, 100);
	assert_int_equal(o.attr.mtime, 1700000000);
	assert_int_equal(o.attr.mtimensec, 5);
	assert_int_equal(o.entry_valid, 365 * 86400);
	assert_int_equal(o.attr_valid, 365 * 86400);
	kernel_free(k);
}

static void
that_a_name_is_absent_is_kept_for_ever(void **state)
{
	struct kernel *k = mounted(false);
	struct fuse_entry_out o;

	(void)state;
	assert_int_equal(lookup(k, FUSE_ROOT_ID, "absent", &o), 0);
	assert_int_equal(o.nodeid, 0);
	assert_int_equal(o.entry_valid, 365 * 86400);
	kernel_free(k);
}

static void
a_lookup_that_cannot_be_says_why(void **state)
{
	struct kernel *k = mounted(false);
	struct fuse_entry_out o;
	char name[400];

	(void)state;
	memset(name, 'a', sizeof name);
	name[256] = '\0';
	assert_int_equal(lookup(k, FUSE_ROOT_ID, name, &o), ENAMETOOLONG);
	assert_int_equal(lookup(k, nid_of(k, "hello"), "x", &o), ENOTDIR);
	assert_int_equal(lookup(k, 1 << 20, "x", &o), ESTALE);
	kernel_free(k);
}

static void
a_node_id_that_is_none_is_stale(void **state)
{
	struct kernel *k = mounted(true);
	const uint64_t bad[] = { 0, 2, nid_of(k, "hello") + 1, 1ull << 40,
		UINT64_MAX };
	const struct fuse_getattr_in getattr = { 0 };
	const struct fuse_read_in read = { .size = 4096 };
	struct {
		struct fuse_getxattr_in in;
		char name[8];
	} xattr = { { .size = 10 }, "user.a" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const uint64_t n = bad[i];
		assert_int_equal(
		    ask(k, FUSE_GETATTR, n, &getattr, sizeof getattr), ESTALE);
		assert_int_equal(ask(k, FUSE_READLINK, n, NULL, 0), ESTALE);
		assert_int_equal(
		    ask(k, FUSE_READ, n, &read, sizeof read), ESTALE);
		assert_int_equal(
		    ask(k, FUSE_READDIRPLUS, n, &read, sizeof read), ESTALE);
		assert_int_equal(
		    ask(k, FUSE_GETXATTR, n, &xattr, sizeof xattr), ESTALE);
		assert_int_equal(
		    ask(k, FUSE_LISTXATTR, n, &xattr.in, sizeof xattr.in),
		    ESTALE);
	}
	kernel_free(k);
}

static void
a_link_is_read_and_nothing_else_is_a_link(void **state)
{
	struct kernel *k = mounted(false);

	(void)state;
	assert_int_equal(ask(k, FUSE_READLINK, nid_of(k, "link"), NULL, 0), 0);
	assert_int_equal(k->body_len, 9);
	assert_memory_equal(k->body, "dir/f0007", 9);
	assert_int_equal(
	    ask(k, FUSE_READLINK, nid_of(k, "dir"), NULL, 0), EINVAL);
	kernel_free(k);
}

static void
opening_is_never_asked_again(void **state)
{
	struct kernel *k = mounted(false);
	const struct fuse_open_in in = { 0 };

	(void)state;
	assert_int_equal(
	    ask(k, FUSE_OPEN, nid_of(k, "hello"), &in, sizeof in), ENOSYS);
	assert_int_equal(
	    ask(k, FUSE_OPENDIR, FUSE_ROOT_ID, &in, sizeof in), ENOSYS);
	kernel_free(k);
}

static void
an_unknown_request_is_refused(void **state)
{
	struct kernel *k = mounted(false);
	uint8_t zeros[64] = { 0 };

	(void)state;
	assert_int_equal(ask(k, 999, FUSE_ROOT_ID, zeros, 64), ENOSYS);
	assert_int_equal(ask(k, FUSE_UNLINK, FUSE_ROOT_ID, "hello", 6), ENOSYS);
	kernel_free(k);
}

static void
the_file_system_shows_its_totals(void **state)
{
	struct kernel *k = mounted(false);
	const struct fuse_statfs_out *o = (const void *)k->body;

	(void)state;
	assert_int_equal(ask(k, FUSE_STATFS, FUSE_ROOT_ID, NULL, 0), 0);
	assert_int_equal(o->st.files, 6 + N_CHILDREN);
	assert_true(o->st.blocks * o->st.bsize >= HELLO_SIZE + COLD_SIZE);
	assert_int_equal(o->st.bfree, 0);
	assert_int_equal(o->st.namelen, 255);
	kernel_free(k);
}

/* ---- folders ---- */

struct seen {
	unsigned n;
	unsigned n_replies;
	uint64_t next;
};

static void
see_entry(const struct fuse_direntplus *d, struct seen *s)
{
	char want[8];

	s->next = d->dirent.off;
	if (s->n < 2) {
		/* no lookup is counted for "." and ".." */
		assert_int_equal(d->entry_out.nodeid, 0);
		assert_int_equal(d->dirent.type, DT_DIR);
		assert_int_equal(d->dirent.namelen, s->n + 1);
	} else {
		snprintf(want, sizeof want, "f%04u", (s->n - 2) % 10000);
		assert_memory_equal(d->dirent.name, want, 5);
		assert_int_equal(d->entry_out.nodeid, d->dirent.ino);
		assert_int_equal(d->entry_out.attr.mode, S_IFREG | 0644);
		assert_int_equal(d->dirent.type, DT_REG);
	}
	s->n++;
}

static void
a_folder_is_listed_once_with_attributes_across_replies(void **state)
{
	struct kernel *k = mounted(false);
	uint64_t dir = nid_of(k, "dir");
	struct seen s = { 0 };

	(void)state;
	for (;;) {
		const struct fuse_read_in in = { .offset = s.next,
			.size = 4096 };
		assert_int_equal(
		    ask(k, FUSE_READDIRPLUS, dir, &in, sizeof in), 0);
		if (k->body_len == 0)
			break;
		assert_true(k->body_len <= 4096);
		s.n_replies++;
		for (size_t at = 0; at < k->body_len;) {
			const struct fuse_direntplus *d =
			    (const void *)(k->body + at);
			see_entry(d, &s);
			at += FUSE_DIRENTPLUS_SIZE(d);
		}
	}
	assert_int_equal(s.n, N_CHILDREN + 2);
	assert_true(s.n_replies > 10);
	kernel_free(k);
}

static void
a_folder_is_listed_without_attributes(void **state)
{
	struct kernel *k = mounted(false);
	const struct fuse_read_in in = { .size = 64 << 10 };
	unsigned n = 0;

	(void)state;
	assert_int_equal(ask(k, FUSE_READDIR, FUSE_ROOT_ID, &in, sizeof in), 0);
	for (size_t at = 0; at < k->body_len; n++) {
		const struct fuse_dirent *d = (const void *)(k->body + at);
		if (d->namelen == 4 && memcmp(d->name, "link", 4) == 0)
			assert_int_equal(d->type, DT_LNK);
		at += FUSE_DIRENT_SIZE(d);
	}
	assert_int_equal(n, 2 + 5);
	kernel_free(k);
}

static void
a_listing_with_odd_size_or_position_ends(void **state)
{
	struct kernel *k = mounted(false);
	const struct fuse_read_in odd[] = { { .size = 0 }, { .size = 10 },
		{ .offset = UINT64_MAX, .size = 4096 },
		{ .offset = 1ull << 62, .size = UINT32_MAX } };

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		assert_int_equal(ask(k, FUSE_READDIRPLUS, FUSE_ROOT_ID, &odd[i],
				     sizeof odd[i]),
		    0);
		assert_int_equal(k->body_len, 0);
	}
	assert_int_equal(ask(k, FUSE_READDIRPLUS, nid_of(k, "hello"), &odd[1],
			     sizeof odd[1]),
	    ENOTDIR);
	kernel_free(k);
}

/* ---- reads ---- */

static void
a_present_file_is_read_within_its_end(void **state)
{
	struct kernel *k = mounted(false);
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
	struct kernel *k = mounted(false);
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
	struct kernel *k = mounted(false);
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
	struct kernel *k = mounted(false);

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
	struct kernel *k = mounted(false);
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
	struct kernel *k = mounted(false);

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
	struct kernel *k = mounted(false);
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

/* ---- extended attributes ---- */

static int
getxattr_of(struct kernel *k, uint64_t nid, const char *name, uint32_t size)
{
	struct {
		struct fuse_getxattr_in in;
		char name[64];
	} q = { .in.size = size };

	strcpy(q.name, name);
	return ask(k, FUSE_GETXATTR, nid, &q, sizeof q.in + strlen(name) + 1);
}

static int
listxattr_of(struct kernel *k, uint64_t nid, uint32_t size)
{
	const struct fuse_getxattr_in in = { .size = size };

	return ask(k, FUSE_LISTXATTR, nid, &in, sizeof in);
}

static uint32_t
size_told(struct kernel *k)
{
	assert_int_equal(k->body_len, sizeof(struct fuse_getxattr_out));
	return ((const struct fuse_getxattr_out *)(const void *)k->body)->size;
}

static void
without_any_attributes_there_is_none_of_any_name(void **state)
{
	struct kernel *k = mounted(false);

	(void)state;
	assert_int_equal(getxattr_of(k, FUSE_ROOT_ID, "user.a", 0), ENODATA);
	assert_int_equal(listxattr_of(k, FUSE_ROOT_ID, 0), 0);
	assert_int_equal(size_told(k), 0);
	kernel_free(k);
}

static void
an_attribute_has_size_value_or_a_reason(void **state)
{
	struct kernel *k = mounted(true);
	uint64_t hello = nid_of(k, "hello");

	(void)state;
	assert_int_equal(getxattr_of(k, hello, "user.colour", 0), 0);
	assert_int_equal(size_told(k), 4);
	assert_int_equal(getxattr_of(k, hello, "user.colour", 3), ERANGE);
	assert_int_equal(getxattr_of(k, hello, "user.colour", 4), 0);
	assert_memory_equal(k->body, "blue", 4);
	assert_int_equal(getxattr_of(k, hello, "user.colou", 9), ENODATA);
	assert_int_equal(getxattr_of(k, FUSE_ROOT_ID, "user.a", 9), ENODATA);
	assert_int_equal(getxattr_of(k, nid_of(k, "dir"), "user.a", 9), 0);
	assert_int_equal(k->body_len, 0);
	kernel_free(k);
}

static void
trusted_attributes_are_not_listed_to_who_is_not_root(void **state)
{
	struct kernel *k = mounted(true);
	uint64_t dir = nid_of(k, "dir");
	const size_t both = sizeof "trusted.overlay.opaque" + sizeof "user.a";

	(void)state;
	assert_int_equal(listxattr_of(k, dir, 0), 0);
	assert_int_equal(size_told(k), both);
	assert_int_equal(listxattr_of(k, dir, both - 1), ERANGE);
	assert_int_equal(listxattr_of(k, dir, both), 0);
	assert_int_equal(k->body_len, both);
	k->uid = 1000;
	assert_int_equal(listxattr_of(k, dir, 100), 0);
	assert_int_equal(k->body_len, sizeof "user.a");
	assert_memory_equal(k->body, "user.a", sizeof "user.a");
	k->uid = UINT32_MAX; /* the kernel does not say */
	assert_int_equal(listxattr_of(k, dir, 100), 0);
	assert_int_equal(k->body_len, both);
	kernel_free(k);
}

static void
an_opaque_folder_is_one_for_overlays_of_users_too(void **state)
{
	struct kernel *k = mounted(true);
	uint64_t dir = nid_of(k, "dir"), hello = nid_of(k, "hello");

	(void)state;
	assert_int_equal(getxattr_of(k, dir, "trusted.overlay.opaque", 9), 0);
	assert_memory_equal(k->body, "y", 1);
	assert_int_equal(getxattr_of(k, dir, "user.overlay.opaque", 9), 0);
	assert_memory_equal(k->body, "y", 1);
	assert_int_equal(
	    getxattr_of(k, hello, "user.overlay.opaque", 9), ENODATA);
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

static void
fifty_missing_reads_leave_two_threads_free(void **state)
{
	const struct mount_server_options o = { .threads = 2,
		.patience_ms = 30000 };
	const struct fuse_init_in in = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION };
	struct kernel *k = kernel_new(false, NULL);
	struct gone gone = { .n = 0 };
	struct err e = ERR_INIT;
	struct mount_server *s;
	struct mount *m;

	(void)state;
	if (access("/dev/fuse", F_OK) != 0)
		skip(); /* mount_server_new() finds no way to mount */
	session_unref(k->session);
	close(k->sock);
	k->session = NULL;
	lock_init(&gone.lock, RANK_DAEMON);
	cond_init(&gone.changed);
	s = mount_server_new(NULL, &o, &e);
	assert_string_equal(e.msg, "");
	supervisor.give = session_pair(k);
	send_request(k, FUSE_INIT, 0, &in, sizeof in); /* mount_new() waits */
	m = mount_new(s, "cd34", k->view, "layerfs:test", NULL, &e);
	assert_non_null(m);
	assert_string_equal(mount_kind_name(m), "fuse");
	mount_on_gone(m, on_gone, &gone);
	wait_reply(k);
	send_request(k, FUSE_LOOKUP, FUSE_ROOT_ID, "cold", 5);
	wait_reply(k);
	uint64_t cold = ((struct fuse_entry_out *)(void *)k->body)->nodeid;
	send_request(k, FUSE_LOOKUP, FUSE_ROOT_ID, "hello", 6);
	wait_reply(k);
	uint64_t hello = ((struct fuse_entry_out *)(void *)k->body)->nodeid;

	for (int i = 0; i < 50; i++)
		send_read(k, cold, i, 100);
	send_read(k, hello, 0, 100);
	wait_reply(k);
	assert_int_equal(k->out.unique, k->unique);
	assert_bytes(k, 0, 100);

	while (fake_view_waiting(k->view) < 50)
		usleep(1000);
	fake_view_deliver(k->view);
	for (int i = 0; i < 50; i++) {
		wait_reply(k);
		assert_int_equal(k->out.error, 0);
		assert_int_equal(k->body_len, 100);
	}

	shutdown(k->sock, SHUT_RDWR);
	wait_gone(&gone);
	mount_on_gone(m, on_gone, &gone);
	assert_int_equal(gone.n, 2); /* told at once: it has happened */
	mount_remove(m);
	assert_int_equal(supervisor.n_unmounts, 1);
	mount_server_free(s);

	k->session =
	    session_new(&k->server, "ab12", &k->face, session_pair(k), &e);
	kernel_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_asks_for_what_makes_it_fast),
		cmocka_unit_test(
		    init_allows_other_owners_where_the_kernel_offers_it),
		cmocka_unit_test(init_is_saved_before_it_is_answered),
		cmocka_unit_test(
		    a_later_life_replays_init_and_asks_for_what_was_lost),
		cmocka_unit_test(
		    a_request_that_is_sent_again_is_answered_by_its_new_number),
		cmocka_unit_test(a_name_is_found_and_kept_for_ever),
		cmocka_unit_test(that_a_name_is_absent_is_kept_for_ever),
		cmocka_unit_test(a_lookup_that_cannot_be_says_why),
		cmocka_unit_test(a_node_id_that_is_none_is_stale),
		cmocka_unit_test(a_link_is_read_and_nothing_else_is_a_link),
		cmocka_unit_test(opening_is_never_asked_again),
		cmocka_unit_test(an_unknown_request_is_refused),
		cmocka_unit_test(the_file_system_shows_its_totals),
		cmocka_unit_test(
		    a_folder_is_listed_once_with_attributes_across_replies),
		cmocka_unit_test(a_folder_is_listed_without_attributes),
		cmocka_unit_test(a_listing_with_odd_size_or_position_ends),
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
		cmocka_unit_test(
		    without_any_attributes_there_is_none_of_any_name),
		cmocka_unit_test(an_attribute_has_size_value_or_a_reason),
		cmocka_unit_test(
		    an_opaque_folder_is_one_for_overlays_of_users_too),
		cmocka_unit_test(
		    trusted_attributes_are_not_listed_to_who_is_not_root),
		cmocka_unit_test(fifty_missing_reads_leave_two_threads_free),
	};

	signal(SIGPIPE, SIG_IGN); /* the real kernel sends none */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
