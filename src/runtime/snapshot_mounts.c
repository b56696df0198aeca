/* Mounts and usage of snapshots. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/chain.h"
#include "runtime/labels.h"
#include "runtime/lowers.h"
#include "runtime/snapshotter_private.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "store/db.h"
#include "store/store.h"
#include "supervisor/agent.h"
#include "base/digest.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

/* ---- mounts ---- */

/* Its own folder has the owners that labels ask for already. */
static int
take_lowers(struct snapshotter *s, const struct db_snapshot *row,
    struct lower_paths *out, struct err *e)
{
	AUTO_CHAIN struct chain c = { 0 };
	AUTO_DOC struct doc *labels = snapshot_labels(row, e);
	struct label_maps maps;
	bool is_mapped;

	if (labels == NULL ||
	    labels_find_maps(labels, &maps, &is_mapped, e) < 0 ||
	    chain_read(s->parts.db, row->parent, &c, e) < 0 ||
	    lowers_take(s->lowers, row->number, &c, out, e) < 0)
		return -1;
	return is_mapped ? lowers_map(s->lowers, row->number, &maps, out, e)
			 : 0;
}

int
snapshot_mount(struct snapshotter *s, const struct db_snapshot *row,
    struct snapshot_mount *out, struct err *e)
{
	AUTO_LOWER_PATHS struct lower_paths lowers = { 0 };
	char own[LIMIT_PATH_BYTES];
	struct overlay o = {
		.needs = &s->needs,
		.is_view = row->kind == SNAPSHOT_VIEW,
		.own = own,
	};

	if (take_lowers(s, row, &lowers, e) < 0)
		return -1;
	snprintf(own, sizeof own, "%s/s/%ju", s->parts.run_path,
	    (uintmax_t)row->number);
	o.lowers = (const char *const *)lowers.at;
	o.n_lowers = lowers.n;
	return overlay_mount(&o, out, e);
}

int
snapshot_check_there(
    struct snapshotter *s, const struct db_snapshot *row, struct err *e)
{
	AUTO_DB_SNAPSHOT struct db_snapshot now = { 0 };

	if (snapshot_find(s, row->name, &now, e) == 0 &&
	    now.number == row->number && now.kind == row->kind)
		return 0;
	lowers_end(s->lowers, row->number);
	snapshot_poke_reaper(s);
	return err_set(e, ENOENT, "snapshot %.200s is gone", row->name);
}

int
snapshotter_mounts(struct snapshotter *s, const char *key,
    struct snapshot_mount *out, struct err *e)
{
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	if (snapshot_find(s, key, &row, e) < 0)
		return -1;
	if (row.kind == SNAPSHOT_COMMITTED)
		return err_set(e, EBUSY,
		    "snapshot %.200s is neither active nor a view", key);
	if (snapshot_mount(s, &row, out, e) < 0)
		return -1;
	if (snapshot_check_there(s, &row, e) == 0)
		return 0;
	snapshot_mount_release(out);
	return -1;
}

/* ---- usage ---- */

static int
measure_layer(
    const struct image *i, int64_t layer, uint64_t *bytes, struct err *e)
{
	const struct layer *l;

	if (!image_has_layer(i, layer))
		return err_set(e, ENOENT, "layer %jd of %s is not here",
		    (intmax_t)layer, i->label);
	l = i->layers[layer];
	*bytes = store_map_present(l->store, l->map);
	return 0;
}

static int
measure_remote(struct snapshotter *s, const struct db_snapshot *row,
    struct snapshot_usage *out, struct err *e)
{
	struct digest manifest;
	struct image *i;
	int rc;

	if (digest_parse(&manifest, row->image, e) < 0)
		return -1;
	i = catalog_open_known(
	    s->parts.catalog, &manifest, row->image_label, true, e);
	if (i == NULL)
		return -1;
	out->inodes = row->inodes;
	rc = measure_layer(i, row->layer, &out->bytes, e);
	image_unref(i);
	return rc;
}

struct noting {
	uint64_t number;
	const struct snapshot_usage *usage;
};

static int
note_usage(struct snapshotter *s, void *ctx, struct err *e)
{
	const struct noting *n = ctx;
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	if (db_get_snapshot_number(s->parts.db, n->number, &row, e) < 0)
		return -1;
	row.bytes = n->usage->bytes;
	row.inodes = n->usage->inodes;
	return db_set_snapshot(s->parts.db, &row, e);
}

/* Not at the commit: containerd waits for that in a transaction of its own. */
static int
measure_committed(struct snapshotter *s, const struct db_snapshot *row,
    struct snapshot_usage *out, struct err *e)
{
	struct noting n = { row->number, out };

	if (row->bytes >= 0) {
		out->bytes = row->bytes;
		out->inodes = row->inodes;
		return 0;
	}
	if (agent_measure_snapshot(
		s->parts.agent, row->number, &out->bytes, &out->inodes, e) < 0)
		return -1;
	return snapshot_transact(s, note_usage, &n, e);
}

int
snapshotter_usage(struct snapshotter *s, const char *key,
    struct snapshot_usage *out, struct err *e)
{
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	*out = (struct snapshot_usage){ 0 };
	if (snapshot_find(s, key, &row, e) < 0)
		return -1;
	if (*row.image != 0)
		return measure_remote(s, &row, out, e);
	switch (row.kind) {
	case SNAPSHOT_COMMITTED:
		return measure_committed(s, &row, out, e);
	case SNAPSHOT_ACTIVE:
		return agent_measure_snapshot(
		    s->parts.agent, row.number, &out->bytes, &out->inodes, e);
	default: /* a view has nothing of its own */
		return 0;
	}
}
