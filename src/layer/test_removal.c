/* Removals beside layers that are being made, and room beside removals. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "layer/cache.h"
#include "layer/catalog_private.h"
#include "layer/layer.h"
#include "layer/testing.h"
#include "registry/source.h"
#include "store/room.h"

/* ---- a layer that is made as slowly as the test wants it ---- */

struct making {
	struct fixture *fixture;
	struct buf tar;
	struct descriptor descriptor;
	int code; /* of its failure; 0 */
	pthread_t thread;
	struct layer *layer;

	/* What is below is read by others. */
	atomic_bool is_begun, may_end;
	atomic_bool was_beside_removal, was_after_removal;
};

static atomic_bool was_removed;

static bool
is_removing(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	return c->is_removing;
}

/* All of its blob has come. */
static int
give_diff_id(void *ctx, struct digest *out, struct err *e)
{
	struct making *m = ctx;

	m->was_beside_removal = is_removing(m->fixture->catalog);
	m->was_after_removal = was_removed;
	m->is_begun = true;
	while (!m->may_end)
		pause_ms(1);
	*out = m->descriptor.digest;
	return m->code == 0 ? 0 : err_set(e, m->code, "as the test wants it");
}

static void *
make(void *arg)
{
	struct making *m = arg;
	struct fixture *f = m->fixture;
	struct err e = ERR_INIT;
	int dir = fcntl(f->layout, F_DUPFD_CLOEXEC, 0);
	struct source *s = source_new_layout(dir, "layout", &e);
	struct layer_making how = { .store = f->parts.store,
		.fetcher = f->parts.fetcher,
		.descriptor = &m->descriptor,
		.sources = &s,
		.n_sources = 1,
		.diff_id = give_diff_id,
		.ctx = m };

	assert_non_null(s);
	m->layer = catalog_take_layer(f->catalog, &how, &e);
	source_unref(s);
	return NULL;
}

static struct making
begin(struct fixture *f, const char *text)
{
	struct making m = { .fixture = f,
		.descriptor = {
		    .media_type = "application/vnd.oci.image.layer.v1.tar" } };

	buf_init(&m.tar, MIB(1));
	tar_add(&m.tar, '0', "file", NULL, text, strlen(text));
	tar_finish(&m.tar);
	add_blob(f, m.tar.data, m.tar.len, &m.descriptor.digest);
	m.descriptor.size = m.tar.len;
	return m;
}

static void
start_making(struct making *m)
{
	assert_int_equal(pthread_create(&m->thread, NULL, make, m), 0);
}

static void
wait_for(const atomic_bool *what)
{
	while (!*what)
		pause_ms(1);
}

static void
end_making(struct making *m)
{
	m->may_end = true;
	pthread_join(m->thread, NULL);
	assert_int_equal(m->layer == NULL, m->code != 0);
	if (m->layer != NULL)
		catalog_put_layer(m->fixture->catalog, m->layer);
	buf_release(&m->tar);
}

/* ---- removals ---- */

static void *
remove_once(void *arg)
{
	struct catalog *c = arg;

	catalog_begin_removal(c);
	was_removed = true;
	pause_ms(20);
	catalog_end_removal(c);
	return NULL;
}

static bool
asks_for_a_gap(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	/* The test is no race with the clock. */
	if (c->gap_until_ns > 0)
		c->gap_until_ns = UINT64_MAX;
	return c->gap_until_ns > 0;
}

static pthread_t
start_removal(struct catalog *c)
{
	pthread_t t;

	was_removed = false;
	assert_int_equal(pthread_create(&t, NULL, remove_once, c), 0);
	while (!asks_for_a_gap(c))
		pause_ms(1);
	return t;
}

static void
a_removal_that_waits_comes_before_makers_that_come_later(void **state)
{
	struct fixture *f = *state;
	struct making first = begin(f, "one"), second = begin(f, "two");
	pthread_t removal;

	start_making(&first);
	wait_for(&first.is_begun);
	removal = start_removal(f->catalog);
	start_making(&second);
	pause_ms(50);
	end_making(&first);
	end_making(&second);
	pthread_join(removal, NULL);
	assert_true(second.was_after_removal);
	assert_false(second.was_beside_removal);
}

/* Of one that takes hours. */
static void
makers_do_not_wait_for_a_removal_that_waits_for_another_for_long(void **state)
{
	struct fixture *f = *state;
	struct making first = begin(f, "one"), second = begin(f, "two");
	pthread_t removal;

	start_making(&first);
	wait_for(&first.is_begun);
	removal = start_removal(f->catalog);
	lock_acquire(&f->catalog->lock);
	f->catalog->gap_until_ns = 1; /* is over */
	lock_release(&f->catalog->lock);
	start_making(&second);
	end_making(&second);
	assert_false(second.was_after_removal);
	end_making(&first);
	pthread_join(removal, NULL);
}

static bool
is_joined(const struct making *m)
{
	struct catalog *c = m->fixture->catalog;
	LOCK_SCOPE(&c->lock);

	return record_find(c, &m->descriptor.digest)->users == 2;
}

static void
who_tries_again_after_a_maker_that_failed_waits_for_a_removal(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++) {
		char text[16] = { (char)('a' + i) };
		struct making first = begin(f, text), second = begin(f, text);
		pthread_t removal;

		first.code = EPROTO;
		start_making(&first);
		wait_for(&first.is_begun);
		start_making(&second);
		while (!is_joined(&second))
			pause_ms(1);
		removal = start_removal(f->catalog);
		end_making(&first);
		end_making(&second);
		pthread_join(removal, NULL);
		assert_false(second.was_beside_removal);
	}
}

/* ---- room ---- */

struct asking {
	struct store *store;
	bool was_made;
};

static void *
ask_for_room(void *arg)
{
	struct asking *a = arg;
	struct err full = { .code = ENOSPC };

	a->was_made = store_make_room(a->store, &full);
	return NULL;
}

static atomic_bool is_awaited; /* the removal */

bool __real_look_wait(struct catalog *c, uint64_t patience_ns);
bool __wrap_look_wait(struct catalog *c, uint64_t patience_ns);

bool
__wrap_look_wait(struct catalog *c, uint64_t patience_ns)
{
	atomic_store(&is_awaited, true);
	return __real_look_wait(c, patience_ns);
}

static void
who_finds_the_disk_full_waits_for_the_room_that_a_removal_makes(void **state)
{
	struct fixture *f = *state;
	struct cache_options o = { 0 };
	struct asking a = { .store = f->parts.store };
	struct err e = ERR_INIT;
	struct cache *x = cache_new(f->catalog, &o, &e);
	pthread_t t;

	assert_non_null(x);
	catalog_begin_removal(f->catalog);
	assert_int_equal(pthread_create(&t, NULL, ask_for_room, &a), 0);
	wait_for(&is_awaited);
	catalog_end_removal(f->catalog);
	pthread_join(t, NULL);
	assert_true(a.was_made);
	cache_stop(x);
	cache_free(x);
}

#define ON_NODE(t) \
	cmocka_unit_test_setup_teardown(t, make_fixture, remove_fixture)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NODE(
		    a_removal_that_waits_comes_before_makers_that_come_later),
		ON_NODE(
		    makers_do_not_wait_for_a_removal_that_waits_for_another_for_long),
		ON_NODE(
		    who_tries_again_after_a_maker_that_failed_waits_for_a_removal),
		ON_NODE(
		    who_finds_the_disk_full_waits_for_the_room_that_a_removal_makes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
