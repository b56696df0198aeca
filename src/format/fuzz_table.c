/* Tables of contents as they lie in blobs, and the annotations that say where: a
 * fuzzer makes neither digests nor compressed data, so they are made for it.  What a
 * table says is toc_parse()'s business (fuzz_toc.c). */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "codec/gzip_member.h"
#include "codec/tar_seal.h"
#include "codec/zstd.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { POSITION_BYTES = 64 };

#define PODMAN_POSITION "io.github.containers.zstd-chunked.manifest-position"
#define STARGZ "io.containers.zstd-chunked."

/* ---- a layer with a table ---- */

static void
append(struct buf *out, const void *p, size_t n)
{
	struct err e;

	if (buf_append(out, p, n, &e) < 0)
		abort();
}

static void
estargz_pack(struct buf *out, const uint8_t *json, size_t n)
{
	AUTO_BUF struct buf tar = BUF_INIT(MIB(64));
	uint8_t header[TAR_BLOCK] = "stargz.index.json";
	static const uint8_t zeros[3 * TAR_BLOCK];

	snprintf(
	    (char *)header + TAR_SIZE, TAR_NUMBER_LEN, "%011o", (unsigned)n);
	header[TAR_TYPE] = '0';
	memcpy(header + TAR_MAGIC, "ustar\00000", 8);
	tar_seal_header(header);
	append(&tar, header, sizeof header);
	append(&tar, json, n);
	append(&tar, zeros, 2 * TAR_BLOCK + (-n & (TAR_BLOCK - 1)));
	gzip_store(out, tar.data, tar.len);
}

struct made {
	struct buf packed;
	uint64_t plain_len;
	struct digest of_packed, of_plain;
};

static void
pack(struct made *m, bool is_gzip, const uint8_t *json, size_t n)
{
	struct err e;

	m->plain_len = n;
	digest_of(&m->of_plain, json, n);
	if (is_gzip)
		estargz_pack(&m->packed, json, n);
	else if (zstd_pack(&m->packed, json, n, 1, &e) < 0)
		abort();
	digest_of(&m->of_packed, m->packed.data, m->packed.len);
}

/* As if it were packed already. */
static void
take(struct made *m, const uint8_t *p, size_t n)
{
	append(&m->packed, p, n);
	digest_of(&m->of_packed, p, n);
	m->plain_len = 100;
	if (n >= 4)
		m->plain_len = get_le32(p) % 1000 + 1;
}

static void
check(const struct descriptor *layer, const struct toc_place *place)
{
	assert(place->blob_len > 0 && place->blob_off <= layer->size &&
	       place->blob_len <= layer->size - place->blob_off);
}

static void
parse(const struct format *f, const struct descriptor *layer,
    const struct toc_place *place, const struct made *m)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;

	check(layer, place);
	if (f->parse(layer, place, m->packed.data, m->packed.len, &c, &e) == 0)
		assert(c.tree != NULL && c.map != NULL);
	else
		assert(e.code != 0);
}

static void
parse_zstd(const struct made *m, bool is_stargz)
{
	char position[POSITION_BYTES];
	char blob[DIGEST_TEXT_SIZE], plain[DIGEST_TEXT_SIZE];
	struct annotation all[] = {
		{ is_stargz ? STARGZ "manifest-checksum" : PODMAN_TOC_DIGEST,
		    blob },
		{ is_stargz ? STARGZ "manifest-position" : PODMAN_POSITION,
		    position },
		{ STARGZ_TOC_DIGEST, plain },
	};
	struct descriptor layer = {
		.media_type = "application/vnd.oci.image.layer.v1.tar+zstd",
		.size = KIB(64) + m->packed.len + 72,
		.annotations = all,
		.n_annotations = is_stargz ? 3 : 2,
	};
	struct toc_place place;
	enum locate_result found;
	const struct format *f;
	struct err e = ERR_INIT;

	strcpy(blob, DIGEST_TEXT(&m->of_packed));
	strcpy(plain, DIGEST_TEXT(&m->of_plain));
	snprintf(position, sizeof position, "%ju:%zu:%ju:1", (uintmax_t)KIB(64),
	    m->packed.len, (uintmax_t)m->plain_len);
	f = format_locate(&layer, &place, &found, &e);
	assert(f != NULL || m->plain_len == 0 || m->packed.len == 0);
	if (f != NULL)
		parse(f, &layer, &place, m);
}

static void
parse_gzip(const struct made *m)
{
	char plain[DIGEST_TEXT_SIZE];
	struct annotation one = { STARGZ_TOC_DIGEST, plain };
	struct descriptor layer = {
		.media_type = "application/vnd.oci.image.layer.v1.tar+gzip",
		.size = KIB(64) + m->packed.len + 51,
		.annotations = &one,
		.n_annotations = 1,
	};
	struct toc_place place;
	enum locate_result found;
	const struct format *f;
	struct err e = ERR_INIT;

	strcpy(plain, DIGEST_TEXT(&m->of_plain));
	f = format_locate(&layer, &place, &found, &e);
	assert(f != NULL && found == LOCATE_TAIL);
	place.blob_off = KIB(64);
	place.blob_len = m->packed.len;
	if (place.blob_len > 0)
		parse(f, &layer, &place, m);
}

/* ---- any annotations ---- */

static void
locate(const uint8_t *p, size_t n)
{
	struct err e = ERR_INIT;
	AUTO_DOC struct doc *j = doc_parse_json(p, n, &e);
	struct toc_place place;
	enum locate_result found;
	struct descriptor layer;
	const struct format *f;

	if (j == NULL || descriptor_parse(&layer, j, &e) < 0)
		return;
	f = format_locate(&layer, &place, &found, &e);
	assert((f != NULL) == (found == LOCATE_FOUND || found == LOCATE_TAIL));
	if (found == LOCATE_FOUND)
		check(&layer, &place);
	descriptor_release(&layer);
}

/* The first byte says what the others are. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct made m = { .packed = BUF_INIT(MIB(64)) };
	enum { PODMAN, STARGZ_ZSTD, ESTARGZ, ANNOTATIONS } what;

	if (n == 0)
		return 0;
	what = p[0] & 3;
	if (p[0] & 4)
		take(&m, p + 1, n - 1);
	else
		pack(&m, what == ESTARGZ, p + 1, n - 1);
	if (what == ANNOTATIONS)
		locate(p + 1, n - 1);
	else if (what == ESTARGZ)
		parse_gzip(&m);
	else
		parse_zstd(&m, what == STARGZ_ZSTD);
	buf_release(&m.packed);
	return 0;
}
