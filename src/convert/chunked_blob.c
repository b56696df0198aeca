#include "convert/chunked_blob.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "convert/batch.h"
#include "convert/tar_split.h"
#include "convert/toc_writer.h"
#include "format/format.h"
#include "codec/zstd_encoder.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

/* podman's names since November 2022, and before. */
#define PREFIX "io.github.containers.zstd-chunked."
#define OLDER_PREFIX "io.containers.zstd-chunked."

enum { TYPE_FLAT = 1, FOOTER_BYTES = 64, ANNOTATION_BYTES = 96 };

static const char media_type[] = "application/vnd.oci.image.layer.v1.tar+zstd";

/* ---- writing ---- */

static int
put(struct chunked_blob *b, const void *p, size_t n, struct err *e)
{
	if (b->fd >= 0 && fs_pwrite(b->fd, p, n, b->size, e) < 0)
		return -1;
	hasher_update(b->hasher, p, n);
	b->size += n;
	if (b->size > LIMIT_BLOB_BYTES)
		return err_set(e, EFBIG, "the layer becomes too large");
	return 0;
}

static int
put_skippable(struct chunked_blob *b, const void *p, size_t n,
    uint64_t *payload_off, struct err *e)
{
	uint8_t header[ZSTD_SKIPPABLE_HEADER];

	zstd_skippable_header(header, n);
	if (put(b, header, sizeof header, e) < 0)
		return -1;
	*payload_off = b->size;
	return put(b, p, n, e);
}

/* ---- the table, as frames come ---- */

static int
take_chunk(struct chunked_blob *b, const struct piece *x, uint64_t blob_off,
    struct err *e)
{
	const struct toc_chunk c = {
		.blob_off = blob_off,
		.size = x->len,
		.digest = x->digest,
		.is_zeros = x->is_zeros,
	};

	b->last_digest = x->digest;
	return toc_writer_chunk(b->toc, &c, e);
}

/* blob_off is where the next frame begins. */
static int
take_piece(struct chunked_blob *b, const struct batch *batch,
    const struct piece *x, uint64_t blob_off, struct err *e)
{
	/* A batch of chunks alone has none. */
	const char *text = batch->text.data != NULL
			       ? (const char *)batch->text.data + x->off
			       : NULL;

	switch (x->kind) {
	case PIECE_CHUNK:
		return take_chunk(b, x, blob_off, e);
	case PIECE_ENTRY:
		return toc_writer_entry(b->toc, text, x->len, e);
	case PIECE_FILE:
		return toc_writer_file(b->toc, text, x->len, e);
	case PIECE_FILE_END:
		return toc_writer_end_file(b->toc,
		    digest_is_zero(&x->digest) ? &b->last_digest : &x->digest,
		    blob_off, e);
	case PIECE_BYTES:
		break;
	}
	return 0;
}

/* Too large a table is no failure: there is none then. */
static int
take_pieces(struct chunked_blob *b, const struct batch *batch, struct err *e)
{
	uint64_t blob_off = b->size;

	for (size_t i = 0; b->toc != NULL && i < batch_n_pieces(batch); i++) {
		const struct piece *x = batch_piece(batch, i);

		if (take_piece(b, batch, x, blob_off, e) < 0) {
			if (e->code != E2BIG)
				return -1;
			toc_writer_free(take_ptr(&b->toc));
		}
		blob_off += x->frame_len;
	}
	return 0;
}

static int
take(struct framer_outlet *o, const struct batch *batch, struct err *e)
{
	struct chunked_blob *b = container_of(o, struct chunked_blob, outlet);

	if (take_pieces(b, batch, e) < 0)
		return -1;
	b->tar_bytes += batch->len;
	return put(b, batch->frames.data, batch->frames.len, e);
}

/* ---- the end ---- */

static void
make_footer(const struct chunked_blob *b, uint8_t out[FOOTER_BYTES])
{
	put_le64(out, b->table.blob_off);
	put_le64(out + 8, b->table.blob_len);
	put_le64(out + 16, b->table.text_len);
	put_le64(out + 24, TYPE_FLAT);
	put_le64(out + 32, b->split.blob_off);
	put_le64(out + 40, b->split.blob_len);
	put_le64(out + 48, b->split.text_len);
	memcpy(out + 56, "GNUlInUx", 8);
}

static int
put_frame(struct chunked_blob *b, const struct buf *frame,
    struct chunked_place *place, struct err *e)
{
	place->blob_len = frame->len;
	return put_skippable(b, frame->data, frame->len, &place->blob_off, e);
}

static int
parse_table(const struct descriptor *d, const struct buf *table, struct err *e)
{
	AUTO_CONTENTS struct contents c = { 0 };
	enum locate_result located;
	struct toc_place place;
	const struct format *f = format_locate(d, &place, &located, e);

	if (f == NULL || located != LOCATE_FOUND)
		return err_set(e, EBADMSG, "the table is not found again");
	return f->parse(d, &place, table->data, table->len, &c, e);
}

/* What a tar may say, and no reader of a table takes: a hard link to what is not
 * there, or was replaced by a later entry.  So the reader is asked.  What only
 * cannot be read lazily is right. */
static int
read_back(struct chunked_blob *b, const struct buf *table, struct err *e)
{
	struct descriptor d;
	int rc;

	b->has_table = true;
	if (chunked_blob_describe(b, &d, e) < 0)
		return -1;
	rc = parse_table(&d, table, e);
	descriptor_release(&d);
	b->has_table = rc == 0 || e->code == ENOTSUP;
	b->is_refused = rc != 0 && e->code == EBADMSG;
	return b->has_table || b->is_refused ? 0 : -1;
}

static int
put_table(struct chunked_blob *b, struct framer *f, struct err *e)
{
	AUTO_BUF struct buf split = BUF_INIT(LIMIT_TOC_BYTES);
	AUTO_BUF struct buf table = BUF_INIT(LIMIT_TOC_BYTES);
	struct digest split_digest;
	uint8_t footer[FOOTER_BYTES];
	uint64_t footer_off;

	if (tar_split_end(framer_tar_split(f), &split, &b->split.text_len, e) <
	    0)
		return -1;
	digest_of(&split_digest, split.data, split.len);
	if (toc_writer_end(
		b->toc, &split_digest, &table, &b->table.text_len, e) < 0)
		return -1;
	digest_of(&b->table_digest, table.data, table.len);
	if (put_frame(b, &table, &b->table, e) < 0 ||
	    put_frame(b, &split, &b->split, e) < 0 ||
	    read_back(b, &table, e) < 0)
		return -1;
	if (!b->has_table)
		return 0;
	make_footer(b, footer);
	return put_skippable(b, footer, sizeof footer, &footer_off, e);
}

int
chunked_blob_end(struct chunked_blob *b, struct framer *f, struct err *e)
{
	if (b->toc != NULL && framer_misfit(f) == NULL &&
	    put_table(b, f, e) < 0 && e->code != E2BIG)
		return -1;
	hasher_end(b->hasher, &b->digest);
	return 0;
}

/* ---- life ---- */

int
chunked_blob_init(struct chunked_blob *b, int fd, int level, struct err *e)
{
	*b = (struct chunked_blob){
		.outlet.take = take,
		.fd = fd,
		.hasher = hasher_new(),
	};
	b->toc = toc_writer_new(level, e);
	return b->toc == NULL ? -1 : 0;
}

void
chunked_blob_release(struct chunked_blob *b)
{
	toc_writer_free(b->toc);
	hasher_free(b->hasher);
}

/* ---- what a manifest says ---- */

int
chunked_blob_describe(
    const struct chunked_blob *b, struct descriptor *out, struct err *e)
{
	char position[ANNOTATION_BYTES], split[ANNOTATION_BYTES];
	char checksum[DIGEST_TEXT_SIZE];
	struct annotation annotations[] = {
		{ PREFIX "manifest-checksum", checksum },
		{ PREFIX "manifest-position", position },
		{ PREFIX "tarsplit-position", split },
		{ OLDER_PREFIX "manifest-checksum", checksum },
		{ OLDER_PREFIX "manifest-position", position },
	};
	const struct descriptor d = {
		.media_type = (char *)media_type,
		.digest = b->digest,
		.size = b->size,
		.annotations = annotations,
		.n_annotations =
		    b->has_table ? sizeof annotations / sizeof *annotations : 0,
	};

	digest_text(&b->table_digest, checksum);
	snprintf(position, sizeof position, "%ju:%ju:%ju:%d",
	    (uintmax_t)b->table.blob_off, (uintmax_t)b->table.blob_len,
	    (uintmax_t)b->table.text_len, TYPE_FLAT);
	snprintf(split, sizeof split, "%ju:%ju:%ju",
	    (uintmax_t)b->split.blob_off, (uintmax_t)b->split.blob_len,
	    (uintmax_t)b->split.text_len);
	return descriptor_copy(out, &d, e);
}
