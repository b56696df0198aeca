/* Showings over a catalog and mounts that this test plays. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mount/mount.h"
#include "mount/server.h"
#include "mount/showing.h"
#include "layer/image.h"
#include "layer/view.h"
#include "base/test.h"
#include "base/thread.h"

static struct {
	int mounted, removed, opened;
	int may_remove; /* a pipe: mount_remove() waits for a byte, or -1 */
	_Atomic bool is_removing; /* it has begun to */
	int fail_with;
	_Atomic int shown;
} world;

/* ---- the layers below ---- */

struct image *
image_ref(struct image *i)
{
	i->refs++;
	return i;
}

void
image_unref(struct image *i)
{
	if (i != NULL)
		i->refs--;
}

void
image_note_shown(struct image *i, bool is_shown)
{
	(void)i;
	world.shown += is_shown ? 1 : -1;
}

struct view *
image_view(struct image *i, int layer, struct err *e)
{
	(void)layer;
	(void)e;
	return (struct view *)i;
}

void
view_unref(struct view *v)
{
	(void)v;
}

static struct image known = { .label = "known" };

struct image *
catalog_open_known(struct catalog *c, const struct digest *manifest,
    const char *label, bool is_partial, struct err *e)
{
	(void)c;
	(void)label;
	(void)is_partial;
	(void)e;
	world.opened++;
	known.manifest.digest = *manifest;
	return image_ref(&known);
}

static struct mount *
mount_make(const char *id, struct err *e)
{
	struct mount *m = calloc(1, sizeof *m);

	if (world.fail_with != 0) {
		free(m);
		err_set(e, world.fail_with, "no");
		return NULL;
	}
	snprintf(m->id, sizeof m->id, "%s", id);
	world.mounted++;
	return m;
}

struct mount *
mount_new(struct mount_server *s, const char *id, struct view *v,
    const char *source, const char *target, struct err *e)
{
	(void)s;
	(void)v;
	(void)source;
	(void)target;
	return mount_make(id, e);
}

struct mount *
mount_resume(struct mount_server *s, const char *id, struct view *v,
    struct held *h, struct err *e)
{
	(void)s;
	(void)v;
	(void)h;
	return mount_make(id, e);
}

void
mount_remove(struct mount *m)
{
	char byte;

	world.is_removing = true;
	if (world.may_remove >= 0)
		assert_int_equal(read(world.may_remove, &byte, 1), 1);
	world.removed++;
	free(m);
}

void
mount_forget(struct mount *m)
{
	free(m);
}

const char *
mount_kind_name(const struct mount *m)
{
	(void)m;
	return "fuse";
}

void
mount_set_patience(struct mount *m, uint32_t ms)
{
	m->patience_ms = ms;
}

uint32_t
mount_patience(const struct mount *m)
{
	return m->patience_ms;
}

void
mount_count(const struct mount *m, uint64_t *reads, uint64_t *errors)
{
	*reads = m->n_reads;
	*errors = m->n_errors;
}

int
agent_unmount(struct agent *a, const char *id, struct err *e)
{
	(void)a;
	(void)id;
	(void)e;
	world.removed++;
	if (world.fail_with == EEXIST)
		world.fail_with = 0;
	return 0;
}

/* ---- the tests ---- */

static struct mount_server server;

static struct showings *
start(void)
{
	struct err e;

	world.mounted = world.removed = world.opened = world.fail_with = 0;
	world.may_remove = -1;
	return showings_new(&server, NULL, &e);
}

static struct image
image_of(uint8_t byte)
{
	struct image i = { .label = "image" };

	i.manifest.digest.bytes[0] = byte;
	return i;
}

static void
two_who_want_the_same_share_it(void **state)
{
	struct showings *s = start();
	struct image i = image_of(1);
	struct err e;

	(void)state;
	struct showing *a = showings_take(s, &i, 0, NULL, NULL, &e);
	struct showing *b = showings_take(s, &i, 0, NULL, NULL, &e);
	struct showing *c = showings_take(s, &i, 1, NULL, NULL, &e);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_string_not_equal(showing_id(a), showing_id(c));
	showings_put(s, a);
	assert_int_equal(world.removed, 0);
	assert_int_equal(world.shown, 2);
	showings_put(s, b);
	showings_put(s, c);
	assert_int_equal(world.mounted, 2);
	assert_int_equal(world.removed, 2);
	assert_int_equal(world.shown, 0);
	assert_int_equal(i.refs, 0);
	showings_free(s);
}

static void
an_id_that_stands_for_another_image_or_layer_is_refused(void **state)
{
	struct showings *s = start();
	struct image i = image_of(1), other = image_of(2);
	char id[AGENT_ID_MAX + 1];
	struct err e;

	(void)state;
	struct showing *a = showings_take(s, &i, 0, NULL, NULL, &e);
	snprintf(id, sizeof id, "%s", showing_id(a));
	assert_null_with(showings_take(s, &other, 0, id, "/t", &e), e, EEXIST);
	assert_null_with(showings_take(s, &i, 1, id, "/t", &e), e, EEXIST);
	assert_null_with(
	    showings_resume(s, &other.manifest.digest, 0, "other", id, &e), e,
	    EEXIST);
	showings_put(s, a);
	assert_int_equal(world.removed, 1);
	showings_free(s);
}

static void
what_was_held_is_resumed_once_and_the_rest_unmounted(void **state)
{
	struct showings *s = start();
	struct held h = { .name = "fuse:ab", .fd = dup(0) };
	struct held nobodys = { .name = "fuse:cd", .fd = dup(0) };
	struct image i = image_of(3);
	struct err e;

	(void)state;
	showings_add_held(s, &h);
	showings_add_held(s, &nobodys);
	struct showing *a =
	    showings_resume(s, &i.manifest.digest, 0, "i", "ab", &e);
	assert_non_null(a);
	struct showing *b =
	    showings_resume(s, &i.manifest.digest, 0, "i", "ab", &e);
	assert_ptr_equal(a, b);
	assert_null_with(
	    showings_resume(s, &i.manifest.digest, 0, "i", "ef", &e), e,
	    ENOENT);
	assert_int_equal(world.opened, 1);
	showings_drop_unclaimed(s);
	assert_int_equal(world.removed, 1);
	showings_put(s, a);
	showings_put(s, b);
	showings_free(s);
}

static void
what_could_not_be_mounted_says_why_and_can_be_tried_again(void **state)
{
	struct showings *s = start();
	struct image i = image_of(4);
	struct err e;

	(void)state;
	world.fail_with = EIO;
	assert_null_with(
	    showings_take(s, &i, IMAGE_MERGED, NULL, NULL, &e), e, EIO);
	world.fail_with = 0;
	struct showing *a = showings_take(s, &i, IMAGE_MERGED, NULL, NULL, &e);
	assert_non_null(a);
	showings_put(s, a);
	assert_int_equal(i.refs, 0);
	showings_free(s);
}

static void
what_could_not_be_unmounted_is_when_its_place_is_wanted(void **state)
{
	struct showings *s = start();
	struct image i = image_of(7);
	struct err e;

	(void)state;
	world.fail_with = EEXIST;
	struct showing *a = showings_take(s, &i, IMAGE_MERGED, NULL, NULL, &e);
	assert_non_null(a);
	assert_int_equal(world.removed, 1);
	showings_put(s, a);
	assert_int_equal(i.refs, 0);
	showings_free(s);
}

struct putting {
	struct showings *showings;
	struct showing *showing;
};

static void *
put(void *arg)
{
	struct putting *p = arg;

	showings_put(p->showings, p->showing);
	return NULL;
}

static void *
take(void *arg)
{
	struct image i = image_of(5);
	struct putting *p = arg;
	struct err e;

	p->showing = showings_take(p->showings, &i, 0, NULL, NULL, &e);
	assert_non_null(p->showing);
	assert_int_equal(world.removed, 1);
	world.may_remove = -1;
	showings_put(p->showings, p->showing);
	return NULL;
}

static void
one_that_is_wanted_while_it_ends_is_made_when_it_has_ended(void **state)
{
	struct showings *s = start();
	struct image i = image_of(5);
	struct putting p = { s, NULL }, again = { s, NULL };
	pthread_t ending, taking;
	int ends[2];
	struct err e;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	p.showing = showings_take(s, &i, 0, NULL, NULL, &e);
	world.may_remove = ends[0];
	world.is_removing = false;
	assert_int_equal(thread_start(&ending, "put", put, &p, &e), 0);
	while (!world.is_removing)
		usleep(1000);
	assert_int_equal(thread_start(&taking, "take", take, &again, &e), 0);
	usleep(20000);
	assert_int_equal(write(ends[1], "", 1), 1);
	pthread_join(ending, NULL);
	pthread_join(taking, NULL);
	assert_int_equal(world.mounted, 2);
	close(ends[0]);
	close(ends[1]);
	showings_free(s);
}

static void
what_is_shown_can_be_listed_with_who_uses_it(void **state)
{
	struct showings *s = start();
	struct image i = image_of(6);
	unsigned refs = i.refs;
	struct showing *w;
	struct shown *rows;
	struct err e;
	size_t n;

	(void)state;
	w = showings_take(s, &i, 3, NULL, NULL, &e);
	showings_take(s, &i, 3, NULL, NULL, &e);
	world.fail_with = EIO;
	assert_null(showings_take(s, &i, 4, NULL, NULL, &e));
	rows = showings_list(s, &n);
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].id, showing_id(w));
	assert_string_equal(rows[0].kind, "fuse");
	assert_int_equal(rows[0].layer, 3);
	assert_int_equal(rows[0].users, 2);
	assert_int_equal(i.refs, refs + 2);
	shown_free(rows, n);
	assert_int_equal(i.refs, refs + 1);
	showings_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_who_want_the_same_share_it),
		cmocka_unit_test(
		    an_id_that_stands_for_another_image_or_layer_is_refused),
		cmocka_unit_test(
		    what_was_held_is_resumed_once_and_the_rest_unmounted),
		cmocka_unit_test(
		    what_could_not_be_mounted_says_why_and_can_be_tried_again),
		cmocka_unit_test(
		    what_could_not_be_unmounted_is_when_its_place_is_wanted),
		cmocka_unit_test(what_is_shown_can_be_listed_with_who_uses_it),
		cmocka_unit_test(
		    one_that_is_wanted_while_it_ends_is_made_when_it_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
