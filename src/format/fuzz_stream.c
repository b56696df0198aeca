#include <errno.h>
#include <stdlib.h>

#include "format/format.h"
#include "format/stretch.h"
#include "codec/tar_seal.h"
#include "index/tree.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Takes everything and keeps nothing. */
struct null_sink {
	struct content_sink sink;
	uint64_t left;
	uint64_t total;
	uint64_t size;
};

static struct null_sink *
of(struct content_sink *s)
{
	return container_of(s, struct null_sink, sink);
}

static int
on_begin(struct content_sink *s, uint64_t size, struct err *e)
{
	/* Bombs are legal; the fuzzer has no time for them. */
	of(s)->total += size;
	if (size > MIB(64) || of(s)->total > MIB(64))
		return err_set(e, ENOSPC, "enough");
	of(s)->size = of(s)->left = size;
	return 0;
}

static int
on_write(struct content_sink *s, const void *p, size_t n, struct err *e)
{
	(void)p, (void)e;
	if (n > of(s)->left)
		__builtin_trap();
	of(s)->left -= n;
	return 0;
}

static int
on_end(struct content_sink *s, const struct digest *digest,
    const struct chunk *chunks, uint32_t n_chunks, uint32_t *ordinal,
    struct err *e)
{
	uint64_t covered = 0;

	(void)digest, (void)e;
	for (uint32_t i = 0; i < n_chunks; i++) {
		const struct chunk *c = &chunks[i];

		if (c->object_off != covered || c->len == 0 ||
		    c->len > LIMIT_CHUNK_BYTES ||
		    (c->codec != CHUNK_ZEROS && !c->has_digest))
			__builtin_trap();
		covered += c->len;
	}
	if (of(s)->left != 0 || covered != of(s)->size)
		__builtin_trap();
	*ordinal = 0;
	return 0;
}

struct passing {
	struct stretch_taker taker;
	struct stream *stream;
	struct null_sink sink;
};

/* Used again, as who carries them does: asan maps anew what is so large, which
 * takes longer than all the rest. */
static struct stretch *spare;

static struct stretch *
give_empty(struct stretch_taker *t, struct err *e)
{
	(void)t, (void)e;
	return spare != NULL ? take_ptr(&spare)
			     : malloc(sizeof(struct stretch));
}

static int
pass_on(struct stretch_taker *t, struct stretch *x, struct err *e)
{
	struct passing *p = container_of(t, struct passing, taker);
	int rc = stream_take(p->stream, x, &p->sink.sink, e);

	free(spare);
	spare = x;
	return rc;
}

static void
read_blob(const struct format *f, const uint8_t *p, size_t n, size_t cut)
{
	struct passing to = {
		.taker = { give_empty, pass_on },
		.sink = { { on_begin, on_write, on_end }, 0, 0, 0 },
	};
	struct contents c = { 0 };
	struct err e = ERR_INIT;
	struct unpacker *u = f->unpacker_new(n, &e);

	to.stream = stream_new(&e);
	if (unpacker_feed(u, p, cut, &to.taker, &e) == 0 &&
	    unpacker_feed(u, p + cut, n - cut, &to.taker, &e) == 0 &&
	    unpacker_end(u, &to.taker, &e) == 0)
		stream_end(to.stream, &c, &e);
	contents_release(&c);
	stream_free(to.stream);
	unpacker_free(u);
}

/* In two pieces: the first byte says where it is cut. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE uint8_t *blob = n > 1 ? tar_sealed_copy(p + 1, n - 1) : NULL;
	const struct format *f;
	struct err e = ERR_INIT;

	if (blob == NULL)
		return 0;
	f = format_match(blob, min_u64(n - 1, 512), &e);
	if (f != NULL)
		read_blob(f, blob, n - 1, min_u64(p[0] * 8, n - 1));
	return 0;
}
