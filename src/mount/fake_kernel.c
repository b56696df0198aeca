#include "mount/fake_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mount/fake_view.h"
#include "layer/view.h"
#include "index/index.h"
#include "index/tree.h"
#include "index/writer.h"
#include "base/bytes.h"
#include "base/test.h"

/* ---- the supervisor's part ---- */

struct fake_supervisor supervisor;

int
agent_hold(struct agent *a, const char *name, int fd, const void *payload,
    size_t n, struct err *e)
{
	(void)a;
	(void)fd;
	(void)e;
	supervisor.n_holds++;
	snprintf(supervisor.held.name, sizeof supervisor.held.name, "%s", name);
	memcpy(supervisor.held.payload, payload, n);
	supervisor.held.payload_len = n;
	return 0;
}

int
agent_mount_fuse(struct agent *a, const char *id,
    const struct agent_fuse_options *o, int *fuse_fd, struct err *e)
{
	(void)a;
	(void)id;
	(void)o;
	(void)e;
	*fuse_fd = supervisor.give;
	return 0;
}

int
agent_unmount(struct agent *a, const char *id, struct err *e)
{
	(void)a;
	(void)id;
	(void)e;
	supervisor.n_unmounts++;
	if (supervisor.on_unmount != NULL)
		supervisor.on_unmount();
	return 0;
}

/* ---- what is mounted ---- */

static struct node *
add(struct tree *t, const char *path, mode_t mode, uint64_t size, uint64_t at)
{
	const struct node_attr a = { .mode = mode,
		.uid = 1000,
		.gid = 100,
		.mtime_s = 1700000000,
		.mtime_ns = 5,
		.size = size,
		.content = at };
	struct err e = ERR_INIT;
	struct node *n = tree_add(t, path, strlen(path), &a, &e);

	assert_string_equal(e.msg, "");
	assert_non_null(n);
	return n;
}

static void
fill(struct tree *t, bool with_xattrs)
{
	struct node *hello = add(t, "hello", S_IFREG | 0644, HELLO_SIZE, 0);
	struct node *link = add(t, "link", S_IFLNK | 0777, 0, 0);
	struct node *dir = add(t, "dir", S_IFDIR | 0755, 0, 0);
	struct err e;

	assert_int_equal(tree_set_target(t, link, "dir/f0007", 9, &e), 0);
	add(t, "cold", S_IFREG | 0600, COLD_SIZE, FAKE_COLD);
	add(t, "empty", S_IFREG | 0600, 0, 0);
	for (int i = 0; i < N_CHILDREN; i++) {
		char path[32];
		snprintf(path, sizeof path, "dir/f%04d", i);
		add(t, path, S_IFREG | 0644, 0, 0);
	}
	if (!with_xattrs)
		return;
	add(t, "next", S_IFREG | 0600, NEXT_SIZE, FAKE_COLD + NEXT_AT);
	assert_int_equal(
	    tree_set_xattr(t, hello, "user.colour", "blue", 4, &e), 0);
	assert_int_equal(tree_add_opaque(t, "dir", 3, &e), 0);
	assert_int_equal(tree_set_xattr(t, dir, "user.a", "", 0, &e), 0);
}

struct index *
make_index(bool with_xattrs)
{
	const struct index_options o = { .data_blocks = 1 };
	struct err e = ERR_INIT;
	AUTO_TREE struct tree *t = tree_new(&e);
	int fd = memfd_create("index", MFD_CLOEXEC);

	assert_non_null(t);
	fill(t, with_xattrs);
	assert_int_equal(tree_finish(t, &e), 0);
	assert_int_equal(index_write(t, &o, fd, &e), 0);
	struct index *x = index_open(fd, &e);
	assert_string_equal(e.msg, "");
	assert_non_null(x);
	return x;
}

uint8_t
byte_at(uint64_t off)
{
	return off * 7 + off / 251;
}

static int
make_data(void)
{
	int fd = memfd_create("data", MFD_CLOEXEC);
	uint8_t bytes[NEXT_AT + NEXT_SIZE];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = byte_at(i);
	assert_int_equal(pwrite(fd, bytes, HELLO_SIZE, 0), HELLO_SIZE);
	assert_int_equal(
	    pwrite(fd, bytes, sizeof bytes, FAKE_COLD), sizeof bytes);
	return fd;
}

/* ---- the kernel's part ---- */

int
session_pair(struct kernel *k)
{
	int p[2];

	assert_int_equal(
	    socketpair(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p),
	    0);
	k->sock = p[0];
	return p[1];
}

struct kernel *
kernel_new(bool with_xattrs, const struct fuse_lowlevel_ops *ops)
{
	struct kernel *k = calloc(1, sizeof *k);
	struct err e = ERR_INIT;

	assert_non_null(k);
	memset(&supervisor, 0, sizeof supervisor);
	k->data = make_data();
	k->view = fake_view_new(make_index(with_xattrs), k->data, "test:1");
	k->requests = malloc(SESSION_BUFFER);
	k->answers = malloc(SERVER_BUFFER);
	k->unique = 100;
	server_lend_buffer(k->answers);
	k->server.options.patience_ms = 30000;
	k->server.epoll = k->server.stop = -1;
	atomic_init(&k->server.refs, 1000);
	lock_init(&k->server.lock, RANK_MOUNT);
	cond_init(&k->server.started);
	cond_init(&k->server.chosen);
	codecs_init(&k->server.codecs);
	data_fs_init(&k->server.data);
	k->face = (struct session_face){
		.ops = ops != NULL ? ops : &session_ops,
		.view = ops != NULL ? NULL : k->view,
	};
	k->session =
	    session_new(&k->server, "ab12", &k->face, session_pair(k), &e);
	assert_string_equal(e.msg, "");
	return k;
}

void
kernel_free(struct kernel *k)
{
	session_unref(k->session);
	view_unref(k->view);
	data_fs_release(&k->server.data);
	codecs_release(&k->server.codecs);
	server_lend_buffer(NULL);
	lock_destroy(&k->server.lock);
	close(k->sock);
	close(k->data);
	free(k->requests);
	free(k->answers);
	free(k);
}

void
send_request(
    struct kernel *k, uint32_t opcode, uint64_t nid, const void *p, size_t n)
{
	struct fuse_in_header h = { .len = sizeof h + n,
		.opcode = opcode,
		.unique = k->unique += 2,
		.nodeid = nid,
		.uid = k->uid };
	struct iovec iov[2] = { { &h, sizeof h }, { (void *)p, n } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	assert_int_equal(sendmsg(k->sock, &m, 0), h.len);
}

bool
next_reply(struct kernel *k)
{
	struct iovec iov[2] = { { &k->out, sizeof k->out },
		{ k->body, sizeof k->body } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n = recvmsg(k->sock, &m, 0);

	if (n < 0)
		return false;
	assert_int_equal(n, k->out.len);
	k->body_len = n - sizeof k->out;
	return true;
}

/* Sends, lets the session work, and gives the reply's error. */
int
ask(struct kernel *k, uint32_t opcode, uint64_t nid, const void *p, size_t n)
{
	send_request(k, opcode, nid, p, n);
	assert_true(session_serve(k->session, k->requests, SESSION_BUFFER));
	assert_true(next_reply(k));
	assert_int_equal(k->out.unique, k->unique);
	return -k->out.error;
}

void
start_with(struct kernel *k, uint32_t flags, uint32_t flags2)
{
	const struct fuse_init_in in = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = 128 << 10,
		.flags = flags,
		.flags2 = flags2 };

	assert_int_equal(ask(k, FUSE_INIT, 0, &in, sizeof in), 0);
}

void
start(struct kernel *k)
{
	start_with(k, ~0u & ~FUSE_INIT_EXT, 0);
}

int
lookup(struct kernel *k, uint64_t dir, const char *name,
    struct fuse_entry_out *out)
{
	int rc = ask(k, FUSE_LOOKUP, dir, name, strlen(name) + 1);

	if (rc == 0) {
		assert_int_equal(k->body_len, sizeof *out);
		memcpy(out, k->body, sizeof *out);
	}
	return rc;
}

uint64_t
nid_of(struct kernel *k, const char *name)
{
	struct fuse_entry_out out;

	assert_int_equal(lookup(k, FUSE_ROOT_ID, name, &out), 0);
	assert_true(out.nodeid != 0);
	return out.nodeid;
}

void
send_read(struct kernel *k, uint64_t nid, uint64_t off, uint32_t size)
{
	const struct fuse_read_in in = { .offset = off, .size = size };

	send_request(k, FUSE_READ, nid, &in, sizeof in);
	if (k->session != NULL)
		assert_true(
		    session_serve(k->session, k->requests, SESSION_BUFFER));
}

int
ask_read(struct kernel *k, uint64_t nid, uint64_t off, uint32_t size)
{
	send_read(k, nid, off, size);
	assert_true(next_reply(k));
	return -k->out.error;
}

void
assert_bytes(struct kernel *k, uint64_t off, size_t n)
{
	assert_int_equal(k->out.error, 0);
	assert_int_equal(k->body_len, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(k->body[i], byte_at(off + i));
}

struct kernel *
kernel_new_mounted(bool with_xattrs)
{
	struct kernel *k = kernel_new(with_xattrs, NULL);

	start(k);
	return k;
}
