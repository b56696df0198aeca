#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

#include "mount/session.h"
#include "mount/unanswered.h"
#include "supervisor/agent.h"
#include "base/err.h"
#include "base/test.h"

/* The supervisor's part: keeps a duplicate. */
static int kept = -1;

int
agent_hold(struct agent *a, const char *name, int fd, const void *payload,
    size_t n, struct err *e)
{
	(void)a;
	(void)payload;
	(void)e;
	assert_int_equal(n, 0);
	assert_string_equal(name, "requests:0");
	kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return 0;
}

static struct unanswered *
next_life(struct unanswered *u)
{
	struct err e;

	unanswered_free(u);
	u = unanswered_new(NULL, fcntl(kept, F_DUPFD_CLOEXEC, 0), &e);
	assert_non_null(u);
	return u;
}

static struct unanswered *
first_life(void)
{
	struct err e;
	struct unanswered *u = unanswered_new(NULL, -1, &e);

	assert_non_null(u);
	return u;
}

static void
last_life(struct unanswered *u)
{
	unanswered_free(u);
	close(kept);
	kept = -1;
}

/* As the kernel writes it into the seat. */
static void
read_request(struct unanswered *u, unsigned seat, const char *id,
    uint32_t opcode, uint64_t unique, size_t n)
{
	uint8_t *p = unanswered_seat(u, seat);
	const struct fuse_in_header h = {
		.len = n, .opcode = opcode, .unique = unique
	};

	unanswered_expect(u, p, id);
	memcpy(p, &h, sizeof h);
	memset(p + sizeof h, unique, n - sizeof h);
}

static void
process(struct unanswered *u, unsigned seat, size_t n, const char *answered)
{
	uint8_t *p = unanswered_seat(u, seat);

	unanswered_take(u, p);
	if (answered != NULL)
		unanswered_note_answer(
		    u, answered, ((struct fuse_in_header *)(void *)p)->unique);
	unanswered_settle(u, p, n);
}

struct seen {
	unsigned n;
	uint64_t uniques; /* their sum */
	size_t bytes;
};

static void
see(void *ctx, uint8_t *request, size_t n)
{
	struct seen *s = ctx;
	const struct fuse_in_header *h = (void *)request;

	s->n++;
	s->uniques += h->unique;
	s->bytes += n;
	assert_int_equal(request[n - 1], (uint8_t)h->unique);
}

static struct seen
replay(struct unanswered *u, const char *id)
{
	struct seen s = { 0 };

	unanswered_replay(u, id, see, &s);
	return s;
}

static void
what_waits_for_its_answer_is_there_in_the_next_life(void **state)
{
	struct unanswered *u = first_life();
	struct seen s;

	(void)state;
	read_request(u, 0, "a", FUSE_READ, 10, 80);
	process(u, 0, 80, NULL);
	read_request(u, 0, "a", FUSE_LOOKUP, 12, 296);
	process(u, 0, 296, NULL);
	read_request(u, 0, "b", FUSE_READ, 10, 80);
	process(u, 0, 80, NULL);
	u = next_life(u);
	s = replay(u, "a");
	assert_int_equal(s.n, 2);
	assert_int_equal(s.uniques, 22);
	assert_int_equal(s.bytes, 376);
	assert_int_equal(replay(u, "b").n, 1);
	assert_int_equal(replay(u, "c").n, 0);
	last_life(u);
}

static void
what_was_read_and_no_more_is_there_too(void **state)
{
	struct unanswered *u = first_life();

	(void)state;
	read_request(u, 1, "a", FUSE_READ, 10, 80);
	read_request(u, 2, "a", FUSE_READ, 20, 80);
	unanswered_take(u, unanswered_seat(u, 2));
	u = next_life(u);
	assert_int_equal(replay(u, "a").uniques, 30);
	u = next_life(u);
	assert_int_equal(replay(u, "a").uniques, 30);
	last_life(u);
}

static void
what_was_answered_is_forgotten(void **state)
{
	struct unanswered *u = first_life();

	(void)state;
	read_request(u, 0, "a", FUSE_READ, 10, 80);
	process(u, 0, 80, "a");
	read_request(u, 0, "a", FUSE_READ, 12, 80);
	process(u, 0, 80, NULL);
	unanswered_note_answer(u, "b", 12);
	unanswered_note_answer(u, "a", 0);
	unanswered_note_answer(u, "a", 14);
	assert_int_equal(replay(u, "a").n, 1);
	unanswered_note_answer(u, "a", 12);
	u = next_life(u);
	assert_int_equal(replay(u, "a").n, 0);
	last_life(u);
}

static void
another_mount_s_answer_to_the_same_number_changes_nothing(void **state)
{
	struct unanswered *u = first_life();

	(void)state;
	read_request(u, 0, "a", FUSE_READ, 10, 80);
	process(u, 0, 80, "b");
	assert_int_equal(replay(u, "a").n, 1);
	last_life(u);
}

static void
what_has_no_answer_or_is_long_is_not_kept(void **state)
{
	struct unanswered *u = first_life();

	(void)state;
	read_request(u, 0, "a", FUSE_FORGET, 10, 48);
	process(u, 0, 48, NULL);
	read_request(u, 0, "a", FUSE_INTERRUPT, 12, 48);
	process(u, 0, 48, NULL);
	read_request(u, 0, "a", FUSE_BATCH_FORGET, 14, 56);
	u = next_life(u);
	assert_int_equal(replay(u, "a").n, 0);
	read_request(u, 0, "a", FUSE_SETXATTR, 16, 4000);
	process(u, 0, 4000, NULL);
	assert_int_equal(replay(u, "a").n, 0);
	last_life(u);
}

static void
a_mount_s_own_are_dropped(void **state)
{
	struct unanswered *u = first_life();

	(void)state;
	for (uint64_t i = 1; i <= 100; i++) {
		read_request(u, 0, i % 2 ? "a" : "b", FUSE_READ, i, 80);
		process(u, 0, 80, NULL);
	}
	unanswered_drop(u, "a");
	u = next_life(u);
	assert_int_equal(replay(u, "a").n, 0);
	assert_int_equal(replay(u, "b").n, 50);
	last_life(u);
}

static void
when_there_is_no_room_the_rest_is_not_kept(void **state)
{
	struct unanswered *u = first_life();

	(void)state;
	for (uint64_t i = 1; i <= 5000; i++) {
		read_request(u, 0, "a", FUSE_READ, i, 80);
		process(u, 0, 80, NULL);
	}
	u = next_life(u);
	assert_int_equal(replay(u, "a").n, 4096);
	for (uint64_t i = 1; i <= 5000; i++)
		unanswered_note_answer(u, "a", i);
	assert_int_equal(replay(u, "a").n, 0);
	read_request(u, 0, "a", FUSE_READ, 1, 80);
	process(u, 0, 80, NULL);
	assert_int_equal(replay(u, "a").n, 1);
	last_life(u);
}

/* Whatever lies in the memory: no record of it is believed. */
static void
damaged_memory_is_left_out(void **state)
{
	static const uint8_t noise[8] = { 0xff, 0xff, 0xff, 0xff };
	struct unanswered *u = first_life();

	(void)state;
	read_request(u, 0, "a", FUSE_READ, 1, 80);
	process(u, 0, 80, NULL);
	/* The first record's length. */
	assert_int_equal(pwrite(kept, noise, 8, 64 + 40), 8);
	u = next_life(u);
	assert_int_equal(replay(u, "a").n, 0);
	last_life(u);
}

static void
without_memory_nothing_is_kept(void **state)
{
	(void)state;
	unanswered_expect(NULL, NULL, "a");
	unanswered_take(NULL, NULL);
	unanswered_settle(NULL, NULL, 0);
	unanswered_note_answer(NULL, "a", 1);
	unanswered_drop(NULL, "a");
	assert_int_equal(replay(NULL, "a").n, 0);
	unanswered_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_waits_for_its_answer_is_there_in_the_next_life),
		cmocka_unit_test(what_was_read_and_no_more_is_there_too),
		cmocka_unit_test(what_was_answered_is_forgotten),
		cmocka_unit_test(
		    another_mount_s_answer_to_the_same_number_changes_nothing),
		cmocka_unit_test(what_has_no_answer_or_is_long_is_not_kept),
		cmocka_unit_test(a_mount_s_own_are_dropped),
		cmocka_unit_test(when_there_is_no_room_the_rest_is_not_kept),
		cmocka_unit_test(damaged_memory_is_left_out),
		cmocka_unit_test(without_memory_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
