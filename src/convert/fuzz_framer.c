/* Any tar: what is made of it gives it back, byte for byte, and a table that is
 * made is one that format/ reads. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "convert/chunked_blob.h"
#include "convert/framer.h"
#include "convert/press.h"
#include "format/format.h"
#include "codec/decode.h"
#include "codec/tar_seal.h"
#include "codec/zstd.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_frames(const struct buf *blob, const uint8_t *p, size_t n)
{
	struct err e;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	AUTO_BUF struct buf tar = BUF_INIT(MIB(64));
	struct decode_part part = {
		.in = blob->data,
		.in_len = blob->len,
		.out_len = n,
		.is_all = true,
	};

	if (d == NULL || buf_reserve(&tar, n + 1, &e) < 0)
		return;
	part.out = tar.data;
	if (decoder_read_part(d, &part, &e) < 0 || memcmp(tar.data, p, n) != 0)
		__builtin_trap();
}

/* ENOTSUP: right, but not to be read lazily. */
static void
check_table(const struct chunked_blob *b, const struct buf *blob)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct descriptor d;
	struct toc_place place;
	enum locate_result located;
	struct err e = ERR_INIT;
	const struct format *f;

	if (!b->has_table || chunked_blob_describe(b, &d, &e) < 0)
		return;
	f = format_locate(&d, &place, &located, &e);
	if (f == NULL || located != LOCATE_FOUND ||
	    (f->parse(&d, &place, blob->data + place.blob_off, place.blob_len,
		 &c, &e) < 0 &&
		e.code == EBADMSG))
		__builtin_trap();
	descriptor_release(&d);
}

/* 0: it is a tar. */
static int
frame(struct framer *f, const uint8_t *p, size_t n, struct err *e)
{
	while (n > 0) {
		uint8_t *room;
		size_t size;

		if (framer_room(f, &room, &size, e) < 0)
			return -1;
		/* By odd pieces: what is cut shall not depend on them. */
		size = min_u64(min_u64(size, n), 1001);
		memcpy(room, p, size);
		if (framer_fill(f, size, e) < 0)
			return -1;
		p += size;
		n -= size;
	}
	return framer_end(f, e);
}

static void
convert(const uint8_t *p, size_t n)
{
	static struct press *press;
	AUTO_CLOSE int fd = memfd_create("blob", MFD_CLOEXEC);
	AUTO_BUF struct buf blob = BUF_INIT(MIB(128));
	struct chunked_blob b;
	struct framer *f = NULL;
	struct err e;

	if (press == NULL)
		press = press_new(1, 1, &e);
	if (press == NULL || chunked_blob_init(&b, fd, 1, &e) < 0)
		return;
	f = framer_new(press, &b.outlet, &e);
	if (f != NULL && frame(f, p, n, &e) == 0 &&
	    chunked_blob_end(&b, f, &e) == 0 &&
	    fs_read_all(fd, &blob, &e) == 0) {
		check_frames(&blob, p, n);
		check_table(&b, &blob);
	}
	framer_free(f);
	chunked_blob_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE uint8_t *tar = tar_sealed_copy(p, n);

	if (tar != NULL)
		convert(tar, n);
	return 0;
}
