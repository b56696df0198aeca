#include "layer/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "layer/distrust.h"
#include "layer/files.h"
#include "layer/restarts.h"
#include "fetch/fetch.h"
#include "format/layer_index.h"
#include "codec/points.h"
#include "index/index.h"
#include "store/map.h"
#include "store/store.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

/* Layers that were made before there were such tables say nothing of one. */
static int
read_table(struct layer *l, const struct doc *info, struct err *e)
{
	const char *text;

	if (doc_find(info, "table") == NULL)
		return 0;
	if (doc_get_string(info, "table", &text, e) < 0 ||
	    digest_parse(&l->table, text, e) < 0)
		return err_wrap(e, "info");
	l->has_table = true;
	return 0;
}

static int
read_info(struct layer *l, int dir, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	AUTO_DOC struct doc *info = NULL;
	const char *format, *reason;

	if (fs_read_file(dir, "info", &text, e) < 0)
		return -1;
	info = doc_parse_json(text.data, text.len, e);
	if (info == NULL || doc_get_string(info, "format", &format, e) < 0 ||
	    doc_get_string(info, "reason", &reason, e) < 0)
		return err_wrap(e, "info");
	snprintf(l->format, sizeof l->format, "%s", format);
	snprintf(l->reason, sizeof l->reason, "%s", reason);
	return read_table(l, info, e);
}

static int
read_map(struct layer *l, int dir, struct err *e)
{
	AUTO_CLOSE int fd = openat(dir, "map", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "open map");
	l->map = map_open(fd, e);
	if (l->map == NULL)
		return err_wrap(e, "map");
	if (!digest_equal(map_blob(l->map, &l->blob_size), &l->digest))
		return err_set(e, EBADMSG, "map is of another layer");
	l->files = map_n_objects(l->map);
	for (uint32_t i = 0; i < l->files; i++) {
		struct object o;

		map_object(l->map, i, &o);
		l->size += o.size;
	}
	return 0;
}

/* Here already: who finds out later that it is damaged has others to wait for
 * that use the layer. */
static int
check_index(const struct layer *l, struct err *e)
{
	AUTO_INDEX struct index *x = layer_open_index(l, e);

	return x == NULL ? -1 : 0;
}

static int
read_files(struct layer *l, int dir, struct err *e)
{
	if (read_info(l, dir, e) < 0 || read_map(l, dir, e) < 0 ||
	    restarts_open(dir, l->map, &l->points, e) < 0)
		return -1;
	return check_index(l, e);
}

static void
layer_free(struct layer *l)
{
	map_close(l->map);
	points_close(l->points);
	free(l);
}

struct layer *
layer_open(
    struct store *s, struct fetcher *f, const struct digest *d, struct err *e)
{
	AUTO_CLOSE int dir = files_open_dir(s, FILES_LAYERS, d, e);
	struct layer *l;

	if (dir < 0)
		return NULL;
	l = calloc(1, sizeof *l);
	if (l == NULL) {
		err_set(e, ENOMEM, "layer %s", DIGEST_TEXT(d));
		return NULL;
	}
	l->digest = *d;
	l->store = s;
	if (files_check_boot(s, FILES_LAYERS, d, &l->is_fresh, e) < 0 ||
	    read_files(l, dir, e) < 0 || store_add_map(s, l->map, e) < 0) {
		err_wrap(e, "layer %s", DIGEST_TEXT(d));
		layer_free(l);
		return NULL;
	}
	l->blob = blob_new(f, l->map, l->points, e);
	if (l->blob == NULL) {
		uint64_t freed;

		store_remove_map(s, l->map, &freed, &(struct err){ 0 });
		layer_free(l);
		return NULL;
	}
	if (layer_is_distrusted(l))
		layer_distrust(l);
	return l;
}

bool
layer_is_distrusted(const struct layer *l)
{
	char why[DISTRUST_WHY_SIZE];

	return l->has_table && distrust_find(l->store, &l->table, why);
}

void
layer_distrust(const struct layer *l)
{
	blob_condemn(l->blob,
	    "the index beside its image lied: mounted again, when nobody has "
	    "it mounted, it is read whole");
}

void
layer_close(struct layer *l)
{
	if (l == NULL)
		return;
	blob_unref(l->blob);
	layer_free(l);
}

int
layer_remove(struct layer *l, uint64_t *freed_bytes, struct err *e)
{
	struct store *s = l->store;
	struct digest d = l->digest;
	struct err failed = ERR_INIT;

	/* The folder goes first: a map on disk always has its objects. */
	if (files_remove_dir(s, FILES_LAYERS, &d, e) < 0)
		return err_wrap(e, "layer %s", DIGEST_TEXT(&d));
	blob_unref(l->blob);
	if (store_remove_map(s, l->map, freed_bytes, &failed) < 0)
		log_warn("layer %s: %s", DIGEST_TEXT(&d), failed.msg);
	/* A map that the store could not forget must stay. */
	if (failed.code != ENOMEM)
		layer_free(l);
	return 0;
}

struct index *
layer_open_index(const struct layer *l, struct err *e)
{
	return files_open_index(l->store, FILES_LAYERS, &l->digest, e);
}

int
layer_write_portable(const struct layer *l, struct buf *out, struct err *e)
{
	AUTO_INDEX struct index *x = NULL;

	if (*l->reason == 0)
		return err_set(e, ENOTSUP,
		    "layer %s: it was not read whole here",
		    DIGEST_TEXT(&l->digest));
	x = layer_open_index(l, e);
	if (x == NULL || layer_index_write(x, l->map, l->points, out, e) < 0)
		return err_wrap(e, "layer %s", DIGEST_TEXT(&l->digest));
	return 0;
}
