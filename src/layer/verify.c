#include "layer/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "layer/catalog.h"
#include "layer/distrust.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "layer/merged.h"
#include "layer/restarts.h"
#include "layer/seal.h"
#include "codec/points.h"
#include "index/index.h"
#include "store/db.h"
#include "store/map.h"
#include "store/scrub.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"

/* A layer that was gone through, or a place of `data`. */
struct seen {
	struct hnode node;
	uint64_t key;
};

struct verifying {
	struct catalog *catalog;
	struct store *store;
	const struct verify_request *q;
	struct verify_totals *totals;
	struct err *failure; /* that ended it */
	struct hmap seen;    /* places of objects that were checked */
	uint8_t *buf;
	size_t room;
	uint64_t total_bytes; /* for progress */
	uint64_t begun_ns;
	struct digest *damaged; /* layers, to be removed at the end */
	size_t n_damaged;
};

static void
verifying_release(struct verifying *v)
{
	struct hnode *n;

	while ((n = hmap_any(&v->seen)) != NULL) {
		hmap_remove(&v->seen, n);
		free(container_of(n, struct seen, node));
	}
	hmap_release(&v->seen);
	free(v->buf);
	free(v->damaged);
}

/* ---- findings ---- */

static void
find(struct verifying *v, const struct finding *f)
{
	log_error("verify: %s%s%s%s%s%s", f->image, *f->path != 0 ? ": /" : "",
	    f->path, *f->image != 0 ? ": " : "", f->what,
	    f->is_repaired ? "; dropped, to be fetched or made again" : "");
	v->totals->wrong++;
	v->totals->repaired += f->is_repaired;
	if (v->q->on_finding != NULL)
		v->q->on_finding(v->q->ctx, f);
}

static void
find_of(
    struct verifying *v, const char *image, const char *what, bool is_repaired)
{
	find(v, &(struct finding){ image, "", what, is_repaired });
}

/* ---- contents ---- */

static bool
is_new(struct verifying *v, uint64_t data_off)
{
	struct seen *s;

	hmap_for_each_match(&v->seen, hash_u64(data_off), n) {
		if (container_of(n, struct seen, node)->key == data_off)
			return false;
	}
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return true;
	s->key = data_off;
	hmap_insert(&v->seen, &s->node, hash_u64(data_off));
	return true;
}

static int
reserve(struct verifying *v, size_t n, struct err *e)
{
	uint8_t *buf;

	if (n <= v->room)
		return 0;
	buf = realloc(v->buf, n);
	if (buf == NULL)
		return err_set(e, ENOMEM, "verifying");
	v->buf = buf;
	v->room = n;
	return 0;
}

/* Sleeps where it has been faster than it may. */
static int
pace(struct verifying *v, struct err *e)
{
	uint64_t spent_ns = clock_now_ns() - v->begun_ns, due_ns;
	struct timespec t;

	if (v->q->is_cancelled != NULL && *v->q->is_cancelled)
		return err_set(e, ECANCELED, "cancelled");
	if (v->q->bytes_per_s == 0)
		return 0;
	due_ns =
	    (double)v->totals->checked_bytes / v->q->bytes_per_s * NS_PER_S;
	if (due_ns <= spent_ns + NS_PER_MS)
		return 0;
	due_ns -= spent_ns;
	t = (struct timespec){ due_ns / NS_PER_S, due_ns % NS_PER_S };
	nanosleep(&t, NULL);
	return 0;
}

static bool
drop_wrong(struct verifying *v, uint64_t data_off, uint64_t len)
{
	struct err failed = ERR_INIT;

	if (!v->q->is_repair ||
	    store_drop(v->store, data_off, len, &failed) < 0)
		return false;
	if (v->q->on_dropped != NULL)
		v->q->on_dropped(v->q->ctx, data_off, len);
	return true;
}

static void
find_wrong_chunk(struct verifying *v, const struct image *i,
    const struct layer *l, uint64_t data_off, const struct chunk *c)
{
	struct err e = ERR_INIT;
	AUTO_INDEX struct index *x = layer_open_index(l, &e);
	uint64_t nid = x == NULL ? 0 : index_find_position(x, data_off);
	AUTO_FREE char *path = nid == 0 ? NULL : index_path(x, nid);
	char what[200];
	bool is_repaired = drop_wrong(v, data_off, c->len);

	snprintf(what, sizeof what, "%u bytes from %ju on are wrong (chunk %s)",
	    c->len, (uintmax_t)c->object_off, DIGEST_TEXT(&c->digest));
	metric_add(METRIC_verify_wrong, 1);
	find(v, &(struct finding){
		    i->label, path == NULL ? "" : path, what, is_repaired });
}

static int
verify_chunk(struct verifying *v, const struct image *i, const struct layer *l,
    uint64_t data_off, const struct chunk *c, struct err *e)
{
	struct err failed = ERR_INIT;

	/* Only its span's bytes in the blob had a digest. */
	if (!c->has_digest && c->codec == CHUNK_SPAN) {
		v->totals->unchecked_bytes += c->len;
		return 0;
	}
	if (reserve(v, c->len, e) < 0)
		return -1;
	switch (store_scrub_chunk(v->store, data_off, c, v->buf)) {
	case SCRUB_ABSENT:
		return 0;
	case SCRUB_PARTIAL:
		v->totals->unchecked_bytes += c->len;
		/* Nobody says that it is wrong: what was read of it stays, and
		 * a reader may be waiting for the rest of it. */
		if (v->q->is_repair)
			store_drop_unleased(
			    v->store, data_off, c->len, &failed);
		return 0;
	case SCRUB_WRONG:
		find_wrong_chunk(v, i, l, data_off, c);
		break;
	case SCRUB_RIGHT:
		break;
	}
	v->totals->checked_bytes += c->len;
	metric_add(METRIC_verify_chunks, 1);
	return pace(v, e);
}

static void
tell_progress(struct verifying *v)
{
	if (v->q->on_progress != NULL)
		v->q->on_progress(v->q->ctx,
		    min_u64(v->totals->checked_bytes, v->total_bytes),
		    v->total_bytes);
}

static int
verify_contents(struct verifying *v, const struct image *i,
    const struct layer *l, struct err *e)
{
	for (uint32_t n = 0; n < map_n_objects(l->map); n++) {
		struct object o;

		map_object(l->map, n, &o);
		if (!is_new(v, o.data_off))
			continue;
		for (uint32_t k = 0; k < o.n_chunks; k++) {
			struct chunk c;

			map_chunk(l->map, o.first_chunk + k, &c);
			if (verify_chunk(
				v, i, l, o.data_off + c.object_off, &c, e) < 0)
				return -1;
		}
		if (n % 256 == 0)
			tell_progress(v);
	}
	map_let_go(l->map);
	return 0;
}

/* ---- files beside `data` ---- */

static int
check_maps(struct verifying *v, const struct layer *l, struct err *e)
{
	AUTO_CLOSE int dir =
	    files_open_dir(v->store, FILES_LAYERS, &l->digest, e);
	AUTO_CLOSE int fd = -1;
	AUTO_MAP struct map *m = NULL;
	AUTO_POINTS struct points *p = NULL;

	if (dir < 0)
		return -1;
	fd = openat(dir, "map", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open map");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	m = map_open(fd, e);
	return m == NULL || restarts_open(dir, m, &p, e) < 0 ? -1 : 0;
}

static int
check_index(struct verifying *v, enum files_kind k, const struct digest *d,
    struct err *e)
{
	AUTO_INDEX struct index *x = files_open_index(v->store, k, d, e);

	if (x == NULL)
		return -1;
	if (seal_check(v->store, k, d, e) < 0 && e->code != ENOENT)
		return -1;
	return 0;
}

static void
note_damaged(struct verifying *v, const struct digest *d)
{
	struct digest *at =
	    reallocarray(v->damaged, v->n_damaged + 1, sizeof *at);

	if (at == NULL)
		return;
	v->damaged = at;
	at[v->n_damaged++] = *d;
}

/* The contents of a layer whose map is damaged are not looked at: what would
 * one compare them with? */
static int
verify_layer(struct verifying *v, const struct image *i, const struct layer *l,
    struct err *e)
{
	struct err wrong = ERR_INIT;
	char what[600];

	if (!is_new(v, digest_prefix(&l->digest) | 1))
		return 0;
	if (l->has_table && distrust_find(v->store, &l->table, what))
		find_of(v, i->label, what, false);
	if (check_maps(v, l, &wrong) == 0 &&
	    check_index(v, FILES_LAYERS, &l->digest, &wrong) == 0)
		return verify_contents(v, i, l, e);
	snprintf(what, sizeof what, "layer %s: %s", DIGEST_TEXT(&l->digest),
	    wrong.msg);
	if (v->q->is_repair)
		note_damaged(v, &l->digest);
	find_of(v, i->label, what, false);
	return 0;
}

static void
verify_merged(struct verifying *v, const struct image *i)
{
	const struct digest *d = &i->manifest.digest;
	struct err wrong = ERR_INIT, failed = ERR_INIT;
	bool is_fresh, is_repaired;

	/* One that a power cut may have taken nobody shows (files.h). */
	if ((files_check_boot(v->store, FILES_IMAGES, d, &is_fresh, &wrong) ==
		    0 &&
		check_index(v, FILES_IMAGES, d, &wrong) == 0) ||
	    wrong.code == ENOENT || wrong.code == ESTALE)
		return;
	is_repaired = v->q->is_repair && merged_remove(i, &failed) == 0;
	find_of(v, i->label, wrong.msg, is_repaired);
}

/* ---- an image ---- */

static int
verify_open_image(struct verifying *v, const struct image *i, struct err *e)
{
	AUTO_BUF struct buf config = BUF_INIT(LIMIT_CONFIG_BYTES);
	struct err wrong = ERR_INIT;

	verify_merged(v, i);
	/* One that is wrong is removed by who finds that out. */
	if (files_read_blob(
		v->store, &i->manifest.config.digest, &config, &wrong) < 0 &&
	    wrong.code == EBADMSG)
		find_of(v, i->label, wrong.msg, true);
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		if (i->layers[k] != NULL &&
		    verify_layer(v, i, i->layers[k], e) < 0)
			return -1;
	return 0;
}

/* Nobody wants it: it is being removed, or is gone already. */
static bool
is_going(struct verifying *v, const struct digest *image)
{
	struct err e = ERR_INIT;

	return db_is_image_wanted(catalog_parts(v->catalog)->db, image, &e) ==
	       0;
}

static int
verify_image(void *ctx, const struct known_image *k)
{
	struct verifying *v = ctx;
	struct err wrong = ERR_INIT;
	struct image *i;
	int rc;

	if (v->q->manifest != NULL &&
	    !digest_equal(v->q->manifest, &k->manifest))
		return 0;
	i = catalog_open_known(
	    v->catalog, &k->manifest, k->label, true, &wrong);
	if (i == NULL) {
		if (!is_going(v, &k->manifest))
			find_of(v, k->label, wrong.msg, wrong.code == EBADMSG);
		return 0;
	}
	rc = verify_open_image(v, i, v->failure);
	image_unref(i);
	return rc < 0;
}

/* ---- all of it ---- */

/* They are used by nobody now, or stay. */
static void
remove_damaged(struct verifying *v)
{
	uint64_t freed = 0;

	if (v->n_damaged == 0)
		return;
	catalog_begin_removal(v->catalog);
	for (size_t n = 0; n < v->n_damaged; n++) {
		struct err failed = ERR_INIT;
		int rc = catalog_remove_layer(
		    v->catalog, &v->damaged[n], false, &freed, &failed);

		if (rc < 0)
			log_warn("verify: %s", failed.msg);
		else if (rc == 0)
			log_warn("verify: layer %s is in use: verify again "
				 "when it is not",
			    DIGEST_TEXT(&v->damaged[n]));
		v->totals->repaired += rc > 0;
	}
	catalog_end_removal(v->catalog);
}

static int
verify_store(struct verifying *v, struct err *e)
{
	struct err wrong = ERR_INIT;
	char what[100];
	uint64_t n;

	if (db_check(catalog_parts(v->catalog)->db, &wrong) < 0)
		find_of(v, "", wrong.msg, false);
	if (store_scrub_durable(v->store, v->q->is_repair, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	snprintf(what, sizeof what,
	    "%ju blocks count as durable that are not here", (uintmax_t)n);
	find_of(v, "", what, v->q->is_repair);
	return 0;
}

int
catalog_verify(struct catalog *c, const struct verify_request *q,
    struct verify_totals *out, struct err *e)
{
	struct err failure = ERR_INIT;
	struct verifying v = { .catalog = c,
		.store = catalog_parts(c)->store,
		.q = q,
		.totals = out,
		.failure = &failure,
		.begun_ns = clock_now_ns() };
	struct store_usage u;
	int rc;

	*out = (struct verify_totals){ 0 };
	store_usage(v.store, &u);
	v.total_bytes = u.present_bytes;
	rc = q->manifest == NULL ? verify_store(&v, e) : 0;
	if (rc == 0)
		rc = catalog_each_known(c, verify_image, &v, e);
	if (rc == 0 && failure.code != 0) {
		*e = failure;
		rc = -1;
	}
	if (rc == 0)
		remove_damaged(&v);
	verifying_release(&v);
	return rc;
}
