/* A kernel that a test plays, over a socketpair: requests as the kernel writes
 * them, replies as it reads them; and the supervisor, which mounts nothing.
 * What is shown is an index with "hello", "cold" (missing at first), "empty",
 * "link" and "dir" with N_CHILDREN empty files; with attributes also "next",
 * which lies behind "cold".
 */
#ifndef MOUNT_FAKE_KERNEL_H
#define MOUNT_FAKE_KERNEL_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mount/session.h"

enum {
	HELLO_SIZE = 5000,
	COLD_SIZE = 10000,
	NEXT_AT = 12288, /* from FAKE_COLD */
	NEXT_SIZE = 4096,
	N_CHILDREN = 1000
};

/* What it was asked for. */
struct fake_supervisor {
	struct held held;
	int n_holds;
	int n_unmounts;
	void (*on_unmount)(void); /* or NULL */
	int give;                 /* what agent_mount_fuse() hands out */
};
extern struct fake_supervisor supervisor;

struct kernel {
	int sock;
	int data;
	struct view *view;
	struct mount_server server;
	struct session_face face;
	struct session *session;
	uint8_t *requests;
	uint8_t *answers;
	uint64_t unique;
	uid_t uid;

	/* the last reply */
	struct fuse_out_header out;
	uint8_t body[128 << 10];
	size_t body_len;
};

/* Not INITed yet.  Ops NULL: session_ops. */
struct kernel *kernel_new(
    bool with_xattrs, const struct fuse_lowlevel_ops *ops);
/* INITed. */
struct kernel *kernel_new_mounted(bool with_xattrs);
void kernel_free(struct kernel *k);
int session_pair(struct kernel *k);
struct index *make_index(bool with_xattrs);

void send_request(
    struct kernel *k, uint32_t opcode, uint64_t nid, const void *p, size_t n);
bool next_reply(struct kernel *k);
/* Sends, lets the session work, and gives the reply's error. */
int ask(
    struct kernel *k, uint32_t opcode, uint64_t nid, const void *p, size_t n);
/* INIT, with these flags or with all. */
void start_with(struct kernel *k, uint32_t flags, uint32_t flags2);
void start(struct kernel *k);
int lookup(struct kernel *k, uint64_t dir, const char *name,
    struct fuse_entry_out *out);
uint64_t nid_of(struct kernel *k, const char *name);
void send_read(struct kernel *k, uint64_t nid, uint64_t off, uint32_t size);
int ask_read(struct kernel *k, uint64_t nid, uint64_t off, uint32_t size);

/* What `data` holds. */
uint8_t byte_at(uint64_t off);
/* The last reply is these bytes. */
void assert_bytes(struct kernel *k, uint64_t off, size_t n);

#endif
