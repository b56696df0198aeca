/* The power fails at any moment of a node's life: names, manifests, layers,
 * state.db.  Whatever the disk has by then (layer/disk_log.h), the next boot
 * starts on it, a name means an image that is here, what was promised is there,
 * and every byte that is shown is right.
 *
 * Or the process is killed at any moment, and the power fails in the life of the
 * next one, which goes on with what no disk may have yet.
 */
#include <errno.h>
#include <string.h>

#include "layer/disk_log.h"
#include "layer/files.h"
#include "layer/power_life.h"
#include "layer/verify.h"
#include "store/boot.h"

/* Sanitizers look at the code, of which a few cuts see all. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CUTS = 6, KILLS = 1, CUTS_AFTER_KILL = 1 };
#else
enum { CUTS = 24, KILLS = 6, CUTS_AFTER_KILL = 2 };
#endif

/* ---- which boot it is ---- */

static const char *boot;

void __wrap_boot_id(char out[BOOT_ID_SIZE]);

void
__wrap_boot_id(char out[BOOT_ID_SIZE])
{
	snprintf(out, BOOT_ID_SIZE, "%s", boot);
}

/* ---- the next boot ---- */

static void
find_wrong(void *ctx, const struct finding *x)
{
	print_message("%s %s: %s\n", x->image, x->path, x->what);
	++*(unsigned *)ctx;
}

static void
assert_sound(struct fixture *f)
{
	unsigned n = 0;
	struct verify_request q = { .on_finding = find_wrong, .ctx = &n };
	struct verify_totals totals;
	struct err e = ERR_INIT;

	OK(catalog_verify(f->catalog, &q, &totals, &e));
	assert_int_equal(n, 0);
}

static uint64_t
true_sum(const struct life *l, const struct digest *image)
{
	for (unsigned i = 0; i < l->n_truths; i++)
		if (digest_equal(&l->truths[i].image, image))
			return l->truths[i].sum;
	fail_msg("no image %s was ever here", DIGEST_TEXT(image));
	return 0;
}

/* What may be true: as before or as after the step in which the power failed,
 * or as before the step in which a process was killed. */
struct may {
	const struct promise *be[3];
};

static bool
may_mean(const struct may *may, int tag, bool has, const struct digest *d)
{
	for (int i = 0; i < 3; i++)
		if (may->be[i]->has[tag] == has &&
		    (!has || digest_equal(&may->be[i]->tags[tag], d)))
			return true;
	return false;
}

static bool
may_have_snapshots(const struct may *may, unsigned n)
{
	for (int i = 0; i < 3; i++)
		if (may->be[i]->snapshots == n)
			return true;
	return false;
}

static unsigned
least_settled(const struct may *may)
{
	unsigned n = may->be[0]->settled;

	for (int i = 1; i < 3; i++)
		n = min_u64(n, may->be[i]->settled);
	return n;
}

static bool
find_tag(const struct life *l, int tag, struct digest *d)
{
	struct err e = ERR_INIT;
	char name[120];

	snprintf(
	    name, sizeof name, "oci:%s/layout:%s", test_path, tag_names[tag]);
	return catalog_find_reference(l->f->catalog, name, d, NULL, &e) == 0;
}

static void
check_tag(const struct life *l, const struct may *may, int tag)
{
	struct image_request q = NAMED;
	AUTO_BUF struct buf manifest = BUF_INIT(MIB(1));
	struct err e = ERR_INIT;
	struct digest d;
	bool has = find_tag(l, tag, &d);

	assert_true(may_mean(may, tag, has, &d));
	if (!has)
		return;
	OK(files_read_blob(l->f->parts.store, &d, &manifest, &e));
	q.manifest = &d;
	assert_true(sum_of_image(open_image(l->f, tag_names[tag], q)) ==
		    true_sum(l, &d));
}

static int
count_snapshot(void *ctx, const struct db_snapshot *s)
{
	(void)s;
	++*(unsigned *)ctx;
	return 0;
}

static unsigned
count_snapshots(const struct life *l)
{
	struct err e = ERR_INIT;
	unsigned n = 0;

	OK(db_each_snapshot(
	    l->f->parts.db, SNAPSHOT_THERE, count_snapshot, &n, &e));
	return n;
}

static void
check_snapshots(const struct life *l, const struct may *may)
{
	assert_true(may_have_snapshots(may, count_snapshots(l)));
	assert_true(add_snapshot(l->f, "next") > may->be[0]->snapshot);
}

static void
check_boot(struct life *l, const struct may *may)
{
	unsigned n_layers;

	start(l->f);
	n_layers = catalog_count_layers(l->f->catalog);
	l->n_kept += n_layers > 0;
	l->n_lost += n_layers == 0;
	assert_int_not_equal(
	    faccessat(l->f->root, "state.db.damaged-1", F_OK, 0), 0);
	assert_true(n_layers >= least_settled(may));
	assert_sound(l->f);
	check_snapshots(l, may);
	for (int tag = 0; tag < N_TAGS; tag++)
		check_tag(l, may, tag);
	assert_sound(l->f);
	stop(l->f);
}

static void
make_node(struct life *l, const char *name)
{
	struct err e = ERR_INIT;

	OK(fs_make_dirs(l->root, name, 0700, &e));
	l->f->root = fs_open_dir(l->root, name, &e);
	assert_true(l->f->root >= 0);
}

static void
remove_node(struct life *l, const char *name)
{
	struct err e = ERR_INIT;

	close(l->f->root);
	OK(fs_remove_tree(l->root, name, &e));
}

static void
cut_power(struct life *l, size_t cut, enum survival s, uint64_t *seed)
{
	const struct promise none = { 0 }, *before = &none;
	struct may may;
	unsigned k = 0;

	for (; k < l->n_steps && l->steps[k].at <= cut; k++)
		before = &l->steps[k];
	may.be[0] = before;
	may.be[1] = k < l->n_steps ? &l->steps[k] : before;
	may.be[2] = cut < l->certain_at ? &l->before_kill : before;
	make_node(l, "next");
	disk_log_build(cut, s, seed, l->f->root);
	check_boot(l, &may);
	remove_node(l, "next");
}

/* ---- a killed process, and the next ---- */

/* What the next one finds is what was promised, or a little more. */
static void
look_around(struct life *l, const struct may *may)
{
	start(l->f);
	assert_sound(l->f);
	for (int tag = 0; tag < N_TAGS; tag++) {
		l->now.has[tag] = find_tag(l, tag, &l->now.tags[tag]);
		assert_true(
		    may_mean(may, tag, l->now.has[tag], &l->now.tags[tag]));
	}
	l->now.snapshots = count_snapshots(l);
	assert_true(may_have_snapshots(may, l->now.snapshots));
	end_step(l);
}

static void
sweep(struct life *l)
{
	struct prune_request q = { .unused_s = 3600 };
	struct err e = ERR_INIT;
	uint64_t freed;

	OK(catalog_prune(l->f->catalog, &q, &freed, &e));
	end_step(l);
}

static void
live_on(struct life *l, const struct may *may)
{
	look_around(l, may);
	sweep(l);
	open_tag(l, 0, 2);
	l->certain_at = disk_log_size();
	settle(l);
	open_tag(l, 2, 1);
	stop(l->f);
	end_step(l);
}

/* Killed after so many operations of `whole`; cut after each step of what
 * follows, where the disk has what it was told to keep and no more, and anywhere
 * else. */
static void
kill_and_cut_power(struct life *whole, size_t at, uint64_t *seed)
{
	struct life l = *whole;
	const struct promise *after;
	unsigned k = 0;
	size_t n;

	while (k < l.n_steps && l.steps[k].at <= at)
		k++;
	l.now = l.before_kill = k > 0 ? l.steps[k - 1] : (struct promise){ 0 };
	after = k < whole->n_steps ? &whole->steps[k] : &l.before_kill;
	l.n_steps = k;
	l.certain_at = SIZE_MAX;
	boot = "boot 1";
	make_node(&l, "node");
	disk_log_branch(at, l.f->root);
	live_on(&l, &(struct may){ { &l.before_kill, after, after } });
	disk_log_end();
	remove_node(&l, "node");
	boot = "boot 2";
	n = disk_log_size();
	for (size_t i = k; i < l.n_steps; i++)
		cut_power(&l, l.steps[i].at, SURVIVES_SYNCED, seed);
	for (size_t i = 0; i < CUTS_AFTER_KILL; i++)
		cut_power(&l, at + next_random(seed) % (n - at),
		    next_random(seed) % N_SURVIVALS, seed);
	disk_log_return();
	whole->n_kept += l.n_kept;
}

/* ---- the tests ---- */

static struct life
record_life(struct fixture *f)
{
	struct life l = { .f = f, .root = f->root };

	stop(f);
	boot = "boot 1";
	make_node(&l, "node");
	disk_log_begin(f->root);
	live(&l);
	disk_log_end();
	remove_node(&l, "node");
	boot = "boot 2";
	return l;
}

static void
forget_life(struct life *l)
{
	disk_log_free();
	l->f->root = l->root;
	start(l->f);
}

static void
whatever_a_power_cut_leaves_is_right(void **state)
{
	struct life l = record_life(*state);
	size_t n = disk_log_size();
	uint64_t seed = 22;

	for (size_t i = 0; i <= CUTS; i++)
		for (int s = 0; s < N_SURVIVALS; s++)
			cut_power(&l, n * i / CUTS, s, &seed);
	assert_true(l.n_kept > 0 && l.n_lost > 0);
	forget_life(&l);
}

static void
whatever_a_power_cut_after_a_kill_leaves_is_right(void **state)
{
	struct life l = record_life(*state);
	size_t n = disk_log_size();
	uint64_t seed = 23;

	/* Where most is under way: before a sync. */
	for (size_t i = 0; i < KILLS; i++)
		kill_and_cut_power(
		    &l, disk_log_next_sync(n * i / KILLS), &seed);
	for (size_t at = disk_log_next_sync(l.steps[l.pruning - 1].at);
	     at < l.steps[l.pruning].at; at = disk_log_next_sync(at + 1))
		kill_and_cut_power(&l, at, &seed);
	assert_true(l.n_kept > 0);
	forget_life(&l);
}

#define ON_NODE(t) \
	cmocka_unit_test_setup_teardown(t, make_fixture, remove_fixture)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NODE(whatever_a_power_cut_leaves_is_right),
		ON_NODE(whatever_a_power_cut_after_a_kill_leaves_is_right),
	};

	boot = "boot 0";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
