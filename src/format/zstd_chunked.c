/* zstd:chunked: zstd frames with the table of contents, compressed, in a
 * skippable frame behind them.  Two dialects: podman's (containers/storage
 * pkg/chunked) and stargz's (estargz/zstdchunked), told apart by stargz's
 * second digest, which is over the table's plain text.
 *
 * Annotations say where the table is; a blob that went through tools that keep
 * only some of them has a footer, the payload of its last skippable frame:
 *
 *	40 B  toc offset, length, plain length, type 1; "GnUlInUx"     to 2023
 *	56 B  the same, then 16 zeros (a bug)                          2023
 *	64 B  the same four, tar-split's three; "GNUlInUx"             since
 *
 * Positions are those of payloads, behind the frames' 8-byte headers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format/format.h"
#include "format/formats.h"
#include "format/toc.h"
#include "codec/zstd.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/limits.h"

#define PODMAN "io.github.containers.zstd-chunked."
#define OLDER "io.containers.zstd-chunked." /* also stargz's, for ever */

enum {
	SKIPPABLE_HEADER = 8,
	SKIPPABLE_MAGIC = 0x184D2A50,
	TOC_TYPE_FLAT = 1,
};

struct annotations {
	const char *checksum, *position;
	const char *plain_digest; /* stargz's */
};

/* Two prefixes for the same fact: both may be there, but not disagree. */
static int
find_either(const struct descriptor *layer, const char *newer,
    const char *older, const char **out, struct err *e)
{
	const char *a = descriptor_annotation(layer, newer);
	const char *b = descriptor_annotation(layer, older);

	if (a != NULL && b != NULL && strcmp(a, b) != 0)
		return err_set(
		    e, EBADMSG, "annotations %s and %s differ", newer, older);
	*out = a != NULL ? a : b;
	return 0;
}

static int
find_annotations(
    const struct descriptor *layer, struct annotations *a, struct err *e)
{
	if (find_either(layer, PODMAN_TOC_DIGEST, OLDER "manifest-checksum",
		&a->checksum, e) < 0 ||
	    find_either(layer, PODMAN "manifest-position",
		OLDER "manifest-position", &a->position, e) < 0)
		return -1;
	a->plain_digest = descriptor_annotation(layer, STARGZ_TOC_DIGEST);
	if (a->checksum == NULL || a->plain_digest == NULL)
		return 0;
	/* Stargz writes both; podman never does and refuses it. */
	if (descriptor_annotation(layer, PODMAN_TOC_DIGEST) != NULL ||
	    format_media_type_ends(layer, "gzip"))
		return err_set(e, EBADMSG,
		    "annotations of zstd:chunked and of eStargz contradict "
		    "each other");
	return 0;
}

static int
check_place(const struct descriptor *layer, const struct toc_place *p,
    uint64_t type, struct err *e)
{
	if (type != TOC_TYPE_FLAT)
		return err_set(e, EBADMSG, "table of contents of unknown type");
	if (p->blob_len == 0 || p->blob_len > LIMIT_TOC_COMPRESSED_BYTES ||
	    p->toc_len == 0 || p->toc_len > LIMIT_TOC_BYTES)
		return err_set(
		    e, EBADMSG, "table of contents has an impossible length");
	if (p->blob_off < SKIPPABLE_HEADER || p->blob_off > layer->size ||
	    p->blob_len > layer->size - p->blob_off)
		return err_set(
		    e, EBADMSG, "table of contents lies outside the blob");
	return 0;
}

static int
parse_position(const struct descriptor *layer, const char *text,
    struct toc_place *p, struct err *e)
{
	uint64_t v[4];

	for (int i = 0; i < 4; i++) {
		int digits = strspn(text, "0123456789");

		if (digits == 0 || digits > 18 ||
		    text[digits] != (i < 3 ? ':' : 0))
			return err_set(
			    e, EBADMSG, "annotation manifest-position");
		v[i] = strtoull(text, NULL, 10);
		text += digits + 1;
	}
	p->blob_off = v[0];
	p->blob_len = v[1];
	p->toc_len = v[2];
	return check_place(layer, p, v[3], e);
}

static enum locate_result
locate(const struct descriptor *layer, struct toc_place *out, struct err *e)
{
	struct annotations a;
	const char *vouches;

	if (find_annotations(layer, &a, e) < 0)
		return LOCATE_FAILED;
	vouches = a.checksum;
	if (vouches == NULL && format_media_type_ends(layer, "zstd"))
		vouches = a.plain_digest;
	if (vouches == NULL)
		return LOCATE_NONE;
	memset(out, 0, sizeof *out);
	out->digest_is_of_blob = a.checksum != NULL;
	if (digest_parse(&out->digest, vouches, e) < 0)
		return LOCATE_FAILED;
	if (a.position == NULL)
		return LOCATE_TAIL;
	return parse_position(layer, a.position, out, e) < 0 ? LOCATE_FAILED
							     : LOCATE_FOUND;
}

/* Where the footer's magic is, if the tail ends with a footer of that size. */
static const uint8_t *
find_footer(const uint8_t *tail, size_t n, size_t size, size_t magic_at,
    const char *magic)
{
	const uint8_t *footer = tail + n - size;

	if (n < size + SKIPPABLE_HEADER ||
	    get_le32(footer - SKIPPABLE_HEADER) != SKIPPABLE_MAGIC ||
	    get_le32(footer - 4) != size ||
	    memcmp(footer + magic_at, magic, 8) != 0)
		return NULL;
	return footer;
}

static int
locate_in_tail(const struct descriptor *layer, const uint8_t *tail, size_t n,
    struct toc_place *out, struct err *e)
{
	const uint8_t *footer = find_footer(tail, n, 64, 56, "GNUlInUx");

	if (footer == NULL)
		footer = find_footer(tail, n, 40, 32, "GnUlInUx");
	if (footer == NULL)
		footer = find_footer(tail, n, 56, 32, "GnUlInUx");
	if (footer == NULL)
		return err_set(e, EBADMSG, "no zstd:chunked footer");
	out->blob_off = get_le64(footer);
	out->blob_len = get_le64(footer + 8);
	out->toc_len = get_le64(footer + 16);
	return check_place(layer, out, get_le64(footer + 24), e);
}

/* ---- the table ---- */

static int
check_digest(const struct digest *want, const void *p, size_t n, struct err *e)
{
	struct digest got;

	digest_of(&got, p, n);
	if (!digest_equal(&got, want))
		return err_set(e, EBADMSG,
		    "table of contents is not the one the manifest names");
	return 0;
}

static int
decode(const struct toc_place *place, const uint8_t *p, size_t n, void *out,
    struct err *e)
{
	AUTO_DECODER struct decoder *d = zstd_decoder_new(e);
	struct decode_part part = {
		.in = p,
		.in_len = n,
		.out = out,
		.out_len = place->toc_len,
		.is_all = true,
	};

	if (d == NULL)
		return -1;
	if (decoder_read_part(d, &part, e) < 0)
		return err_wrap(e, "table of contents");
	return 0;
}

/* Both digests, where the manifest has both. */
static int
check_plain(const struct descriptor *layer, const struct toc_place *place,
    const void *json, struct err *e)
{
	const char *text = descriptor_annotation(layer, STARGZ_TOC_DIGEST);
	struct digest want;

	if (text == NULL)
		return 0;
	if (digest_parse(&want, text, e) < 0)
		return -1;
	return check_digest(&want, json, place->toc_len, e);
}

static int
parse(const struct descriptor *layer, const struct toc_place *place,
    const uint8_t *p, size_t n, struct contents *out, struct err *e)
{
	AUTO_FREE void *json = NULL;
	struct toc toc = {
		.json_len = place->toc_len,
		.data_end = place->blob_off - SKIPPABLE_HEADER,
		.codec = CHUNK_ZSTD,
		.is_stargz =
		    descriptor_annotation(layer, STARGZ_TOC_DIGEST) != NULL,
	};

	if (n != place->blob_len)
		return err_set(e, EBADMSG, "table of contents is cut off");
	if (place->digest_is_of_blob &&
	    check_digest(&place->digest, p, n, e) < 0)
		return -1;
	json = malloc(place->toc_len);
	if (json == NULL)
		return err_set(e, ENOMEM, "table of contents: out of memory");
	if (decode(place, p, n, json, e) < 0 ||
	    check_plain(layer, place, json, e) < 0)
		return -1;
	toc.json = json;
	return toc_parse(&toc, out, e);
}

const struct format format_zstd_chunked = {
	.name = "zstd:chunked",
	.locate = locate,
	.tail_bytes = FORMAT_TAIL_BYTES,
	.locate_in_tail = locate_in_tail,
	.parse = parse,
};
