#include "convert/framer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "convert/batch.h"
#include "convert/press.h"
#include "convert/tar_split.h"
#include "convert/toc_misfit.h"
#include "convert/toc_writer.h"
#include "codec/crc64.h"
#include "codec/tar.h"

struct framer {
	struct press *press;
	struct framer_outlet *outlet;
	struct list queue; /* batches under way, in order */
	struct list spare;
	unsigned n_batches, max_batches;

	struct batch *batch; /* that is being filled */
	uint64_t batch_off;  /* of the tar: its first byte */
	size_t open;         /* where the open frame begins in it */
	size_t told;         /* up to here tar-split knows */

	struct tar *tar;
	struct tar_sink events;
	struct tar_split *split;
	struct toc_misfits misfits;
	const char *misfit;

	/* The file whose contents pass. */
	bool in_file;
	uint64_t left; /* of its bytes */
	struct chunker chunker;
	unsigned n_chunks; /* up to 2: one, or more */
	struct hasher *whole;
	uint64_t crc;
};

static struct framer *
of(struct tar_sink *s)
{
	return container_of(s, struct framer, events);
}

/* ---- batches ---- */

static int
take_first(struct framer *f, struct err *e)
{
	struct batch *b =
	    list_entry(list_pop_front(&f->queue), struct batch, link);
	int rc = press_wait(f->press, b, e);

	list_push_back(&f->spare, &b->link);
	return rc < 0 ? -1 : f->outlet->take(f->outlet, b, e);
}

static struct batch *
get_batch(struct framer *f, struct err *e)
{
	struct batch *b;

	if (list_is_empty(&f->spare) && f->n_batches < f->max_batches) {
		b = batch_new(e);
		if (b != NULL)
			f->n_batches++;
		return b;
	}
	if (list_is_empty(&f->spare) && take_first(f, e) < 0)
		return NULL;
	b = list_entry(list_pop_front(&f->spare), struct batch, link);
	batch_clear(b);
	return b;
}

static void
submit(struct framer *f)
{
	list_push_back(&f->queue, &f->batch->link);
	press_submit(f->press, f->batch);
	f->batch = NULL;
}

static int
add_frame(struct framer *f, enum piece_kind kind, size_t len, bool is_zeros,
    struct err *e)
{
	struct piece x = {
		.kind = kind,
		.off = f->open,
		.len = len,
		.is_zeros = is_zeros,
	};

	f->open += len;
	return len == 0 ? 0 : batch_add(f->batch, &x, e);
}

/* What the table says of the entry goes beside its frames. */
static int
add_entry(struct framer *f, const struct tar_entry *x, struct err *e)
{
	struct buf *text = &f->batch->text;
	struct piece p = {
		.kind = x->size > 0 ? PIECE_FILE : PIECE_ENTRY,
		.off = text->len,
	};

	if (toc_entry_text(text, x, e) < 0)
		return -1;
	p.len = text->len - p.off;
	return batch_add(f->batch, &p, e);
}

/* The batch is full.  An open chunk goes on in the next one. */
static int
next_batch(struct framer *f, struct err *e)
{
	struct batch *full = f->batch, *next;
	size_t carried;

	if (!f->in_file &&
	    add_frame(f, PIECE_BYTES, full->len - f->open, false, e) < 0)
		return -1;
	next = get_batch(f, e);
	if (next == NULL)
		return -1;
	carried = full->len - f->open;
	memcpy(next->memory, full->bytes + f->open - CHUNKER_WINDOW,
	    CHUNKER_WINDOW + carried);
	next->len = carried;
	f->batch_off += f->open;
	f->told -= f->open;
	f->open = 0;
	full->len -= carried;
	submit(f);
	f->batch = next;
	return 0;
}

/* ---- the table ---- */

static void
end_table(struct framer *f, const char *why)
{
	f->misfit = why;
	tar_split_free(take_ptr(&f->split));
}

/* Too large a table is no failure. */
static int
check_table(struct framer *f, int rc, struct err *e)
{
	if (rc < 0 && e->code == E2BIG) {
		end_table(f, toc_too_large);
		return 0;
	}
	return rc;
}

/* What lies between files' contents, up to there in the batch. */
static int
tell_bytes(struct framer *f, size_t end, struct err *e)
{
	size_t from = f->told;

	f->told = end;
	if (f->split == NULL)
		return 0;
	return check_table(f,
	    tar_split_bytes(f->split, f->batch->bytes + from, end - from, e),
	    e);
}

static int
tell_entry(struct framer *f, const struct tar_entry *x, struct err *e)
{
	if (f->split == NULL)
		return 0;
	return check_table(f, tar_split_entry(f->split, x, f->crc, e), e);
}

/* ---- what the tar says ---- */

static int
on_entry(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	struct framer *f = of(s);
	size_t at = x->stream_off - f->batch_off;
	const char *why = NULL;

	if (f->misfit == NULL && toc_misfit(&f->misfits, x, &why, e) < 0)
		return -1;
	if (why != NULL)
		end_table(f, why);
	if (f->misfit != NULL)
		return 0;
	if (tell_bytes(f, at, e) < 0)
		return -1;
	f->crc = 0;
	f->in_file = x->size > 0;
	if (!f->in_file)
		return add_entry(f, x, e);
	f->left = x->size;
	f->n_chunks = 0;
	chunker_begin(&f->chunker);
	if (add_frame(f, PIECE_BYTES, at - f->open, false, e) < 0)
		return -1;
	return add_entry(f, x, e);
}

/* The first chunk's digest is the file's, when it is the only one. */
static int
add_chunk(
    struct framer *f, size_t len, bool is_zeros, bool is_last, struct err *e)
{
	if (f->n_chunks > 0 || !is_last) {
		hasher_update(f->whole, f->batch->bytes + f->open, len);
		f->n_chunks = 2;
	} else {
		f->n_chunks = 1;
	}
	return add_frame(f, PIECE_CHUNK, len, is_zeros, e);
}

static int
on_data(struct tar_sink *s, uint64_t stream_off, const void *p, size_t n,
    struct err *e)
{
	struct framer *f = of(s);
	size_t end = stream_off + n - f->batch_off, len;
	bool is_zeros;

	if (!f->in_file)
		return 0;
	f->crc = crc64(f->crc, p, n);
	f->left -= n;
	while ((len = chunker_next(&f->chunker, f->batch->bytes + f->open,
		    end - f->open, f->left == 0, &is_zeros)) > 0)
		if (add_chunk(f, len, is_zeros,
			f->left == 0 && f->open + len == end, e) < 0)
			return -1;
	f->told = end;
	return 0;
}

static int
on_end(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	struct framer *f = of(s);
	struct piece end = { .kind = PIECE_FILE_END };

	if (f->in_file) {
		f->in_file = false;
		if (f->n_chunks > 1)
			hasher_end(f->whole, &end.digest);
		if (batch_add(f->batch, &end, e) < 0)
			return -1;
	}
	return tell_entry(f, x, e);
}

/* ---- the tar's way ---- */

int
framer_room(struct framer *f, uint8_t **p, size_t *n, struct err *e)
{
	if (f->batch->len == BATCH_BYTES && next_batch(f, e) < 0)
		return -1;
	*p = f->batch->bytes + f->batch->len;
	*n = BATCH_BYTES - f->batch->len;
	return 0;
}

int
framer_fill(struct framer *f, size_t n, struct err *e)
{
	struct batch *b = f->batch;
	size_t from = b->len;

	b->len += n;
	if (tar_feed(f->tar, b->bytes + from, n, &f->events, e) < 0)
		return -1;
	return f->in_file ? 0 : tell_bytes(f, b->len, e);
}

int
framer_drain(struct framer *f, struct err *e)
{
	while (!list_is_empty(&f->queue))
		if (take_first(f, e) < 0)
			return -1;
	return 0;
}

int
framer_end(struct framer *f, struct err *e)
{
	if (tar_end(f->tar, e) < 0 ||
	    add_frame(f, PIECE_BYTES, f->batch->len - f->open, false, e) < 0)
		return -1;
	submit(f);
	return framer_drain(f, e);
}

const char *
framer_misfit(const struct framer *f)
{
	return f->misfit;
}

struct tar_split *
framer_tar_split(struct framer *f)
{
	return f->split;
}

/* ---- life ---- */

struct framer *
framer_new(struct press *p, struct framer_outlet *outlet, struct err *e)
{
	struct framer *f = calloc(1, sizeof *f);

	if (f == NULL) {
		err_set(e, ENOMEM, "a framer");
		return NULL;
	}
	f->press = p;
	f->outlet = outlet;
	f->max_batches = 2 + 2 * press_threads(p);
	/* A hole: a sparse file is no fit. */
	f->events = (struct tar_sink){ on_entry, on_data, NULL, on_end };
	f->whole = hasher_new();
	list_init(&f->queue);
	list_init(&f->spare);
	toc_misfits_init(&f->misfits);
	f->tar = tar_new(e);
	f->split = f->tar == NULL ? NULL : tar_split_new(press_level(p), e);
	f->batch = f->split == NULL ? NULL : get_batch(f, e);
	if (f->batch == NULL) {
		framer_free(f);
		return NULL;
	}
	return f;
}

static void
free_batches(struct framer *f)
{
	struct list *l;
	struct err ignored;

	while ((l = list_pop_front(&f->queue)) != NULL) {
		struct batch *b = list_entry(l, struct batch, link);

		press_wait(f->press, b, &ignored);
		batch_free(b);
	}
	while ((l = list_pop_front(&f->spare)) != NULL)
		batch_free(list_entry(l, struct batch, link));
	if (f->batch != NULL)
		batch_free(f->batch);
}

void
framer_free(struct framer *f)
{
	if (f == NULL)
		return;
	free_batches(f);
	tar_free(f->tar);
	tar_split_free(f->split);
	toc_misfits_release(&f->misfits);
	hasher_free(f->whole);
	free(f);
}
