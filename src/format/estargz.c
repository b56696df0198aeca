/* eStargz: a tar.gz of many gzip members whose last file, stargz.index.json, is
 * the table of contents; then a footer, an empty member whose extra field says
 * where the table is:
 *
 *	51 B  1f 8b 08 04 | .. | 26 0 | 'S' 'G' 22 0 | 16 hex digits "STARGZ" | ..
 *	47 B  1f 8b 08 04 | .. | 22 0 | 16 hex digits "STARGZ" | ..    (stargz)
 *	46 B  1f 8b 08 04 | .. | 21 0 | 'S' 'G' 17 0 | "STARGZEXTERNALTOC" | ..
 *
 * The third has its table in another image, which is not read.
 *
 * Specification: stargz-snapshotter docs/estargz.md.
 */
#include <errno.h>
#include <string.h>

#include "format/format.h"
#include "format/formats.h"
#include "format/toc.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

#define TOC_NAME "stargz.index.json"

enum {
	FOOTER = 51,
	FOOTER_LEGACY = 47,
	FOOTER_EXTERNAL = 46,
	EXTRA_AT = 12, /* in a member's header */
	OFFSET_DIGITS = 16,
};

static enum locate_result
locate(const struct descriptor *layer, struct toc_place *out, struct err *e)
{
	const char *text = descriptor_annotation(layer, STARGZ_TOC_DIGEST);

	/* With zstd it is zstd_chunked.c's. */
	if (text == NULL || format_media_type_ends(layer, "zstd"))
		return LOCATE_NONE;
	memset(out, 0, sizeof *out);
	if (digest_parse(&out->digest, text, e) < 0)
		return LOCATE_FAILED;
	return LOCATE_TAIL;
}

/* The extra field of a footer of that size, or NULL. */
static const uint8_t *
find_extra(const uint8_t *tail, size_t n, size_t size, size_t extra_len)
{
	static const uint8_t magic[] = { 0x1f, 0x8b, 8, 4 };
	const uint8_t *footer = tail + n - size;

	if (n < size || memcmp(footer, magic, sizeof magic) != 0 ||
	    get_le16(footer + EXTRA_AT - 2) != extra_len)
		return NULL;
	return footer + EXTRA_AT;
}

static int
parse_offset(const uint8_t *digits, uint64_t *out, struct err *e)
{
	*out = 0;
	for (int i = 0; i < OFFSET_DIGITS; i++) {
		uint8_t c = digits[i];
		int v = c >= '0' && c <= '9'   ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;

		if (v < 0)
			return err_set(e, EBADMSG, "footer's offset is no hex");
		*out = *out << 4 | v;
	}
	return 0;
}

static int
set_place(const struct descriptor *layer, const uint8_t *digits,
    size_t footer_len, struct toc_place *out, struct err *e)
{
	uint64_t end = layer->size - footer_len;

	if (parse_offset(digits, &out->blob_off, e) < 0)
		return -1;
	if (layer->size < footer_len || out->blob_off >= end)
		return err_set(
		    e, EBADMSG, "table of contents lies outside the blob");
	out->blob_len = end - out->blob_off;
	if (out->blob_len > LIMIT_TOC_COMPRESSED_BYTES)
		return err_set(e, EBADMSG, "table of contents is too large");
	return 0;
}

static int
locate_in_tail(const struct descriptor *layer, const uint8_t *tail, size_t n,
    struct toc_place *out, struct err *e)
{
	const uint8_t *x = find_extra(tail, n, FOOTER, 26);

	if (x != NULL && memcmp(x, "SG\x16\0", 4) == 0 &&
	    memcmp(x + 4 + OFFSET_DIGITS, "STARGZ", 6) == 0)
		return set_place(layer, x + 4, FOOTER, out, e);
	x = find_extra(tail, n, FOOTER_LEGACY, 22);
	if (x != NULL && memcmp(x + OFFSET_DIGITS, "STARGZ", 6) == 0)
		return set_place(layer, x, FOOTER_LEGACY, out, e);
	x = find_extra(tail, n, FOOTER_EXTERNAL, 21);
	if (x != NULL && memcmp(x, "SG\x11\0STARGZEXTERNALTOC", 21) == 0)
		return err_set(e, ENOTSUP,
		    "the table of contents is in another image (external TOC)");
	return err_set(e, EBADMSG, "no eStargz footer");
}

/* ---- the table, a file in a tar ---- */

struct toc_file {
	struct tar_sink sink;
	struct buf json;
	bool is_found;
};

static int
on_entry(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	struct toc_file *f = container_of(s, struct toc_file, sink);

	if (f->is_found || x->type != TAR_FILE || x->is_sparse ||
	    x->path_len != strlen(TOC_NAME) ||
	    memcmp(x->path, TOC_NAME, x->path_len) != 0)
		return err_set(
		    e, EBADMSG, "something else is where " TOC_NAME " should");
	if (x->size > LIMIT_TOC_BYTES)
		return err_set(e, EBADMSG, "too large");
	f->is_found = true;
	return buf_reserve(&f->json, x->size, e);
}

static int
on_data(struct tar_sink *s, uint64_t stream_off, const void *p, size_t n,
    struct err *e)
{
	(void)stream_off;
	return buf_append(
	    &container_of(s, struct toc_file, sink)->json, p, n, e);
}

static int
on_hole(struct tar_sink *s, uint64_t n, struct err *e)
{
	(void)s, (void)n;
	return err_set(e, EBADMSG, "sparse");
}

static int
on_end(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	(void)s, (void)x, (void)e;
	return 0;
}

static int
unpack(const uint8_t *p, size_t n, struct toc_file *f, struct err *e)
{
	AUTO_DECODER struct decoder *d = gzip_decoder_new(e);
	AUTO_TAR struct tar *tar = d == NULL ? NULL : tar_new(e);
	struct decode_step s = { .in = p, .in_len = n };
	uint8_t out[64 << 10];

	if (tar == NULL)
		return -1;
	do {
		s.out = out;
		s.out_len = sizeof out;
		if (decoder_step(d, &s, e) == DECODE_FAILED ||
		    tar_feed(tar, out, sizeof out - s.out_len, &f->sink, e) < 0)
			return -1;
	} while (s.in_len > 0 || s.out_len == 0);
	if (!f->is_found || !decoder_is_between(d))
		return err_set(e, EBADMSG, TOC_NAME " is cut off");
	return tar_end(tar, e);
}

static int
parse(const struct descriptor *layer, const struct toc_place *place,
    const uint8_t *p, size_t n, struct contents *out, struct err *e)
{
	struct toc_file f = { { on_entry, on_data, on_hole, on_end },
		BUF_INIT(LIMIT_TOC_BYTES), false };
	AUTO_BUF struct buf json = BUF_INIT(0);
	struct toc toc = {
		.data_end = place->blob_off,
		.codec = CHUNK_GZIP,
		.is_stargz = true,
	};
	struct digest got;
	int rc;

	(void)layer;
	if (n != place->blob_len)
		return err_set(e, EBADMSG, "table of contents is cut off");
	rc = unpack(p, n, &f, e);
	json = f.json;
	if (rc < 0)
		return err_wrap(e, "table of contents");
	digest_of(&got, json.data, json.len);
	if (!digest_equal(&got, &place->digest))
		return err_set(e, EBADMSG,
		    "table of contents is not the one the manifest names");
	toc.json = json.data;
	toc.json_len = json.len;
	return toc_parse(&toc, out, e);
}

const struct format format_estargz = {
	.name = "estargz",
	.locate = locate,
	.tail_bytes = FORMAT_TAIL_BYTES,
	.locate_in_tail = locate_in_tail,
	.parse = parse,
};
