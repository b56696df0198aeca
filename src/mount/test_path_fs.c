/* A path_fs served by the server's own threads, driven by a kernel that this
 * test plays over a socketpair. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mount/mount.h"
#include "mount/path_fs.h"
#include "supervisor/agent.h"
#include "base/lock.h"
#include "base/test.h"

/* ---- the supervisor's part ---- */

int
agent_hold(struct agent *a, const char *name, int fd, const void *payload,
    size_t n, struct err *e)
{
	(void)a, (void)name, (void)fd, (void)payload, (void)n, (void)e;
	return 0;
}

int
agent_mount_fuse(struct agent *a, const char *id,
    const struct agent_fuse_options *o, int *fuse_fd, struct err *e)
{
	(void)a, (void)id, (void)o, (void)fuse_fd;
	return err_set(e, ENOTSUP, "not here");
}

int
agent_unmount(struct agent *a, const char *id, struct err *e)
{
	(void)a, (void)id, (void)e;
	return 0;
}

/* ---- the kernel's and the owner's part ---- */

struct world {
	int sock;
	uint64_t unique;
	struct mount_server *server;
	struct path_fs *fs;

	struct fuse_out_header out; /* the last reply */
	uint8_t body[4096];

	struct lock lock; /* guards what follows */
	struct cond asked;
	struct path_ask *parked; /* of "wait" */
};

static void
answer(struct world *w, struct path_ask *a)
{
	const char *path = path_ask_path(a);

	if (path_ask_question(a) == PATH_CREATE)
		path_answer_error(a, EBUSY);
	else if (path_ask_question(a) == PATH_REMOVE_FOLDER)
		path_answer_error(a, ENOTEMPTY);
	else if (strcmp(path, "folder") == 0)
		path_answer_folder(a);
	else if (strcmp(path, "folder/link") == 0)
		path_answer_link(a, "../elsewhere");
	else if (strcmp(path, "folder/text") == 0)
		path_answer_text(a, "hello");
	else if (strcmp(path, "folder/file") == 0)
		path_answer_file(a, 1234567);
	else
		path_answer_error(a, ENOENT);
	(void)w;
}

static void
on_ask(void *ctx, struct path_ask *a)
{
	struct world *w = ctx;

	if (strcmp(path_ask_path(a), "wait") != 0) {
		answer(w, a);
		return;
	}
	LOCK_SCOPE(&w->lock);
	w->parked = a;
	cond_broadcast(&w->asked);
}

/* Every byte is the last digit of where it is; there is no million. */
static void
on_read(void *ctx, struct path_read *r)
{
	uint64_t off = path_read_offset(r);
	char bytes[4096];

	(void)ctx;
	assert_string_equal(path_read_path(r), "folder/file");
	if (off >= 1000000) {
		path_read_fail(r, EIO);
		return;
	}
	for (size_t i = 0; i < path_read_length(r); i++)
		bytes[i] = '0' + (off + i) % 10;
	path_read_answer(r, bytes);
}

static struct path_ask *
take_parked(struct world *w)
{
	LOCK_SCOPE(&w->lock);
	while (w->parked == NULL)
		cond_wait(&w->asked, &w->lock);
	struct path_ask *a = w->parked;
	w->parked = NULL;
	return a;
}

static uint64_t
send_request(
    struct world *w, uint32_t opcode, uint64_t nid, const void *p, size_t n)
{
	struct fuse_in_header h = { .len = sizeof h + n,
		.opcode = opcode,
		.unique = w->unique += 2,
		.nodeid = nid };
	struct iovec iov[2] = { { &h, sizeof h }, { (void *)p, n } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	assert_int_equal(sendmsg(w->sock, &m, 0), h.len);
	return h.unique;
}

/* The error of the next reply, which is to this request. */
static int
reply_to(struct world *w, uint64_t unique)
{
	struct iovec iov[2] = { { &w->out, sizeof w->out },
		{ w->body, sizeof w->body } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	ssize_t n = recvmsg(w->sock, &m, 0);
	assert_int_equal(n, w->out.len);
	assert_int_equal(w->out.unique, unique);
	return -w->out.error;
}

static int
request(struct world *w, uint32_t opcode, uint64_t nid, const void *p, size_t n)
{
	return reply_to(w, send_request(w, opcode, nid, p, n));
}

static int
lookup(
    struct world *w, uint64_t dir, const char *name, struct fuse_entry_out *out)
{
	int rc = request(w, FUSE_LOOKUP, dir, name, strlen(name) + 1);

	if (rc == 0)
		memcpy(out, w->body, sizeof *out);
	return rc;
}

static uint64_t
node_of(struct world *w, uint64_t dir, const char *name)
{
	struct fuse_entry_out e;

	assert_int_equal(lookup(w, dir, name, &e), 0);
	return e.nodeid;
}

/* As the session of an earlier worker: INIT is what the supervisor kept. */
static struct world *
resume(void)
{
	struct {
		struct fuse_in_header h;
		struct fuse_init_in in;
	} init = {
		.h = { .len = sizeof init, .opcode = FUSE_INIT, .unique = 2 },
		.in = { .major = FUSE_KERNEL_VERSION,
		    .minor = FUSE_KERNEL_MINOR_VERSION,
		    .flags = ~0u & ~(1u << 30) }
	};
	const struct mount_server_options options = {
		.requests = MOUNT_NO_REQUESTS, .threads = 2
	};
	struct world *w = calloc(1, sizeof *w);
	const struct path_fs_options o = { .id = "0",
		.source = "test",
		.ask = on_ask,
		.read = on_read,
		.ctx = w };
	struct held h = { .payload_len = sizeof init };
	struct err e = ERR_INIT;
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	w->sock = pair[0];
	w->unique = 100;
	lock_init(&w->lock, RANK_LEAF);
	cond_init(&w->asked);
	h.fd = pair[1];
	memcpy(h.payload, &init, sizeof init);
	w->server = mount_server_new(NULL, &options, &e);
	assert_non_null(w->server);
	w->fs = path_fs_new(w->server, &o, &h, &e);
	assert_non_null(w->fs);
	assert_int_equal(reply_to(w, 2), 0);       /* INIT again */
	recv(w->sock, w->body, sizeof w->body, 0); /* FUSE_NOTIFY_RESEND */
	return w;
}

static void
end(struct world *w)
{
	mount_server_free(w->server);
	path_fs_free(w->fs);
	cond_destroy(&w->asked);
	lock_destroy(&w->lock);
	close(w->sock);
	free(w);
}

static bool
can_serve(void)
{
	return access("/dev/fuse", F_OK) == 0;
}

/* ---- the tests ---- */

static void
a_path_is_what_its_owner_says(void **state)
{
	struct world *w;
	struct fuse_entry_out e;

	(void)state;
	if (!can_serve())
		return;
	w = resume();
	assert_int_equal(lookup(w, FUSE_ROOT_ID, "absent", &e), ENOENT);
	assert_int_equal(lookup(w, FUSE_ROOT_ID, "folder", &e), 0);
	assert_int_equal(e.attr.mode, S_IFDIR | 0755);
	assert_int_equal(e.entry_valid, 0);
	assert_int_equal(e.attr_valid, 0);
	uint64_t folder = e.nodeid;
	assert_int_equal(lookup(w, folder, "link", &e), 0);
	assert_int_equal(e.attr.mode, S_IFLNK | 0777);
	assert_int_equal(request(w, FUSE_READLINK, e.nodeid, NULL, 0), 0);
	assert_memory_equal(w->body, "../elsewhere", 12);
	assert_int_equal(lookup(w, folder, "text", &e), 0);
	assert_int_equal(e.attr.size, 5);
	assert_int_equal(lookup(w, folder, "file", &e), 0);
	assert_int_equal(e.attr.size, 1234567);
	assert_int_equal(lookup(w, e.nodeid, "in", &e), ENOENT);
	end(w);
}

static int
open_as(struct world *w, uint64_t node, uint32_t flags)
{
	const struct fuse_open_in in = { .flags = flags };

	return request(w, FUSE_OPEN, node, &in, sizeof in);
}

static void
a_text_is_read_and_nothing_is_written(void **state)
{
	const struct fuse_read_in part = { .offset = 3, .size = 100 };
	const struct fuse_read_in past = { .offset = 30, .size = 100 };
	struct world *w;

	(void)state;
	if (!can_serve())
		return;
	w = resume();
	uint64_t folder = node_of(w, FUSE_ROOT_ID, "folder");
	uint64_t text = node_of(w, folder, "text");
	assert_int_equal(open_as(w, text, O_RDWR), EROFS);
	assert_int_equal(open_as(w, text, O_RDONLY), 0);
	assert_int_equal(request(w, FUSE_READ, text, &part, sizeof part), 0);
	assert_int_equal(w->out.len, sizeof w->out + 2);
	assert_memory_equal(w->body, "lo", 2);
	assert_int_equal(request(w, FUSE_READ, text, &past, sizeof past), 0);
	assert_int_equal(w->out.len, sizeof w->out);
	end(w);
}

static void
the_bytes_of_a_file_are_asked_for_within_its_size(void **state)
{
	const struct fuse_read_in part = { .offset = 123, .size = 10 };
	const struct fuse_read_in absent = { .offset = 1000000, .size = 10 };
	const struct fuse_read_in past = { .offset = 1234567, .size = 10 };
	struct world *w;

	(void)state;
	if (!can_serve())
		return;
	w = resume();
	uint64_t file = node_of(w, node_of(w, FUSE_ROOT_ID, "folder"), "file");
	assert_int_equal(open_as(w, file, O_RDONLY), 0);
	assert_int_equal(request(w, FUSE_READ, file, &part, sizeof part), 0);
	assert_memory_equal(w->body, "3456789012", 10);
	assert_int_equal(
	    request(w, FUSE_READ, file, &absent, sizeof absent), EIO);
	assert_int_equal(request(w, FUSE_READ, file, &past, sizeof past), 0);
	assert_int_equal(w->out.len, sizeof w->out);
	end(w);
}

static void
changes_are_asked_for(void **state)
{
	struct {
		struct fuse_create_in in;
		char name[4];
	} create = { { .flags = O_CREAT }, "new" };
	struct world *w;

	(void)state;
	if (!can_serve())
		return;
	w = resume();
	assert_int_equal(
	    request(w, FUSE_CREATE, FUSE_ROOT_ID, &create, sizeof create),
	    EBUSY);
	assert_int_equal(
	    request(w, FUSE_RMDIR, FUSE_ROOT_ID, "folder", 7), ENOTEMPTY);
	end(w);
}

static void
a_question_that_waits_holds_up_nobody(void **state)
{
	struct fuse_entry_out e;
	struct world *w;

	(void)state;
	if (!can_serve())
		return;
	w = resume();
	uint64_t first = send_request(w, FUSE_LOOKUP, FUSE_ROOT_ID, "wait", 5);
	struct path_ask *a = take_parked(w);
	for (int i = 0; i < 10; i++)
		assert_int_equal(lookup(w, FUSE_ROOT_ID, "folder", &e), 0);
	path_answer_text(a, "at last");
	assert_int_equal(reply_to(w, first), 0);
	end(w);
}

static void
a_node_means_the_same_in_every_life(void **state)
{
	struct fuse_getattr_in in = { 0 };
	struct world *w;

	(void)state;
	if (!can_serve())
		return;
	w = resume();
	uint64_t folder = node_of(w, FUSE_ROOT_ID, "folder");
	end(w);
	w = resume();
	assert_int_equal(
	    request(w, FUSE_GETATTR, folder, &in, sizeof in), ESTALE);
	assert_int_equal(request(w, FUSE_LOOKUP, folder, "text", 5), ESTALE);
	assert_int_equal(node_of(w, FUSE_ROOT_ID, "folder"), folder);
	assert_int_equal(request(w, FUSE_GETATTR, folder, &in, sizeof in), 0);
	end(w);
}

static void
what_the_kernel_forgets_is_forgotten(void **state)
{
	struct fuse_getattr_in in = { 0 };
	struct fuse_forget_in once = { .nlookup = 1 };
	struct world *w;

	(void)state;
	if (!can_serve())
		return;
	w = resume();
	uint64_t folder = node_of(w, FUSE_ROOT_ID, "folder");
	assert_int_equal(node_of(w, FUSE_ROOT_ID, "folder"), folder);
	send_request(w, FUSE_FORGET, folder, &once, sizeof once);
	assert_int_equal(request(w, FUSE_GETATTR, folder, &in, sizeof in), 0);
	send_request(w, FUSE_FORGET, folder, &once, sizeof once);
	/* the threads take requests in any order */
	for (int i = 0;
	     i < 1000 && request(w, FUSE_GETATTR, folder, &in, sizeof in) == 0;
	     i++)
		usleep(1000);
	assert_int_equal(-w->out.error, ESTALE);
	assert_int_equal(
	    request(w, FUSE_GETATTR, FUSE_ROOT_ID, &in, sizeof in), 0);
	end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_what_its_owner_says),
		cmocka_unit_test(a_text_is_read_and_nothing_is_written),
		cmocka_unit_test(
		    the_bytes_of_a_file_are_asked_for_within_its_size),
		cmocka_unit_test(changes_are_asked_for),
		cmocka_unit_test(a_question_that_waits_holds_up_nobody),
		cmocka_unit_test(a_node_means_the_same_in_every_life),
		cmocka_unit_test(what_the_kernel_forgets_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
