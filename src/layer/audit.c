#include "layer/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "layer/files.h"
#include "layer/layer.h"
#include "layer/tree_compare.h"
#include "fetch/fetch.h"
#include "format/format.h"
#include "registry/source.h"
#include "index/index.h"
#include "index/writer.h"
#include "store/map.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

enum { SOURCES = 8 };

/* What the blob holds: its files' digests, by their numbers. */
struct truth {
	struct content_sink sink;
	struct buf digests; /* struct digest */
	uint64_t size;
};

struct auditing {
	const struct audit *how;
	uint64_t begun_ns;
	const struct doubt *doubt; /* or NULL */
	struct hasher *range;      /* of its bytes */
};

bool
audit_is_due(const struct layer *l)
{
	for (uint32_t i = 0; i < map_n_objects(l->map); i++) {
		struct object o;

		map_object(l->map, i, &o);
		if (!store_has(l->store, o.data_off, o.size))
			return false;
	}
	return true;
}

/* ---- reading the blob ---- */

static int
on_begin(struct content_sink *s, uint64_t size, struct err *e)
{
	(void)s, (void)size, (void)e;
	return 0;
}

static int
on_write(struct content_sink *s, const void *p, size_t n, struct err *e)
{
	(void)s, (void)p, (void)n, (void)e;
	return 0;
}

static int
on_end(struct content_sink *s, const struct digest *digest,
    const struct chunk *chunks, uint32_t n_chunks, uint32_t *ordinal,
    struct err *e)
{
	struct truth *t = container_of(s, struct truth, sink);

	(void)chunks, (void)n_chunks;
	*ordinal = t->digests.len / sizeof *digest;
	return buf_append(&t->digests, digest, sizeof *digest, e);
}

/* The part of them that is in the doubted range. */
static void
on_bytes(void *ctx, uint64_t blob_off, const void *p, size_t n)
{
	struct auditing *a = ctx;
	const struct doubt *d = a->doubt;
	uint64_t from = max_u64(blob_off, d->blob_off);
	uint64_t to = min_u64(blob_off + n, d->blob_off + d->blob_len);
	struct digest before;

	if (blob_off == 0)
		hasher_end(a->range, &before);
	if (from < to)
		hasher_update(a->range, (const uint8_t *)p + (from - blob_off),
		    to - from);
}

/* Who reads waits here while it has been faster than it may. */
static void
pace(void *ctx, uint64_t done)
{
	struct auditing *a = ctx;
	uint64_t due_ns;
	struct timespec t;

	if (a->how->bytes_per_s == 0)
		return;
	due_ns = a->begun_ns + (double)done / a->how->bytes_per_s * NS_PER_S;
	while (clock_now_ns() < due_ns &&
	       (a->how->is_cancelled == NULL ||
		   !atomic_load(a->how->is_cancelled))) {
		uint64_t ns = min_u64(due_ns - clock_now_ns(), NS_PER_S / 10);

		t = (struct timespec){ 0, ns };
		nanosleep(&t, NULL);
	}
}

static int
read_from(struct auditing *a, const struct layer *l, struct source **sources,
    unsigned n, struct truth *t, struct contents *out, struct err *e)
{
	struct descriptor d = {
		.media_type = "", .digest = l->digest, .size = l->blob_size
	};
	const char *format;
	struct stream_pull pull = {
		.fetcher = a->how->fetcher,
		.sources = sources,
		.n_sources = n,
		.layer = &d,
		.sink = &t->sink,
		.on_bytes = a->doubt != NULL ? on_bytes : NULL,
		.on_progress = pace,
		.ctx = a,
	};

	if (fetch_stream(&pull, out, &format, e) == 0)
		return 0;
	/* That may be the sources' lie as well. */
	if (e->code == EBADMSG)
		e->code = EAGAIN;
	return -1;
}

static int
read_blob(struct auditing *a, const struct layer *l, struct truth *t,
    struct contents *out, struct err *e)
{
	struct source *sources[SOURCES];
	unsigned n = blob_take_sources(l->blob, sources, SOURCES);
	int rc;

	if (n == 0)
		return err_set(e, ENOENT, "no source for the blob");
	a->begun_ns = clock_now_ns();
	rc = read_from(a, l, sources, n, t, out, e);
	for (unsigned i = 0; i < n; i++)
		source_unref(sources[i]);
	return rc;
}

/* ---- comparing ---- */

static uint64_t
number_as_place(void *ctx, uint64_t content)
{
	(void)ctx;
	return content * STORE_BLOCK;
}

/* Its tree as an index, whose files' places are their numbers. */
static struct index *
index_of(const struct layer *l, const struct contents *c, struct err *e)
{
	AUTO_DRAFT struct draft w = { .dir = -1 };
	struct index_options o = { .data_off = number_as_place };
	struct index *x;
	int fd;

	if (draft_begin(&w, l->store, e) < 0)
		return NULL;
	fd = draft_create(&w, "index", e);
	if (fd < 0)
		return NULL;
	x = index_write(c->tree, &o, fd, e) < 0 ? NULL : index_open(fd, e);
	if (x == NULL)
		close(fd);
	return x;
}

static const struct digest *
true_digest(void *ctx, uint64_t data_off)
{
	const struct truth *t = ctx;
	uint64_t number = data_off / STORE_BLOCK;

	if (number >= t->digests.len / sizeof(struct digest))
		return NULL;
	return (const struct digest *)t->digests.data + number;
}

static int
compare(const struct layer *l, const struct contents *c, struct truth *t,
    struct err *e)
{
	struct err mine = ERR_INIT;
	AUTO_INDEX struct index *want = index_of(l, c, &mine);
	AUTO_INDEX struct index *shown =
	    want == NULL ? NULL : layer_open_index(l, &mine);
	struct tree_comparison q = {
		.want = want,
		.shown = shown,
		.store = l->store,
		.digest_of = true_digest,
		.ctx = t,
	};

	if (shown == NULL) {
		err_set(e, EIO, "%.400s", mine.msg);
		return -1;
	}
	return tree_compare(&q, e);
}

static int
judge_doubt(const struct auditing *a, struct err *e)
{
	const struct doubt *d = a->doubt;
	struct digest is;

	hasher_end(a->range, &is);
	if (!digest_equal(&is, &d->came))
		return 0;
	return err_set(e, EBADMSG,
	    "bytes %ju to %ju of the blob are not what it says",
	    (uintmax_t)d->blob_off, (uintmax_t)(d->blob_off + d->blob_len));
}

/* All of the layer, or what is in doubt. */
static int
audit(struct auditing *a, const struct layer *l, struct err *e)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct truth t = { .sink = { on_begin, on_write, on_end } };
	int rc;

	buf_init(&t.digests, (size_t)LIMIT_ENTRIES * sizeof(struct digest));
	rc = read_blob(a, l, &t, &c, e);
	if (rc == 0)
		rc = a->doubt != NULL ? judge_doubt(a, e)
				      : compare(l, &c, &t, e);
	buf_release(&t.digests);
	return rc;
}

int
audit_layer(const struct audit *how, const struct layer *l, struct err *e)
{
	struct auditing a = { .how = how };

	return audit(&a, l, e);
}

int
audit_doubt(const struct audit *how, const struct layer *l,
    const struct doubt *d, struct err *e)
{
	struct audit fast = { .fetcher = how->fetcher };
	AUTO_HASHER struct hasher *range = hasher_new();
	struct auditing a = { .how = &fast, .doubt = d, .range = range };

	return audit(&a, l, e);
}
