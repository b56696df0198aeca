/* containerd's rules for snapshots (its snapshots/testsuite), on a real
 * database and fake floors. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/fake_floors.h"
#include "runtime/labels.h"
#include "runtime/snapshotter.h"
#include "layer/image.h"
#include "store/db.h"
#include "store/db_snapshot.h"
#include "base/doc.h"
#include "base/fs.h"
#include "base/test.h"

struct place {
	char path[64];
	int root;
	struct db *db;
	struct snapshotter *s;
};

static void
begin_life(struct place *p)
{
	struct snapshotter_parts parts = {
		.run_path = "/r",
		.prepare_timeout_ms = 200,
	};
	struct err e = ERR_INIT;

	p->db = parts.db = db_open(p->root, &e);
	p->s = p->db == NULL ? NULL : snapshotter_new(&parts, &e);
	if (p->s == NULL)
		fail_msg("%s", e.msg);
}

/* As a worker that is killed: nothing is tidied up. */
static void
end_life(struct place *p)
{
	snapshotter_free(p->s);
	db_close(p->db);
}

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	struct err e = ERR_INIT;

	memset(&fake, 0, sizeof fake);
	fake.n_layers = 3;
	snprintf(p->path, sizeof p->path, "/tmp/layerfs-test-XXXXXX");
	if (mkdtemp(p->path) == NULL)
		return -1;
	p->root = fs_open_dir(AT_FDCWD, p->path, &e);
	begin_life(p);
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;
	struct err e = ERR_INIT;

	end_life(p);
	assert_int_equal(fake.images, 0);
	close(p->root);
	fs_remove_tree(AT_FDCWD, p->path, &e);
	free(p);
	return 0;
}

#define OK(call)                                           \
	do {                                               \
		struct err ok_ = ERR_INIT;                 \
		struct err *e = &ok_;                      \
		if ((call) < 0)                            \
			fail_msg("%s: %s", #call, e->msg); \
	} while (0)
#define FAILS(call, code)                         \
	do {                                      \
		struct err fails_;                \
		struct err *e = &fails_;          \
		assert_fails(call, fails_, code); \
		(void)e;                          \
	} while (0)

/* ---- short words for the calls ---- */

static int
prepare_with(struct place *p, enum snapshot_kind kind, const char *key,
    const char *parent, struct doc *labels, struct err *e)
{
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };
	struct snapshot_request q = { kind, key, parent, labels };

	return snapshotter_prepare(p->s, &q, &m, e);
}

static int
prepare(struct place *p, const char *key, const char *parent, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();

	return prepare_with(p, SNAPSHOT_ACTIVE, key, parent, labels, e);
}

static int
view(struct place *p, const char *key, const char *parent, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();

	return prepare_with(p, SNAPSHOT_VIEW, key, parent, labels, e);
}

static int
commit(struct place *p, const char *key, const char *name, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();

	return snapshotter_commit(p->s, key, name, labels, e);
}

/* A committed snapshot of a layer that was unpacked. */
static void
add_layer(struct place *p, const char *name, const char *parent)
{
	OK(prepare(p, "extract", parent, e));
	OK(commit(p, "extract", name, e));
}

static void
expect(struct place *p, const char *key, enum snapshot_kind kind,
    const char *parent)
{
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };

	OK(snapshotter_stat(p->s, key, &i, e));
	assert_string_equal(i.name, key);
	assert_string_equal(i.parent, parent);
	assert_int_equal(i.kind, kind);
}

static void
expect_absent(struct place *p, const char *key)
{
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };

	FAILS(snapshotter_stat(p->s, key, &i, e), ENOENT);
}

static void
expect_option(struct place *p, const char *key, const char *option)
{
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };
	bool is_there = false;

	OK(snapshotter_mounts(p->s, key, &m, e));
	for (size_t i = 0; i < m.n_options; i++)
		is_there |= strcmp(m.options[i], option) == 0;
	if (!is_there)
		fail_msg("%s: no option %s", key, option);
}

static uint64_t
number_of(struct place *p, const char *key)
{
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	OK(db_get_snapshot(p->db, key, &row, e));
	return row.number;
}

/* What is above `rest` is the folder of another. */
static void
expect_lowers(
    struct place *p, const char *key, const char *top, const char *rest)
{
	char option[400];

	snprintf(option, sizeof option, "lowerdir=/r/s/%ju/fs%s",
	    (uintmax_t)number_of(p, top), rest);
	expect_option(p, key, option);
}

static unsigned
count_folders(void)
{
	unsigned n = 0;

	for (int i = 0; i < FAKE_FOLDERS_MAX; i++)
		n += fake.folders[i] > 0;
	return n;
}

/* ---- life of a snapshot ---- */

static void
a_snapshot_goes_from_active_to_committed(void **state)
{
	struct place *p = *state;
	char option[80];

	OK(prepare(p, "a", "", e));
	expect(p, "a", SNAPSHOT_ACTIVE, "");
	OK(commit(p, "a", "one", e));
	expect_absent(p, "a");
	expect(p, "one", SNAPSHOT_COMMITTED, "");
	OK(prepare(p, "b", "one", e));
	expect(p, "b", SNAPSHOT_ACTIVE, "one");
	snprintf(option, sizeof option, "upperdir=/r/s/%ju/fs",
	    (uintmax_t)number_of(p, "b"));
	expect_option(p, "b", option);
	expect_lowers(p, "b", "one", "");
	OK(commit(p, "b", "two", e));
	OK(view(p, "v", "two", e));
	expect(p, "v", SNAPSHOT_VIEW, "two");
	snprintf(option, sizeof option, ":/r/s/%ju/fs",
	    (uintmax_t)number_of(p, "one"));
	expect_lowers(p, "v", "two", option);
	assert_int_equal(count_folders(), 2);
}

static void
a_key_is_taken_once(void **state)
{
	struct place *p = *state;

	OK(prepare(p, "a", "", e));
	FAILS(prepare(p, "a", "", e), EEXIST);
	FAILS(view(p, "a", "", e), EEXIST);
	OK(commit(p, "a", "one", e));
	FAILS(prepare(p, "one", "", e), EEXIST);
	OK(prepare(p, "a", "", e));
	FAILS(commit(p, "a", "one", e), EEXIST);
	FAILS(commit(p, "none", "one", e), EEXIST);
	FAILS(commit(p, "none", "two", e), ENOENT);
	FAILS(commit(p, "one", "two", e), EBUSY);
}

static void
a_parent_must_be_committed(void **state)
{
	struct place *p = *state;

	OK(prepare(p, "a", "", e));
	FAILS(prepare(p, "b", "a", e), EINVAL);
	FAILS(prepare(p, "b", "none", e), ENOENT);
	FAILS(prepare(p, "", "", e), EINVAL);
	expect_absent(p, "b");
	OK(commit(p, "a", "one", e));
	OK(view(p, "v", "one", e));
	FAILS(commit(p, "v", "two", e), EBUSY);
	FAILS(prepare(p, "b", "v", e), EINVAL);
}

static void
only_what_nothing_builds_on_is_removed(void **state)
{
	struct place *p = *state;
	uint64_t number;

	add_layer(p, "one", "");
	number = number_of(p, "one");
	OK(prepare(p, "a", "one", e));
	FAILS(snapshotter_remove(p->s, "one", e), EBUSY);
	FAILS(snapshotter_remove(p->s, "none", e), ENOENT);
	OK(snapshotter_remove(p->s, "a", e));
	OK(snapshotter_remove(p->s, "one", e));
	FAILS(snapshotter_remove(p->s, "one", e), ENOENT);
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(count_folders(), 0);
	add_layer(p, "one", "");
	assert_true(number_of(p, "one") > number + 1);
}

static void
what_was_removed_goes_without_being_asked(void **state)
{
	struct place *p = *state;

	add_layer(p, "one", "");
	OK(snapshotter_remove(p->s, "one", e));
	for (int i = 0; i < 500 && count_folders() > 0; i++)
		usleep(10000);
	assert_int_equal(count_folders(), 0);
}

static void
a_folder_that_cannot_be_made_leaves_nothing(void **state)
{
	struct place *p = *state;

	fake.is_full = true;
	FAILS(prepare(p, "a", "", e), ENOSPC);
	expect_absent(p, "a");
	fake.is_full = false;
	OK(prepare(p, "a", "", e));
}

/* Of a state.db that was lost: a container may still write into it. */
static void
a_folder_that_is_left_over_is_left_alone(void **state)
{
	struct place *p = *state;
	uint64_t number;

	OK(prepare(p, "a", "", e));
	number = number_of(p, "a");
	for (int i = 1; i < 10; i++)
		*fake_folder(number + i) = 1;
	OK(prepare(p, "b", "", e));
	assert_true(number_of(p, "b") > number + 9);
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(count_folders(), 11);
}

static void
a_committed_snapshot_has_no_mounts(void **state)
{
	struct place *p = *state;
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };

	add_layer(p, "one", "");
	FAILS(snapshotter_mounts(p->s, "one", &m, e), EBUSY);
	FAILS(snapshotter_mounts(p->s, "none", &m, e), ENOENT);
}

static void
a_mapped_root_owns_the_folder_and_those_above(void **state)
{
	struct place *p = *state;
	AUTO_DOC struct doc *labels = doc_new_object();

	doc_set_string(labels, LABEL_UIDS, "0:1000:65536");
	doc_set_string(labels, LABEL_GIDS, "0:2000:65536");
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	assert_int_equal(fake.uid, 1000);
	assert_int_equal(fake.gid, 2000);
	assert_int_equal(fake.mapped, 0);
	OK(commit(p, "a", "one", e));
	OK(prepare(p, "b", "one", e));
	assert_true(fake.like == number_of(p, "one"));
	doc_set_string(labels, LABEL_UIDS, "nonsense");
	FAILS(prepare_with(p, SNAPSHOT_ACTIVE, "c", "", labels, e), EINVAL);
}

/* ---- usage ---- */

static void
usage_is_measured_once_when_it_cannot_change(void **state)
{
	struct place *p = *state;
	struct snapshot_usage u;

	OK(prepare(p, "a", "", e));
	OK(snapshotter_usage(p->s, "a", &u, e));
	OK(snapshotter_usage(p->s, "a", &u, e));
	assert_int_equal(u.bytes, 8192);
	OK(commit(p, "a", "one", e));
	assert_int_equal(fake.measured, 2);
	for (int i = 0; i < 2; i++) {
		OK(snapshotter_usage(p->s, "one", &u, e));
		assert_int_equal(u.bytes, 3 * 4096);
		assert_int_equal(u.inodes, 3);
	}
	OK(view(p, "v", "one", e));
	OK(snapshotter_usage(p->s, "v", &u, e));
	assert_int_equal(u.bytes, 0);
	FAILS(snapshotter_usage(p->s, "none", &u, e), ENOENT);
}

/* ---- labels ---- */

static const char *
label(struct place *p, const char *key, const char *name, char value[20])
{
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };
	const char *v;

	OK(snapshotter_stat(p->s, key, &i, e));
	v = doc_string(doc_find(i.labels, name));
	snprintf(value, 20, "%s", v == NULL ? "" : v);
	return value;
}

static int
update(struct place *p, const char *key, const char *field, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };
	struct snapshot_update u = { key, labels, &field, field != NULL };

	doc_set_string(labels, "x", "new");
	return snapshotter_update(p->s, &u, &i, e);
}

static void
labels_are_updated_by_field(void **state)
{
	struct place *p = *state;
	AUTO_DOC struct doc *labels = doc_new_object();
	char v[20];

	doc_set_string(labels, "x", "old");
	doc_set_string(labels, "y", "old");
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	OK(update(p, "a", "labels.x", e));
	assert_string_equal(label(p, "a", "x", v), "new");
	assert_string_equal(label(p, "a", "y", v), "old");
	OK(update(p, "a", "labels.y", e));
	assert_string_equal(label(p, "a", "y", v), "");
	OK(update(p, "a", "labels.x", e));
	FAILS(update(p, "a", "parent", e), EINVAL);
	FAILS(update(p, "none", NULL, e), ENOENT);
	OK(snapshotter_remove(p->s, "a", e));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	OK(update(p, "a", NULL, e));
	assert_string_equal(label(p, "a", "y", v), "");
	OK(snapshotter_remove(p->s, "a", e));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	OK(update(p, "a", "labels", e));
	assert_string_equal(label(p, "a", "y", v), "");
	/* A commit brings its own. */
	OK(commit(p, "a", "one", e));
	assert_string_equal(label(p, "one", "x", v), "");
}

static int
append(void *ctx, const struct snapshot_info *i)
{
	char *names = ctx;

	strcat(names, i->name);
	strcat(names, " ");
	return 0;
}

static void
expect_list(struct place *p, const char *filter, const char *names)
{
	char found[200] = "";

	OK(snapshotter_list(p->s, &filter, filter != NULL, append, found, e));
	assert_string_equal(found, names);
}

static void
snapshots_are_listed_by_filters(void **state)
{
	struct place *p = *state;
	const char *bad = "name=";
	char found[10] = "";

	add_layer(p, "one", "");
	OK(prepare(p, "a", "one", e));
	OK(view(p, "v", "one", e));
	expect_list(p, NULL, "one a v ");
	expect_list(p, "kind==active", "a ");
	expect_list(p, "kind==committed", "one ");
	expect_list(p, "parent==one", "a v ");
	expect_list(p, "name~=/^[av]$/,kind!=view", "a ");
	FAILS(snapshotter_list(p->s, &bad, 1, append, found, e), EINVAL);
}

/* ---- remote snapshots ---- */

/* What ctr-remote's labels ask for: the image's layer. */
static struct doc *
remote_labels(unsigned layer)
{
	struct doc *labels = doc_new_object();
	struct digest chain = fake_chain(layer), digest = fake_layer(layer);

	doc_set_string(labels, LABEL_CHAIN, DIGEST_TEXT(&chain));
	doc_set_string(labels, "containerd.io/snapshot/remote/stargz.reference",
	    FAKE_REFERENCE);
	doc_set_string(labels, "containerd.io/snapshot/remote/stargz.digest",
	    DIGEST_TEXT(&digest));
	return labels;
}

static int
prepare_remote(
    struct place *p, unsigned layer, const char *parent, struct err *e)
{
	AUTO_DOC struct doc *labels = remote_labels(layer);

	return prepare_with(p, SNAPSHOT_ACTIVE, "extract", parent, labels, e);
}

/* The name under which containerd finds it, as it asks. */
static const char *
find_remote(struct place *p, unsigned layer, const char *parent, char name[200])
{
	struct digest chain = fake_chain(layer);
	char filter[400];
	const char *filters = filter;

	snprintf(filter, sizeof filter,
	    "labels.\"" LABEL_CHAIN "\"==%s,parent==\"%s\"",
	    DIGEST_TEXT(&chain), parent);
	*name = 0;
	OK(snapshotter_list(p->s, &filters, 1, append, name, e));
	if (*name != 0)
		name[strlen(name) - 1] = 0;
	return name;
}

/* All layers of the image; `top` is the last one's name. */
static void
pull(struct place *p, char top[200])
{
	char parent[200] = "";

	for (unsigned k = 0; k < fake.n_layers; k++) {
		FAILS(prepare_remote(p, k, parent, e), EEXIST);
		find_remote(p, k, parent, top);
		assert_string_not_equal(top, "");
		expect(p, top, SNAPSHOT_COMMITTED, parent);
		strcpy(parent, top);
	}
}

static void
an_image_is_pulled_without_a_folder(void **state)
{
	struct place *p = *state;
	char top[200];
	struct snapshot_usage u;

	pull(p, top);
	expect_absent(p, "extract");
	assert_int_equal(fake.openings, 1);
	assert_int_equal(fake.holds, 3);
	assert_int_equal(fake.fallbacks, 0);
	assert_int_equal(count_folders(), 0);
	OK(snapshotter_usage(p->s, top, &u, e));
	assert_int_equal(u.bytes, 12288);
	assert_int_equal(u.inodes, 7);
	/* Another namespace finds the same ones. */
	pull(p, top);
	assert_int_equal(fake.holds, 3);
}

static void
a_container_on_a_whole_image_has_one_lower_folder(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare(p, "c", top, e));
	assert_int_equal(fake.like, 0);
	assert_int_equal(fake.uid, 5);
	assert_int_equal(fake.gid, 6);
	expect_option(p, "c", "lowerdir=/r/m/9f"); /* IMAGE_MERGED */
	assert_int_equal(fake.showings, 1);
	expect_option(p, "c", "lowerdir=/r/m/9f");
	assert_int_equal(fake.showings, 1);
	OK(snapshotter_remove(p->s, "c", e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.showings, 0);
}

static void
a_mixed_chain_has_a_lower_folder_a_layer(void **state)
{
	struct place *p = *state;
	char one[200], two[200];

	FAILS(prepare_remote(p, 0, "", e), EEXIST);
	find_remote(p, 0, "", one);
	FAILS(prepare_remote(p, 1, one, e), EEXIST);
	find_remote(p, 1, one, two);
	add_layer(p, "three", two);
	OK(prepare(p, "c", "three", e));
	expect_lowers(p, "c", "three", ":/r/m/a1:/r/m/a0");
	/* The middle of the image is not the image. */
	OK(view(p, "v", two, e));
	expect_option(p, "v", "lowerdir=/r/m/a1:/r/m/a0");
}

static void
what_lies_on_a_whole_image_lies_on_its_merged_index(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	add_layer(p, "one", top);
	OK(view(p, "v", "one", e));
	expect_lowers(p, "v", "one", ":/r/m/9f");
	add_layer(p, "two", "one");
	OK(prepare(p, "c", "two", e));
	OK(snapshotter_remove(p->s, "v", e));
	OK(snapshotter_remove(p->s, "c", e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.showings, 0);
}

static void
removing_a_remote_snapshot_lets_go_of_its_image(void **state)
{
	struct place *p = *state;
	char name[200];

	FAILS(prepare_remote(p, 0, "", e), EEXIST);
	find_remote(p, 0, "", name);
	OK(snapshotter_remove(p->s, name, e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.holds, 0);
	FAILS(prepare_remote(p, 0, "", e), EEXIST);
	assert_int_equal(fake.holds, 1);
}

static void
a_layer_that_cannot_be_lazy_is_unpacked(void **state)
{
	struct place *p = *state;
	char name[200];

	fake.is_missing[1] = true;
	FAILS(prepare_remote(p, 0, "", e), EEXIST);
	find_remote(p, 0, "", name);
	OK(prepare_remote(p, 1, name, e));
	assert_int_equal(fake.fallbacks, 1);
	assert_string_equal(fake.reason, "too big to read whole");
	expect(p, "extract", SNAPSHOT_ACTIVE, name);
}

static void
a_registry_that_fails_is_not_asked_by_every_layer(void **state)
{
	struct place *p = *state;

	fake.is_away = true;
	OK(prepare_remote(p, 0, "", e));
	OK(commit(p, "extract", "one", e));
	OK(prepare_remote(p, 1, "one", e));
	assert_int_equal(fake.openings, 1);
	assert_int_equal(fake.fallbacks, 2);
}

static void
a_registry_that_stalls_is_waited_for_once(void **state)
{
	struct place *p = *state;

	fake.is_stalled = true;
	OK(prepare_remote(p, 0, "", e));
	assert_non_null(strstr(fake.reason, "200 ms"));
	OK(commit(p, "extract", "one", e));
	fake.is_stalled = false;
	for (int i = 0; i < 200 && fake.images == 0; i++)
		usleep(10000);
	usleep(10000);
	/* The opening went on, and serves the next. */
	FAILS(prepare_remote(p, 0, "", e), EEXIST);
	assert_int_equal(fake.openings, 1);
}

static void *
cancel_soon(void *arg)
{
	struct place *p = arg;

	usleep(20000);
	snapshotter_cancel(p->s);
	return NULL;
}

static void
who_waits_for_a_registry_is_let_go_at_the_end(void **state)
{
	struct place *p = *state;
	pthread_t t;

	fake.is_stalled = true;
	pthread_create(&t, NULL, cancel_soon, p);
	OK(prepare_remote(p, 0, "", e));
	assert_non_null(strstr(fake.reason, "ends"));
	pthread_join(t, NULL);
	fake.is_stalled = false;
}

static void
labels_that_do_not_fit_the_image_are_not_believed(void **state)
{
	struct place *p = *state;
	AUTO_DOC struct doc *labels = remote_labels(0);
	struct digest other = fake_layer(2);

	/* The chain's layer is another. */
	doc_set_string(labels, "containerd.io/snapshot/remote/stargz.digest",
	    DIGEST_TEXT(&other));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	/* The image has no such chain. */
	doc_set_string(labels, LABEL_CHAIN, DIGEST_TEXT(&other));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "b", "", labels, e));
	/* The second layer on nothing. */
	OK(prepare_remote(p, 1, "", e));
	assert_int_equal(fake.fallbacks, 3);
	assert_int_equal(fake.holds, 0);
}

static void
a_known_chain_needs_no_reference(void **state)
{
	struct place *p = *state;
	AUTO_DOC struct doc *labels = doc_new_object();
	struct digest chain = fake_chain(0);

	doc_set_string(labels, LABEL_CHAIN, DIGEST_TEXT(&chain));
	OK(prepare_with(p, SNAPSHOT_ACTIVE, "a", "", labels, e));
	fake.is_known = true;
	FAILS(prepare_with(p, SNAPSHOT_ACTIVE, "b", "", labels, e), EEXIST);
	assert_int_equal(fake.openings, 0);
	assert_int_equal(fake.fallbacks, 0);
}

/* ---- several at once ---- */

struct racing {
	struct place *place;
	_Atomic int won;
	pthread_barrier_t start;
};

static void *
race(void *arg)
{
	struct racing *r = arg;
	struct err e = ERR_INIT;

	pthread_barrier_wait(&r->start);
	if (prepare(r->place, "a", "", &e) == 0)
		r->won++;
	else
		assert_int_equal(e.code, EEXIST);
	return NULL;
}

static void
of_two_that_take_a_key_at_once_one_gets_it(void **state)
{
	struct racing r = { .place = *state };
	pthread_t threads[8];

	pthread_barrier_init(&r.start, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, race, &r);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&r.start);
	assert_int_equal(r.won, 1);
}

static void *
race_remote(void *arg)
{
	struct racing *r = arg;

	pthread_barrier_wait(&r->start);
	FAILS(prepare_remote(r->place, 0, "", e), EEXIST);
	return NULL;
}

static void
a_layer_that_is_asked_for_at_once_is_made_once(void **state)
{
	struct racing r = { .place = *state };
	pthread_t threads[8];

	pthread_barrier_init(&r.start, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, race_remote, &r);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&r.start);
	assert_int_equal(fake.openings, 1);
	assert_int_equal(fake.holds, 1);
}

/* ---- restarts ---- */

static void
what_an_earlier_life_answered_is_there(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	add_layer(p, "one", "");
	OK(prepare(p, "c", top, e));
	end_life(p);
	fake.showings = 0;
	fake.survived = FAKE_SHOWING(IMAGE_MERGED);
	begin_life(p);
	expect(p, "one", SNAPSHOT_COMMITTED, "");
	assert_int_equal(fake.showings, 1);
	expect_option(p, "c", "lowerdir=/r/m/9f");
	assert_int_equal(fake.showings, 1);
}

/* The lower folders of `key` as the supervisor shows them: the first `mapped`,
 * then `rest`. */
static void
expect_mapped(
    struct place *p, const char *key, unsigned mapped, const char *rest)
{
	char option[400] = "lowerdir=";
	size_t at = strlen(option);

	for (unsigned i = 0; i < mapped; i++)
		at +=
		    snprintf(option + at, sizeof option - at, "%s/r/m/i/%ju/%u",
			i > 0 ? ":" : "", (uintmax_t)number_of(p, key), i);
	snprintf(option + at, sizeof option - at, "%s", rest);
	expect_option(p, key, option);
}

static int
prepare_mapped(
    struct place *p, const char *key, const char *parent, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();

	doc_set_string(labels, LABEL_UIDS, "0:1000:65536");
	doc_set_string(labels, LABEL_GIDS, "0:2000:65536");
	return prepare_with(p, SNAPSHOT_ACTIVE, key, parent, labels, e);
}

static void
labels_give_lower_folders_other_owners(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare_mapped(p, "c", top, e));
	assert_int_equal(fake.uid, 1000);
	assert_int_equal(fake.mapped, 1);
	assert_int_equal(fake.map.ranges[0].outside, 1000);
	expect_mapped(p, "c", 1, "");
	add_layer(p, "one", top);
	OK(prepare_mapped(p, "d", "one", e));
	expect_mapped(p, "d", 2, "");
	OK(snapshotter_remove(p->s, "d", e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.mapped, 0);
}

/* By a client that did not know better. */
static void
what_was_given_away_already_stays_as_it_is(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	add_layer(p, "remapped", top);
	add_layer(p, "more", "remapped");
	fake.theirs = number_of(p, "remapped");
	fake.is_old = true;
	OK(prepare_mapped(p, "c", "remapped", e));
	expect_lowers(p, "c", "remapped", ":/r/m/9f");
	assert_int_equal(fake.mapped, 0);
	fake.is_old = false;
	OK(prepare_mapped(p, "d", "more", e));
	assert_int_equal(fake.mapped, 1);
}

static void
a_kernel_without_other_owners_is_told_of(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	fake.is_old = true;
	FAILS(prepare_mapped(p, "c", top, e), ENOTSUP);
	expect_absent(p, "c");
	OK(prepare(p, "c", top, e));
}

/* What is merged now was a folder a layer while the image was not whole. */
static void
lower_folders_stay_what_they_were(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare(p, "c", top, e));
	fake.is_missing[0] = true;
	expect_option(p, "c", "lowerdir=/r/m/9f");
	fake.is_missing[0] = false;
	end_life(p);
	fake.showings = 0;
	fake.survived = FAKE_SHOWING(0) | FAKE_SHOWING(1) | FAKE_SHOWING(2);
	begin_life(p);
	assert_int_equal(fake.showings, 3);
	expect_option(p, "c", "lowerdir=/r/m/a2:/r/m/a1:/r/m/a0");
	assert_int_equal(fake.showings, 3);
}

static void
all_that_may_be_mounted_is_resumed(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare(p, "c", top, e));
	end_life(p);
	fake.showings = 0;
	fake.survived = FAKE_SHOWING(IMAGE_MERGED) | FAKE_SHOWING(0);
	begin_life(p);
	assert_int_equal(fake.showings, 2);
	expect_option(p, "c", "lowerdir=/r/m/9f");
	OK(snapshotter_remove(p->s, "c", e));
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(fake.showings, 0);
}

static void
a_layer_that_was_damaged_is_made_again(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	end_life(p);
	fake.is_damaged = true;
	fake.is_away = true;
	begin_life(p);
	FAILS(prepare(p, "c", top, e), EAGAIN);
	expect_absent(p, "c");
	end_life(p);
	fake.is_away = false;
	begin_life(p);
	OK(prepare(p, "c", top, e));
	expect_option(p, "c", "lowerdir=/r/m/a2:/r/m/a1:/r/m/a0");
	assert_false(fake.is_damaged);
}

static void
a_showing_that_did_not_survive_is_taken_anew(void **state)
{
	struct place *p = *state;
	char top[200];

	pull(p, top);
	OK(prepare(p, "c", top, e));
	end_life(p);
	fake.showings = 0;
	begin_life(p);
	assert_int_equal(fake.showings, 0);
	expect_option(p, "c", "lowerdir=/r/m/9f");
	assert_int_equal(fake.showings, 1);
}

static void
a_repeat_of_what_an_earlier_life_did_succeeds_once(void **state)
{
	struct place *p = *state;

	OK(prepare(p, "a", "", e));
	OK(prepare(p, "b", "", e));
	OK(commit(p, "b", "one", e));
	OK(prepare(p, "c", "", e));
	OK(snapshotter_remove(p->s, "c", e));
	FAILS(prepare(p, "a", "", e), EEXIST);
	end_life(p);
	begin_life(p);
	FAILS(view(p, "a", "", e), EEXIST);
	FAILS(prepare(p, "a", "one", e), EEXIST);
	FAILS(commit(p, "a", "one", e), EEXIST);
	OK(prepare(p, "a", "", e));
	FAILS(prepare(p, "a", "", e), EEXIST);
	OK(commit(p, "b", "one", e));
	FAILS(commit(p, "b", "one", e), EEXIST);
	OK(snapshotter_remove(p->s, "c", e));
	FAILS(snapshotter_remove(p->s, "c", e), ENOENT);
}

static void
what_an_earlier_life_only_began_goes(void **state)
{
	struct place *p = *state;
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	OK(prepare(p, "a", "", e));
	OK(db_get_snapshot(p->db, "a", &row, e));
	row.state = SNAPSHOT_MAKING;
	OK(db_set_snapshot(p->db, &row, e));
	expect_absent(p, "a");
	FAILS(prepare(p, "a", "", e), EEXIST);
	end_life(p);
	begin_life(p);
	OK(snapshotter_cleanup(p->s, e));
	assert_int_equal(count_folders(), 0);
	OK(prepare(p, "a", "", e));
}

#define IN_PLACE(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_snapshot_goes_from_active_to_committed),
		IN_PLACE(a_key_is_taken_once),
		IN_PLACE(a_parent_must_be_committed),
		IN_PLACE(only_what_nothing_builds_on_is_removed),
		IN_PLACE(what_was_removed_goes_without_being_asked),
		IN_PLACE(a_folder_that_cannot_be_made_leaves_nothing),
		IN_PLACE(a_folder_that_is_left_over_is_left_alone),
		IN_PLACE(a_committed_snapshot_has_no_mounts),
		IN_PLACE(a_mapped_root_owns_the_folder_and_those_above),
		IN_PLACE(usage_is_measured_once_when_it_cannot_change),
		IN_PLACE(labels_are_updated_by_field),
		IN_PLACE(snapshots_are_listed_by_filters),
		IN_PLACE(an_image_is_pulled_without_a_folder),
		IN_PLACE(a_container_on_a_whole_image_has_one_lower_folder),
		IN_PLACE(what_lies_on_a_whole_image_lies_on_its_merged_index),
		IN_PLACE(a_mixed_chain_has_a_lower_folder_a_layer),
		IN_PLACE(removing_a_remote_snapshot_lets_go_of_its_image),
		IN_PLACE(a_layer_that_cannot_be_lazy_is_unpacked),
		IN_PLACE(a_registry_that_fails_is_not_asked_by_every_layer),
		IN_PLACE(a_registry_that_stalls_is_waited_for_once),
		IN_PLACE(who_waits_for_a_registry_is_let_go_at_the_end),
		IN_PLACE(labels_that_do_not_fit_the_image_are_not_believed),
		IN_PLACE(a_known_chain_needs_no_reference),
		IN_PLACE(of_two_that_take_a_key_at_once_one_gets_it),
		IN_PLACE(a_layer_that_is_asked_for_at_once_is_made_once),
		IN_PLACE(what_an_earlier_life_answered_is_there),
		IN_PLACE(labels_give_lower_folders_other_owners),
		IN_PLACE(what_was_given_away_already_stays_as_it_is),
		IN_PLACE(a_kernel_without_other_owners_is_told_of),
		IN_PLACE(lower_folders_stay_what_they_were),
		IN_PLACE(all_that_may_be_mounted_is_resumed),
		IN_PLACE(a_layer_that_was_damaged_is_made_again),
		IN_PLACE(a_showing_that_did_not_survive_is_taken_anew),
		IN_PLACE(a_repeat_of_what_an_earlier_life_did_succeeds_once),
		IN_PLACE(what_an_earlier_life_only_began_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
