#include "convert/kept_layer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/format.h"
#include "registry/source.h"
#include "codec/decode.h"
#include "codec/zstd.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/json_pull.h"
#include "base/limits.h"

#define SPLIT_POSITION "io.github.containers.zstd-chunked.tarsplit-position"

struct place {
	uint64_t off, len;
};

static int
read_place(struct source *s, const struct descriptor *layer,
    const struct place *p, struct buf *out, struct err *e)
{
	struct source_part part = {
		.blob = &layer->digest,
		.blob_size = layer->size,
		.off = p->off,
		.len = p->len,
	};

	return source_read_all(s, &part, out, e);
}

static bool
find_split(const struct descriptor *layer, struct place *out)
{
	const char *text = descriptor_annotation(layer, SPLIT_POSITION);

	if (text == NULL || sscanf(text, "%18" SCNu64 ":%18" SCNu64 ":",
				&out->off, &out->len) != 2)
		return false;
	return out->len > 0 && out->len <= LIMIT_TOC_COMPRESSED_BYTES &&
	       out->off <= layer->size && out->len <= layer->size - out->off;
}

/* "tarSplitDigest" of the table's text. */
static int
find_split_digest(const void *json, size_t n, struct digest *out, struct err *e)
{
	struct json_pull r;
	bool is_found = false;
	int rc = -1;

	json_pull_init(&r, json, n);
	if (json_pull_next(&r, e) == JSON_BEGIN_OBJECT)
		while (!is_found && json_pull_next(&r, e) == JSON_KEY) {
			is_found = strcmp(r.text, "tarSplitDigest") == 0;
			if (!is_found && json_pull_skip(&r, e) < 0)
				break;
		}
	if (is_found && json_pull_text(&r, e) == 0)
		rc = digest_parse(out, r.text, e);
	json_pull_release(&r);
	return rc;
}

static int
unpack_table(const struct toc_place *place, const struct buf *table,
    struct buf *json, struct err *e)
{
	AUTO_DECODER struct decoder *d = zstd_decoder_new(e);
	struct decode_part part = {
		.in = table->data,
		.in_len = table->len,
		.out_len = place->toc_len,
		.is_all = true,
	};

	if (d == NULL || buf_reserve(json, place->toc_len, e) < 0)
		return -1;
	part.out = json->data;
	json->len = place->toc_len;
	return decoder_read_part(d, &part, e);
}

/* The table is the manifest's, and what layerfs can read. */
static bool
is_table_right(const struct format *f, const struct descriptor *layer,
    const struct toc_place *place, const struct buf *table)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err why;

	return f->parse(layer, place, table->data, table->len, &c, &why) == 0;
}

static bool
is_split_right(const struct toc_place *place, const struct buf *table,
    const struct buf *split)
{
	AUTO_BUF struct buf json = BUF_INIT(LIMIT_TOC_BYTES);
	struct digest want, is;
	struct err why;

	if (unpack_table(place, table, &json, &why) < 0 ||
	    find_split_digest(json.data, json.len, &want, &why) < 0)
		return false;
	digest_of(&is, split->data, split->len);
	return digest_equal(&is, &want);
}

int
kept_layer_check(struct source *s, const struct descriptor *layer,
    bool *is_kept, struct err *e)
{
	AUTO_BUF struct buf table = BUF_INIT(LIMIT_TOC_COMPRESSED_BYTES);
	AUTO_BUF struct buf split = BUF_INIT(LIMIT_TOC_COMPRESSED_BYTES);
	struct toc_place place;
	struct place split_place;
	enum locate_result located;
	struct err why;
	const struct format *f = format_locate(layer, &place, &located, &why);

	*is_kept = false;
	if (f == NULL || located != LOCATE_FOUND ||
	    descriptor_annotation(layer, PODMAN_TOC_DIGEST) == NULL ||
	    !find_split(layer, &split_place))
		return 0;
	if (read_place(s, layer,
		&(struct place){ place.blob_off, place.blob_len }, &table,
		e) < 0 ||
	    read_place(s, layer, &split_place, &split, e) < 0)
		return -1;
	*is_kept = is_table_right(f, layer, &place, &table) &&
		   is_split_right(&place, &table, &split);
	return 0;
}
