/* What a session answers of names, attributes and folders (fake_kernel.h). */
#include <dirent.h>
#include <errno.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount/fake_kernel.h"
#include "mount/session.h"
#include "base/test.h"

/* ---- names and attributes ---- */

static void
a_name_is_found_and_kept_for_ever(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
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
	struct kernel *k = kernel_new_mounted(false);
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
	struct kernel *k = kernel_new_mounted(false);
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
	struct kernel *k = kernel_new_mounted(true);
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
	struct kernel *k = kernel_new_mounted(false);

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
	struct kernel *k = kernel_new_mounted(false);
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
	struct kernel *k = kernel_new_mounted(false);
	uint8_t zeros[64] = { 0 };

	(void)state;
	assert_int_equal(ask(k, 999, FUSE_ROOT_ID, zeros, 64), ENOSYS);
	assert_int_equal(ask(k, FUSE_UNLINK, FUSE_ROOT_ID, "hello", 6), ENOSYS);
	kernel_free(k);
}

static void
the_file_system_shows_its_totals(void **state)
{
	struct kernel *k = kernel_new_mounted(false);
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
	struct kernel *k = kernel_new_mounted(false);
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
	struct kernel *k = kernel_new_mounted(false);
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
	struct kernel *k = kernel_new_mounted(false);
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
	struct kernel *k = kernel_new_mounted(false);

	(void)state;
	assert_int_equal(getxattr_of(k, FUSE_ROOT_ID, "user.a", 0), ENODATA);
	assert_int_equal(listxattr_of(k, FUSE_ROOT_ID, 0), 0);
	assert_int_equal(size_told(k), 0);
	kernel_free(k);
}

static void
an_attribute_has_size_value_or_a_reason(void **state)
{
	struct kernel *k = kernel_new_mounted(true);
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
	struct kernel *k = kernel_new_mounted(true);
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
	struct kernel *k = kernel_new_mounted(true);
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

/* ---- others ---- */

static unsigned
serve_once(struct kernel *k)
{
	unsigned n = 0;

	assert_true(session_serve(k->session, k->requests, SESSION_BUFFER));
	while (next_reply(k))
		n++;
	return n;
}

static bool
is_woken(struct kernel *k)
{
	struct epoll_event ev;

	return epoll_wait(k->server.epoll, &ev, 1, 0) == 1 &&
	       ev.data.u64 == k->session->serial;
}

static void
one_that_is_asked_without_end_lets_others_have_their_turn(void **state)
{
	enum { ASKED = 200 };
	struct kernel *k = kernel_new_mounted(false);
	const struct fuse_getattr_in in = { 0 };
	unsigned answered = 0, turns = 0;
	struct err e;

	(void)state;
	k->server.epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(server_add(&k->server, k->session, &e), 0);
	for (int i = 0; i < ASKED; i++)
		send_request(k, FUSE_GETATTR, FUSE_ROOT_ID, &in, sizeof in);
	for (; is_woken(k); turns++)
		answered += serve_once(k);
	assert_int_equal(answered, ASKED);
	assert_true(turns > 1);
	assert_true(server_take_out(&k->server, k->session));
	close(k->server.epoll);
	hmap_release(&k->server.sessions);
	kernel_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
		cmocka_unit_test(
		    without_any_attributes_there_is_none_of_any_name),
		cmocka_unit_test(an_attribute_has_size_value_or_a_reason),
		cmocka_unit_test(
		    an_opaque_folder_is_one_for_overlays_of_users_too),
		cmocka_unit_test(
		    trusted_attributes_are_not_listed_to_who_is_not_root),
		cmocka_unit_test(
		    one_that_is_asked_without_end_lets_others_have_their_turn),
	};

	signal(SIGPIPE, SIG_IGN); /* the real kernel sends none */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
