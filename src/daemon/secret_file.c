#include "daemon/secret_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fs.h"

static const char magic[8] = "lfsecret";

struct half {
	uint8_t header[SECRET_FILE_HEADER];
	struct buf payload;
};

static off_t
place_of(uint64_t generation)
{
	return generation % 2 * SECRET_FILE_HALF;
}

static void
digest_half(struct digest *d, const struct half *h)
{
	AUTO_HASHER struct hasher *x = hasher_new();

	hasher_update(x, h->header + 8, 16);
	hasher_update(x, h->payload.data, h->payload.len);
	hasher_end(x, d);
}

static void
half_release(struct half *h)
{
	if (h->payload.data != NULL)
		explicit_bzero(h->payload.data, h->payload.cap);
	buf_release(&h->payload);
}

/* The half at this place, if it is whole. */
static bool
read_half(int fd, off_t at, struct half *h)
{
	struct digest d;
	struct err ignored;
	uint64_t n;

	if (fs_pread(fd, h->header, sizeof h->header, at, &ignored) < 0 ||
	    memcmp(h->header, magic, sizeof magic) != 0)
		return false;
	n = get_le64(h->header + 16);
	if (n > SECRET_FILE_MAX || buf_reserve(&h->payload, n, &ignored) < 0 ||
	    fs_pread(
		fd, h->payload.data, n, at + SECRET_FILE_HEADER, &ignored) < 0)
		return false;
	h->payload.len = n;
	digest_half(&d, h);
	return memcmp(h->header + 24, d.bytes, sizeof d.bytes) == 0;
}

/* Into `out` if it is newer than what was found. */
static int
take_half(struct secret_file *f, off_t at, struct buf *out, struct err *e)
{
	CLEANUP(half_release)
	struct half h = { .payload = BUF_INIT(SECRET_FILE_MAX) };
	uint64_t generation;

	if (!read_half(f->fd, at, &h))
		return 0;
	generation = get_le64(h.header + 8);
	if (generation <= f->generation || place_of(generation) != at)
		return 0;
	f->generation = generation;
	out->len = 0;
	return buf_append(out, h.payload.data, h.payload.len, e);
}

int
secret_file_read(struct secret_file *f, struct buf *out, struct err *e)
{
	off_t size = lseek(f->fd, 0, SEEK_END);

	f->generation = 0;
	if (size < 0)
		return err_sys(e, "read the file of credentials");
	if (take_half(f, 0, out, e) < 0 ||
	    take_half(f, SECRET_FILE_HALF, out, e) < 0)
		return -1;
	if (size > 0 && f->generation == 0)
		return err_set(
		    e, EBADMSG, "the file of credentials is damaged");
	return 0;
}

int
secret_file_write(struct secret_file *f, const void *p, size_t n, struct err *e)
{
	uint64_t generation = f->generation + 1;
	struct half h = { .payload = { .data = (uint8_t *)p, .len = n } };
	off_t at = place_of(generation);
	struct digest d;

	if (n > SECRET_FILE_MAX)
		return err_set(e, E2BIG, "%zu bytes of credentials", n);
	memcpy(h.header, magic, sizeof magic);
	put_le64(h.header + 8, generation);
	put_le64(h.header + 16, n);
	digest_half(&d, &h);
	memcpy(h.header + 24, d.bytes, sizeof d.bytes);
	if (fs_pwrite(f->fd, p, n, at + SECRET_FILE_HEADER, e) < 0 ||
	    fs_pwrite(f->fd, h.header, sizeof h.header, at, e) < 0)
		return err_wrap(e, "credentials");
	if (fdatasync(f->fd) < 0)
		return err_sys(e, "sync the file of credentials");
	f->generation = generation;
	return 0;
}
