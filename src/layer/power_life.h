/* A node's life in a power cut's test (test_power_layers.c): what it does, what
 * was promised after each step of it, and what each image truly shows.
 */
#ifndef LAYER_POWER_LIFE_H
#define LAYER_POWER_LIFE_H

#include <string.h>

#include "layer/disk_log.h"
#include "layer/layer.h"
#include "layer/prune.h"
#include "layer/testing.h"
#include "layer/view.h"
#include "index/index.h"
#include "store/db_snapshot.h"
#include "base/hmap.h"

enum { N_TAGS = 3, STEPS_MAX = 32, IMAGES_MAX = 16 };

/* ---- what an image shows ---- */

/* Names and contents below a folder. */
static inline uint64_t
sum_of_folder(struct view *v, uint64_t dir, uint64_t sum)
{
	const struct index *x = view_index(v);
	struct index_entry entry;
	uint64_t cookie = 0, off, size;
	struct err e = ERR_INIT;

	while (index_read_dir(x, dir, &cookie, &entry)) {
		if (strncmp("..", entry.name, entry.name_len) == 0)
			continue; /* "." too */
		sum = hash_bytes(entry.name, entry.name_len, sum);
		if (S_ISDIR(entry.type))
			sum = sum_of_folder(v, entry.nid, sum);
		if (!S_ISREG(entry.type) ||
		    !index_file(x, entry.nid, &off, &size) || size == 0)
			continue;
		AUTO_FREE uint8_t *bytes = malloc(size);

		assert_non_null(bytes);
		OK(view_peek(v, bytes, size, off, &e));
		sum = hash_bytes(bytes, size, sum);
	}
	return sum;
}

/* Fetches what is missing and reads everything.  Unrefs. */
static inline uint64_t
sum_of_image(struct image *i)
{
	struct err e = ERR_INIT;
	uint64_t bytes, sum;
	struct view *v;

	OK(image_fill(i, NULL, NULL, &bytes, &e));
	v = image_view(i, IMAGE_MERGED, &e);
	if (v == NULL)
		fail_msg("%s", e.msg);
	sum = sum_of_folder(v, INDEX_ROOT, 0);
	view_unref(v);
	image_unref(i);
	return sum;
}

/* ---- a life, and what was promised in it ---- */

struct promise {
	size_t at; /* operations when it was made */
	struct digest tags[N_TAGS];
	bool has[N_TAGS];
	unsigned settled;  /* layers that are on disk for good */
	uint64_t snapshot; /* the last number given */
	unsigned snapshots;
};

struct truth {
	struct digest image;
	uint64_t sum;
};

struct life {
	struct fixture *f;
	int root; /* the fixture's folder */
	struct promise now, steps[STEPS_MAX];
	unsigned n_steps;
	unsigned pruning; /* the step that gives addresses back */
	struct truth truths[IMAGES_MAX];
	unsigned n_truths;
	unsigned n_kept, n_lost; /* next boots that found a layer, and none */

	/* Where a process was killed: till `certain_at` the disk may be as it
	 * was promised before that. */
	struct promise before_kill;
	size_t certain_at;
};

static const char *const tag_names[N_TAGS] = { "a", "b", "c" };

static inline void
end_step(struct life *l)
{
	assert_true(l->n_steps < STEPS_MAX);
	l->now.at = disk_log_size();
	l->steps[l->n_steps++] = l->now;
}

static inline void
open_tag(struct life *l, int tag, size_t n_layers)
{
	struct digest d;

	/* It moves on. */
	doc_unref(l->f->entries);
	l->f->entries = doc_new_array();
	d = add_image(l->f, tag_names[tag], n_layers);
	l->truths[l->n_truths++] = (struct truth){ d,
		sum_of_image(open_image(l->f, tag_names[tag], NAMED)) };
	l->now.tags[tag] = d;
	l->now.has[tag] = true;
	end_step(l);
}

static inline void
sync_data(struct life *l)
{
	struct err e = ERR_INIT;

	OK(store_sync(l->f->parts.store, &e));
	end_step(l);
}

static inline void
settle(struct life *l)
{
	struct err e = ERR_INIT;

	OK(catalog_settle(l->f->catalog, &e));
	l->now.settled = catalog_count_layers(l->f->catalog);
	end_step(l);
	sync_data(l);
}

static inline uint64_t
add_snapshot(struct fixture *f, const char *name)
{
	struct db_snapshot s = { .state = SNAPSHOT_THERE,
		.name = name,
		.was = "",
		.labels = "{}",
		.chain = "",
		.image = "",
		.image_label = "" };
	struct err e = ERR_INIT;
	uint64_t number;

	OK(db_add_snapshot(f->parts.db, &s, &number, &e));
	return number;
}

static inline void
take_snapshot(struct life *l, const char *name)
{
	l->now.snapshot = add_snapshot(l->f, name);
	l->now.snapshots++;
	end_step(l);
}

static inline void
remove_snapshot(struct life *l)
{
	struct err e = ERR_INIT;

	OK(db_delete_snapshot(l->f->parts.db, l->now.snapshot, &e));
	l->now.snapshots--;
	end_step(l);
}

/* Other contents, for addresses that were somebody's. */
static inline void
change_tar(struct fixture *f)
{
	f->tar.len = 0;
	tar_add(&f->tar, '0', "srv/hello", NULL, "again\n", 6);
	tar_finish(&f->tar);
	add_blob(f, f->tar.data, f->tar.len, &f->tar_digest);
}

static inline void
restart(struct life *l)
{
	stop(l->f);
	start(l->f);
	end_step(l);
}

/* The tag layer goes with the image that `a` meant first. */
static inline void
prune(struct life *l)
{
	struct prune_request q = { 0 };
	struct err e = ERR_INIT;
	uint64_t freed;

	OK(catalog_hold(l->f->catalog, &l->now.tags[0], "mount/1", &e));
	OK(catalog_hold(l->f->catalog, &l->now.tags[1], "mount/2", &e));
	l->now.settled = 0;
	end_step(l);
	l->pruning = l->n_steps;
	OK(catalog_prune(l->f->catalog, &q, &freed, &e));
	assert_int_equal(catalog_count_layers(l->f->catalog), 1);
	end_step(l);
}

static inline void
live(struct life *l)
{
	start(l->f);
	end_step(l);
	open_tag(l, 0, 2);
	take_snapshot(l, "one");
	open_tag(l, 1, 1);
	settle(l);
	take_snapshot(l, "two");
	restart(l);
	open_tag(l, 0, 1);
	remove_snapshot(l);
	prune(l);
	restart(l);
	change_tar(l->f);
	open_tag(l, 2, 2);
	sync_data(l);
	settle(l);
	take_snapshot(l, "three");
	stop(l->f);
	end_step(l);
}

#endif
