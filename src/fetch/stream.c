/* fetch_stream(): the first pull of a blob without a table of contents.
 *
 *	source -> download -> the calling thread: digest, decompress
 *	       -> belt     -> decode threads: cut into files, their digests
 *	       -> sink     -> store
 *
 * A read that breaks goes on where it broke, at the next source: what the blob
 * is in the end is decided by its digest.  When that is wrong it starts again
 * with the source's next host, then with the next source first, until each was.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "fetch/belt.h"
#include "fetch/download.h"
#include "fetch/fetcher.h"
#include "fetch/head.h"
#include "fetch/sink.h"
#include "format/format.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/err.h"

/* Whose bytes came (registry/source.h). */
struct givers {
	uint64_t avoid, gave;
	bool has_others;
	bool is_over; /* nobody's bytes would help */
};

struct pull {
	const struct stream_pull *order;
	struct head head;
	struct unpacker *unpacker;
	struct hasher *hasher;
	uint64_t blob_at;      /* bytes of the blob so far */
	uint64_t waited_ns;    /* in vain, since the last of them */
	unsigned failures;     /* of sources, since then */
	bool is_unsalvageable; /* our side failed, not a source */
	unsigned first;        /* the source that is read first, */
	struct givers *givers; /* and its */

	/* the belt's task's, until that has finished */
	struct belt belt;
	struct stream *stream;
	struct sink sink;
};

/* ---- one read ---- */

static int
feed(void *ctx, const struct format *f, const void *p, size_t n, struct err *e)
{
	struct pull *pull = ctx;

	if (pull->unpacker == NULL)
		pull->unpacker = f->unpacker_new(pull->order->layer->size, e);
	if (pull->unpacker == NULL)
		return -1;
	return unpacker_feed(pull->unpacker, p, n, &pull->belt.taker, e);
}

static int
consume(struct pull *pull, const struct parcel *p, struct err *e)
{
	const struct stream_pull *o = pull->order;

	hasher_update(pull->hasher, p->bytes, p->len);
	if (o->on_bytes != NULL)
		o->on_bytes(o->ctx, pull->blob_at, p->bytes, p->len);
	pull->blob_at += p->len;
	pull->waited_ns = 0;
	pull->failures = 0;
	if (o->on_progress != NULL)
		o->on_progress(o->ctx, pull->blob_at);
	return head_feed(&pull->head, p->bytes, p->len, feed, pull, e);
}

/* Reads on from one source as far as it goes. */
static int
read_on(struct pull *pull, struct source *s, struct err *e)
{
	const struct stream_pull *o = pull->order;
	struct download d;
	struct parcel *p;
	int rc = 0, got = 1;

	download_init(&d, o->fetcher, s, o->layer, pull->blob_at);
	if (s == o->sources[pull->first])
		d.avoid = pull->givers->avoid;
	while (rc == 0 && (got = download_next(&d, &p, e)) > 0) {
		rc = consume(pull, p, e);
		free(p);
	}
	pull->waited_ns += d.waited_ns;
	download_release(&d);
	if (s == o->sources[pull->first]) {
		pull->givers->gave |= d.gave;
		pull->givers->has_others = d.has_others;
	}
	pull->is_unsalvageable = rc < 0;
	return rc < 0 ? rc : got;
}

/* ---- the whole blob ---- */

static void
rest(struct pull *pull, uint64_t ns)
{
	struct timespec t = { ns / NS_PER_S, ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
	pull->waited_ns += ns;
}

/* The n-th failure in a row: is there time to go on?  What was waited is summed up, and
 * not by the clock: who stood still with the machine was not patient. */
static bool
may_go_on(struct pull *pull)
{
	const struct stream_pull *o = pull->order;
	unsigned rounds = pull->failures / o->n_sources;
	uint64_t patience_ns = o->patience_ms == WANT_FOREVER
				   ? UINT64_MAX
				   : o->patience_ms * NS_PER_MS;

	if (pull->is_unsalvageable)
		return false;
	if (pull->failures % o->n_sources != 0)
		return true;
	if (pull->waited_ns >= patience_ns)
		return false;
	rest(pull,
	    min_u64(backoff_ns(rounds, rounds), patience_ns - pull->waited_ns));
	return true;
}

static int
read_blob(struct pull *pull, struct err *e)
{
	const struct stream_pull *o = pull->order;
	unsigned next = pull->first;

	while (pull->blob_at < o->layer->size) {
		struct source *s = o->sources[next++ % o->n_sources];

		if (read_on(pull, s, e) == 0)
			break;
		pull->failures++;
		if (!may_go_on(pull))
			return -1;
	}
	if (head_end(&pull->head, feed, pull, e) < 0)
		return -1;
	return unpacker_end(pull->unpacker, &pull->belt.taker, e);
}

static int
check_diff_id(struct pull *pull, struct err *e)
{
	const struct stream_pull *o = pull->order;
	struct digest want, is;

	if (o->diff_id == NULL)
		return 0;
	if (o->diff_id(o->ctx, &want, e) < 0) {
		pull->givers->is_over = true;
		return -1;
	}
	unpacker_diff_id(pull->unpacker, &is);
	return digest_equal(&is, &want)
		   ? 0
		   : err_set(e, EBADMSG, "its diff_id is %s", DIGEST_TEXT(&is));
}

static int
check(struct pull *pull, struct err *e)
{
	const struct stream_pull *o = pull->order;
	struct digest d;

	hasher_end(pull->hasher, &d);
	if (!digest_equal(&d, &o->layer->digest))
		return err_set(e, EBADMSG, "its digest is %s", DIGEST_TEXT(&d));
	return check_diff_id(pull, e);
}

/* On a decode thread. */
static int
store_stretch(void *ctx, const struct stretch *x, struct err *e)
{
	struct pull *pull = ctx;

	struct content_sink *sink = pull->order->sink;

	return stream_take(
	    pull->stream, x, sink != NULL ? sink : &pull->sink.content, e);
}

static int
pull_blob(struct pull *pull, struct contents *out, struct err *e)
{
	struct contents got = { 0 };

	if (sink_init(&pull->sink, pull->order->fetcher->store, e) < 0 ||
	    (pull->stream = stream_new(e)) == NULL || read_blob(pull, e) < 0 ||
	    belt_finish(&pull->belt, e) < 0 ||
	    sink_finish(&pull->sink, e) < 0 ||
	    stream_end(pull->stream, &got, e) < 0)
		return -1;
	if (check(pull, e) < 0) {
		contents_release(&got);
		return -1;
	}
	if (pull->order->sink == NULL)
		got.map = sink_keep(&pull->sink);
	*out = got;
	return 0;
}

static int
pull_once(const struct stream_pull *o, unsigned first, struct givers *givers,
    struct contents *out, const char **format_name, struct err *e)
{
	struct pull pull = {
		.order = o,
		.first = first,
		.givers = givers,
		.hasher = hasher_new(),
	};
	int rc;

	belt_init(&pull.belt, o->fetcher->decoders, store_stretch, &pull);
	rc = pull_blob(&pull, out, e);
	if (rc == 0)
		*format_name = pull.head.format->name;
	belt_release(&pull.belt);
	unpacker_free(pull.unpacker);
	stream_free(pull.stream);
	sink_release(&pull.sink);
	hasher_free(pull.hasher);
	return rc;
}

int
fetch_stream(const struct stream_pull *p, struct contents *out,
    const char **format_name, struct err *e)
{
	struct err why = ERR_INIT;
	struct givers g = { 0 };

	err_set(&why, ENOENT, "no source");
	for (unsigned first = 0; first < p->n_sources;) {
		if (pull_once(p, first, &g, out, format_name, &why) == 0)
			return 0;
		/* Wrong bytes may look like no format at all. */
		if (g.is_over || (why.code != EBADMSG && why.code != ENOTSUP))
			break;
		g.avoid |= g.gave;
		if (!g.has_others) {
			g = (struct givers){ 0 };
			first++;
		}
	}
	*e = why;
	return -1;
}
