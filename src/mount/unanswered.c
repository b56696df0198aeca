#include "mount/unanswered.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount/session.h"
#include "supervisor/agent.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/lock.h"
#include "base/log.h"

/* A LOOKUP of the longest name has 296 bytes. */
enum { RECORDS = 4096, RECORD_BYTES = 464, ID_BYTES = 40 };

#define MAGIC 0x316465726577736eull

struct record {
	char id[ID_BYTES];
	uint64_t len; /* 0: free; the last to be written */
	uint8_t bytes[RECORD_BYTES];
};
_Static_assert(sizeof(struct record) == 512, "record layout");

struct seat {
	char id[ID_BYTES];
	/* It begins with struct fuse_in_header; unique 0: nothing is there. */
	_Alignas(64) uint8_t buffer[SESSION_BUFFER];
};

/* What outlives the worker.  Pages that nobody touches take no memory. */
struct area {
	uint64_t magic;
	uint64_t high; /* no record from here on was ever used */
	_Alignas(64) struct record records[RECORDS];
	struct seat seats[SERVER_THREADS_MAX];
};

struct unanswered {
	struct area *area;
	struct lock lock;   /* guards what is below, and the records */
	struct hmap parked; /* records in use, by unique */
	struct hnode nodes[RECORDS];
	uint16_t free[RECORDS]; /* below area->high */
	unsigned n_free;
	/* Of each seat, while it is processed. */
	struct {
		uint64_t unique; /* 0: none */
		bool is_answered;
	} current[SERVER_THREADS_MAX];
};

/* ---- records, with the lock held ---- */

static struct fuse_in_header *
header_of(uint8_t *request)
{
	return (struct fuse_in_header *)(void *)request;
}

static bool
has_answer(const struct fuse_in_header *h)
{
	return h->opcode != FUSE_FORGET && h->opcode != FUSE_BATCH_FORGET &&
	       h->opcode != FUSE_INTERRUPT;
}

/* RECORDS: all are in use. */
static unsigned
take_free(struct unanswered *u)
{
	if (u->n_free > 0)
		return u->free[--u->n_free];
	return u->area->high < RECORDS ? u->area->high++ : RECORDS;
}

static void
list_record(struct unanswered *u, unsigned i)
{
	hmap_insert(&u->parked, &u->nodes[i],
	    hash_u64(header_of(u->area->records[i].bytes)->unique));
}

static void
park(struct unanswered *u, const char *id, const uint8_t *request, size_t n)
{
	struct record *r;
	unsigned i;

	if (n > RECORD_BYTES || (i = take_free(u)) == RECORDS)
		return;
	r = &u->area->records[i];
	memcpy(r->id, id, ID_BYTES);
	memcpy(r->bytes, request, n);
	__atomic_store_n(&r->len, n, __ATOMIC_RELEASE);
	list_record(u, i);
}

static void
unpark(struct unanswered *u, unsigned i)
{
	hmap_remove(&u->parked, &u->nodes[i]);
	__atomic_store_n(&u->area->records[i].len, 0, __ATOMIC_RELEASE);
	u->free[u->n_free++] = i;
}

/* RECORDS: there is none. */
static unsigned
find(struct unanswered *u, const char *id, uint64_t unique)
{
	hmap_for_each_match(&u->parked, hash_u64(unique), n) {
		unsigned i = n - u->nodes;
		struct record *r = &u->area->records[i];

		if (header_of(r->bytes)->unique == unique &&
		    strcmp(r->id, id) == 0)
			return i;
	}
	return RECORDS;
}

/* ---- seats ---- */

static struct seat *
seat_of(uint8_t *buffer)
{
	return container_of(buffer, struct seat, buffer[0]);
}

static unsigned
number_of(const struct unanswered *u, uint8_t *buffer)
{
	return seat_of(buffer) - u->area->seats;
}

static void
leave(uint8_t *buffer)
{
	__atomic_store_n(&header_of(buffer)->unique, 0, __ATOMIC_RELEASE);
}

uint8_t *
unanswered_seat(struct unanswered *u, unsigned n)
{
	return u->area->seats[n].buffer;
}

void
unanswered_expect(struct unanswered *u, uint8_t *seat, const char *id)
{
	if (u == NULL)
		return;
	leave(seat);
	memset(seat_of(seat)->id, 0, ID_BYTES);
	memcpy(seat_of(seat)->id, id, strlen(id));
}

void
unanswered_take(struct unanswered *u, uint8_t *seat)
{
	unsigned k;

	if (u == NULL)
		return;
	k = number_of(u, seat);
	LOCK_SCOPE(&u->lock);
	u->current[k].unique = header_of(seat)->unique;
	u->current[k].is_answered = false;
}

void
unanswered_settle(struct unanswered *u, uint8_t *seat, size_t n)
{
	unsigned k;

	if (u == NULL)
		return;
	k = number_of(u, seat);
	{
		LOCK_SCOPE(&u->lock);
		if (!u->current[k].is_answered && has_answer(header_of(seat)))
			park(u, seat_of(seat)->id, seat, n);
		u->current[k].unique = 0;
	}
	leave(seat);
}

/* ---- answers ---- */

static bool
note_current(struct unanswered *u, const char *id, uint64_t unique)
{
	for (unsigned k = 0; k < SERVER_THREADS_MAX; k++)
		if (u->current[k].unique == unique &&
		    strcmp(u->area->seats[k].id, id) == 0) {
			u->current[k].is_answered = true;
			return true;
		}
	return false;
}

void
unanswered_note_answer(struct unanswered *u, const char *id, uint64_t unique)
{
	unsigned i;

	if (u == NULL || unique == 0)
		return;
	LOCK_SCOPE(&u->lock);
	if (note_current(u, id, unique))
		return;
	i = find(u, id, unique);
	if (i < RECORDS)
		unpark(u, i);
}

void
unanswered_drop(struct unanswered *u, const char *id)
{
	if (u == NULL)
		return;
	LOCK_SCOPE(&u->lock);
	for (unsigned i = 0; i < u->area->high; i++)
		if (u->area->records[i].len > 0 &&
		    strcmp(u->area->records[i].id, id) == 0)
			unpark(u, i);
}

/* The i-th record's bytes, where it is the mount's. */
static size_t
copy_record(struct unanswered *u, unsigned i, const char *id,
    uint8_t bytes[RECORD_BYTES])
{
	LOCK_SCOPE(&u->lock);
	struct record *r = &u->area->records[i];

	if (i >= u->area->high || r->len == 0 || strcmp(r->id, id) != 0)
		return 0;
	memcpy(bytes, r->bytes, r->len);
	return r->len;
}

void
unanswered_replay(struct unanswered *u, const char *id,
    void (*fn)(void *ctx, uint8_t *request, size_t n), void *ctx)
{
	_Alignas(8) uint8_t bytes[RECORD_BYTES];

	for (unsigned i = 0; u != NULL && i < RECORDS; i++) {
		size_t n = copy_record(u, i, id, bytes);

		if (n > 0)
			fn(ctx, bytes, n);
	}
}

/* ---- from start to end ---- */

static int
make_area(struct agent *a, struct err *e)
{
	AUTO_CLOSE int fd = memfd_create("layerfs-requests", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, sizeof(struct area)) != 0)
		return err_sys(e, "memory for requests");
	if (agent_hold(a, "requests:0", fd, NULL, 0, e) != 0)
		return -1;
	return take_fd(&fd);
}

/* New memory gets it; another version's is unmapped. */
static bool
check_magic(struct area *a)
{
	if (a->magic == 0)
		a->magic = MAGIC;
	if (a->magic == MAGIC)
		return true;
	munmap(a, sizeof *a);
	return false;
}

static struct area *
map(int fd)
{
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size != sizeof(struct area))
		return NULL;
	p = mmap(NULL, sizeof(struct area), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (p == MAP_FAILED)
		return NULL;
	return check_magic(p) ? p : NULL;
}

static bool
is_sound(struct record *r)
{
	return r->len >= sizeof(struct fuse_in_header) &&
	       r->len <= RECORD_BYTES && header_of(r->bytes)->unique != 0 &&
	       memchr(r->id, '\0', ID_BYTES) != NULL;
}

static void
take_records(struct unanswered *u)
{
	if (u->area->high > RECORDS)
		u->area->high = RECORDS;
	for (unsigned i = 0; i < u->area->high; i++) {
		struct record *r = &u->area->records[i];

		if (is_sound(r)) {
			list_record(u, i);
			continue;
		}
		r->len = 0;
		u->free[u->n_free++] = i;
	}
}

/* What was being processed, or had just been read. */
static void
take_seats(struct unanswered *u)
{
	for (unsigned k = 0; k < SERVER_THREADS_MAX; k++) {
		struct seat *s = &u->area->seats[k];
		struct fuse_in_header *h = header_of(s->buffer);

		if (h->unique != 0 && has_answer(h) && h->len >= sizeof *h &&
		    s->id[ID_BYTES - 1] == '\0' &&
		    find(u, s->id, h->unique) == RECORDS)
			park(u, s->id, s->buffer, h->len);
		leave(s->buffer);
	}
}

struct unanswered *
unanswered_new(struct agent *a, int earlier, struct err *e)
{
	AUTO_CLOSE int fd = earlier;
	AUTO_FREE struct unanswered *u = calloc(1, sizeof *u);

	if (u == NULL) {
		err_set(e, ENOMEM, "memory for requests");
		return NULL;
	}
	u->area = map(fd);
	if (u->area == NULL) {
		cleanup_close(&fd);
		fd = make_area(a, e);
		u->area = map(fd);
	}
	if (u->area == NULL)
		return NULL;
	lock_init(&u->lock, RANK_LEAF);
	take_records(u);
	take_seats(u);
	return take_ptr(&u);
}

void
unanswered_free(struct unanswered *u)
{
	if (u == NULL)
		return;
	munmap(u->area, sizeof *u->area);
	hmap_release(&u->parked);
	lock_destroy(&u->lock);
	free(u);
}
