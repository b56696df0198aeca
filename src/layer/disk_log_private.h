/* What disk_log.c notes and disk_build.c makes disks of. */
#ifndef LAYER_DISK_LOG_PRIVATE_H
#define LAYER_DISK_LOG_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { NONE = -1, ROOT = 0, NODES_MAX = 4096, NAME_SIZE = 120, MAPPED = 4096 };

/* Files that are changed by mapping them. */
enum { DURABLE, PRESENT, N_MAPPED };

enum kind { MAKE, MAKE_DIR, MOVE, REMOVE, RESIZE, WRITE, PUNCH, SYNC };

struct op {
	enum kind kind;
	int node, over; /* MOVE: what had the name before */
	int dir, from;  /* of names */
	char name[NAME_SIZE];
	uint64_t off, len;
	uint8_t *bytes; /* WRITE */
};

struct node {
	ino_t ino;
	bool is_dir;
	/* Of a disk that is built: */
	int dir; /* NONE: it has no name */
	const char *name;
	size_t last_sync;
};

struct mapped {
	int node, fd; /* NONE: it has not been made */
	uint8_t bytes[MAPPED];
};

/* The operations that a branch stands in place of. */
struct trunk {
	size_t cut;
	struct op *ops; /* from there on */
	size_t n;
	struct node nodes[NODES_MAX];
	int n_nodes;
	struct mapped mapped[N_MAPPED];
};

/* The system calls have no other way to it. */
extern struct disk_log {
	pthread_mutex_t lock;
	bool is_on, is_without_syncs;
	dev_t dev;
	struct op *ops;
	size_t n, max;
	struct node nodes[NODES_MAX];
	int n_nodes;
	struct mapped mapped[N_MAPPED];
	struct trunk *trunk; /* NULL: there is no branch */
} disk;

/* Where the node is below the folder; false: it has no name. */
bool disk_path_of(int node, char out[512]);

#endif
