/* What a power cut left of a noted disk, made anew. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layer/disk_log.h"
#include "layer/disk_log_private.h"
#include "store/bits.h"
#include "store/testing.h"

/* ---- names ---- */

/* How many operations' names the syncs before the cut keep at least. */
static size_t
count_kept_names(size_t cut)
{
	size_t last[NODES_MAX] = { 0 }, kept = 0;

	for (size_t i = 0; i < cut; i++) {
		const struct op *o = &disk.ops[i];

		if (o->kind == SYNC)
			kept = max_u64(kept, last[o->node]);
		if (o->dir != NONE)
			last[o->dir] = i + 1;
		if (o->from != NONE)
			last[o->from] = i + 1;
	}
	return kept;
}

static size_t
count_names(size_t cut, enum survival s, uint64_t *seed)
{
	size_t kept = count_kept_names(cut);

	if (s == SURVIVES_SYNCED)
		return kept;
	if (s == SURVIVES_SOME)
		return kept + next_random(seed) % (cut - kept + 1);
	return cut;
}

static void
name_nodes(size_t names)
{
	for (int i = 0; i < disk.n_nodes; i++)
		disk.nodes[i].dir = NONE;
	for (size_t i = 0; i < names; i++) {
		const struct op *o = &disk.ops[i];

		if (o->over != NONE)
			disk.nodes[o->over].dir = NONE;
		if (o->dir == NONE)
			continue;
		disk.nodes[o->node].dir = o->kind == REMOVE ? NONE : o->dir;
		disk.nodes[o->node].name = o->name;
	}
}

bool
disk_path_of(int node, char out[512])
{
	const struct node *n = &disk.nodes[node];
	size_t len;

	out[0] = 0;
	if (node == ROOT)
		return true;
	if (n->dir == NONE || !disk_path_of(n->dir, out))
		return false;
	len = strlen(out);
	snprintf(out + len, 512 - len, "%s%s", len > 0 ? "/" : "", n->name);
	return true;
}

/* ---- bytes ---- */

static void
put(int fd, const struct op *o, size_t len)
{
	assert_int_equal(syscall(SYS_pwrite64, fd, o->bytes, len, o->off), len);
}

static void
put_zeros(int fd, const struct op *o)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	if ((uint64_t)st.st_size < o->off + o->len)
		assert_int_equal(ftruncate(fd, o->off + o->len), 0);
}

/* A write that no sync came after. */
static void
put_unsynced(int fd, const struct op *o, enum survival s, uint64_t *seed)
{
	uint32_t fate = next_random(seed) % 4;
	bool is_open = s == SURVIVES_SOME;

	if (s == SURVIVES_ALL || (is_open && fate == 0))
		put(fd, o, o->len);
	else if (s == SURVIVES_ZEROS || (is_open && fate == 1))
		put_zeros(fd, o);
	else if (is_open && fate == 2)
		put(fd, o, next_random(seed) % (o->len + 1));
}

static void
fill_file(
    int fd, int node, size_t cut, size_t names, enum survival s, uint64_t *seed)
{
	for (size_t i = 0; i < cut; i++) {
		const struct op *o = &disk.ops[i];
		bool is_kept = i < disk.nodes[node].last_sync || i < names;

		if (o->node != node)
			continue;
		if (o->kind == WRITE && i < disk.nodes[node].last_sync)
			put(fd, o, o->len);
		else if (o->kind == WRITE)
			put_unsynced(fd, o, s, seed);
		else if (o->kind == RESIZE && is_kept)
			assert_int_equal(ftruncate(fd, o->len), 0);
		else if (o->kind == PUNCH && is_kept)
			assert_int_equal(
			    fallocate(fd,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				o->off, o->len),
			    0);
	}
}

/* What counts only in the boot that wrote it says that everything is there. */
static void
fill_with_garbage(int fd)
{
	uint8_t ones[MAPPED];

	memset(ones, 0xff, sizeof ones);
	assert_int_equal(ftruncate(fd, BITS_BYTES), 0);
	assert_int_equal(
	    syscall(SYS_pwrite64, fd, ones, sizeof ones, 0), sizeof ones);
}

static void
make_folders(int folder)
{
	struct err e = ERR_INIT;
	char path[512];

	for (int i = 1; i < disk.n_nodes; i++)
		if (disk.nodes[i].is_dir && disk_path_of(i, path))
			OK(fs_make_dirs(folder, path, 0700, &e));
}

/* A new file where the node is; -1: it is nowhere. */
static int
make_file(int folder, int node, char path[512])
{
	int fd;

	if (disk.nodes[node].is_dir || !disk_path_of(node, path) ||
	    strcmp(path, "state.db-shm") == 0)
		return -1;
	fd = openat(folder, path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	return fd;
}

void
disk_log_build(size_t cut, enum survival s, uint64_t *seed, int folder)
{
	size_t names = count_names(cut, s, seed);
	char path[512];

	name_nodes(names);
	for (int i = 0; i < disk.n_nodes; i++)
		disk.nodes[i].last_sync = 0;
	for (size_t i = 0; i < cut; i++)
		if (disk.ops[i].kind == SYNC)
			disk.nodes[disk.ops[i].node].last_sync = i;
	make_folders(folder);
	for (int i = 1; i < disk.n_nodes; i++) {
		AUTO_CLOSE int fd = make_file(folder, i, path);

		if (fd < 0)
			continue;
		if (strcmp(path, "present") == 0)
			fill_with_garbage(fd);
		else
			fill_file(fd, i, cut, names, s, seed);
	}
}

/* ---- a branch ---- */

static void
begin_branch(size_t cut)
{
	struct trunk *t = calloc(1, sizeof *t);

	assert_non_null(t);
	assert_null(disk.trunk);
	t->cut = cut;
	t->n = disk.n - cut;
	t->ops = malloc((t->n + 1) * sizeof *t->ops);
	assert_non_null(t->ops);
	memcpy(t->ops, disk.ops + cut, t->n * sizeof *t->ops);
	memcpy(t->nodes, disk.nodes, sizeof t->nodes);
	t->n_nodes = disk.n_nodes;
	memcpy(t->mapped, disk.mapped, sizeof t->mapped);
	disk.trunk = t;
	disk.n = cut;
	disk.n_nodes = 1;
	for (size_t i = 0; i < cut; i++)
		disk.n_nodes +=
		    disk.ops[i].kind == MAKE || disk.ops[i].kind == MAKE_DIR;
}

static void
go_on_mapping(int i, int folder, const char *name)
{
	struct mapped *m = &disk.mapped[i];

	if (m->node == NONE || m->node >= disk.n_nodes) {
		*m = (struct mapped){ .node = NONE };
		return;
	}
	m->fd = openat(folder, name, O_RDONLY);
	assert_true(m->fd >= 0);
	assert_true(pread(m->fd, m->bytes, MAPPED, 0) >= 0);
}

/* The same nodes under other numbers. */
static void
find_nodes(int folder)
{
	char path[512];
	struct stat st;

	for (int i = 0; i < disk.n_nodes; i++) {
		bool is_there =
		    disk_path_of(i, path) &&
		    fstatat(folder, i == ROOT ? "." : path, &st, 0) == 0;

		disk.nodes[i].ino = is_there ? st.st_ino : 0;
	}
	go_on_mapping(DURABLE, folder, "durable");
	go_on_mapping(PRESENT, folder, "present");
}

void
disk_log_branch(size_t cut, int folder)
{
	uint64_t seed = 0; /* nothing is left to chance */
	char path[512];

	begin_branch(cut);
	name_nodes(cut);
	make_folders(folder);
	for (int i = 1; i < disk.n_nodes; i++) {
		AUTO_CLOSE int fd = make_file(folder, i, path);

		if (fd >= 0)
			fill_file(fd, i, cut, cut, SURVIVES_ALL, &seed);
	}
	find_nodes(folder);
	disk.is_on = true;
}

void
disk_log_return(void)
{
	struct trunk *t = take_ptr(&disk.trunk);

	for (int i = 0; i < N_MAPPED; i++)
		if (disk.mapped[i].node != NONE)
			close(disk.mapped[i].fd);
	for (size_t i = t->cut; i < disk.n; i++)
		free(disk.ops[i].bytes);
	memcpy(disk.ops + t->cut, t->ops, t->n * sizeof *t->ops);
	disk.n = t->cut + t->n;
	memcpy(disk.nodes, t->nodes, sizeof t->nodes);
	disk.n_nodes = t->n_nodes;
	memcpy(disk.mapped, t->mapped, sizeof t->mapped);
	free(t->ops);
	free(t);
}
