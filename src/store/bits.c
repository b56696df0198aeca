#include "store/bits.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the bitmaps are mapped as they lie on disk: little endian"
#endif

/* ---- the file ---- */

int
bits_empty(struct bits *b, struct err *e)
{
	if (ftruncate(b->fd, 0) < 0 || ftruncate(b->fd, BITS_BYTES) < 0)
		return err_sys(e, "empty a bitmap");
	for (size_t i = 0;
	     b->backed != NULL && i < BITS_BYTES / BITS_BACK_BYTES; i++)
		atomic_store_explicit(&b->backed[i], 0, memory_order_relaxed);
	return 0;
}

static int
open_file(
    struct bits *b, int root, const char *name, bool *was_whole, struct err *e)
{
	struct stat st;

	b->fd = openat(root, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (b->fd < 0 || fstat(b->fd, &st) < 0)
		return err_sys(e, "open %s", name);
	*was_whole = st.st_size == (off_t)BITS_BYTES;
	return *was_whole ? 0 : bits_empty(b, e);
}

int
bits_open(
    struct bits *b, int root, const char *name, bool *was_whole, struct err *e)
{
	*b = (struct bits){ .fd = -1 };
	if (open_file(b, root, name, was_whole, e) < 0)
		return -1;
	b->backed = calloc(BITS_BYTES / BITS_BACK_BYTES, sizeof *b->backed);
	if (b->backed == NULL)
		return err_set(e, ENOMEM, "%s", name);
	b->words = mmap(
	    NULL, BITS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	if (b->words == MAP_FAILED) {
		b->words = NULL;
		return err_sys(e, "map %s", name);
	}
	for (uint64_t page = 0; bits_next_page(b, &page); page++)
		b->backed[page * BITS_PAGE_BYTES / BITS_BACK_BYTES] = 1;
	return 0;
}

void
bits_close(struct bits *b)
{
	if (b->words != NULL)
		munmap((void *)b->words, BITS_BYTES);
	if (b->fd >= 0)
		close(b->fd);
	free((void *)b->backed);
	*b = (struct bits){ .fd = -1 };
}

static int
back_piece(struct bits *b, uint64_t piece, struct err *e)
{
	if (atomic_load_explicit(&b->backed[piece], memory_order_acquire))
		return 0;
	/* A file system that cannot promise space (old ZFS, NFS) says so; then
	 * a full disk is its own affair. */
	while (
	    fallocate(b->fd, 0, piece * BITS_BACK_BYTES, BITS_BACK_BYTES) < 0) {
		if (errno == EOPNOTSUPP)
			break;
		if (errno != EINTR)
			return err_sys(e, "disk space for a bitmap");
	}
	atomic_store_explicit(&b->backed[piece], 1, memory_order_release);
	return 0;
}

int
bits_back(struct bits *b, struct range r, struct err *e)
{
	if (r.first >= r.end)
		return 0;
	for (uint64_t i = r.first / 8 / BITS_BACK_BYTES;
	     i <= (r.end - 1) / 8 / BITS_BACK_BYTES; i++)
		if (back_piece(b, i, e) < 0)
			return -1;
	return 0;
}

bool
bits_next_page(const struct bits *b, uint64_t *page)
{
	off_t at;

	if (*page >= BITS_PAGES)
		return false;
	at = lseek(b->fd, *page * BITS_PAGE_BYTES, SEEK_DATA);
	/* ENXIO: only a hole follows.  Who cannot tell is looked at whole. */
	if (at < 0)
		return errno != ENXIO;
	*page = at / BITS_PAGE_BYTES;
	return true;
}

/* ---- bits ---- */

/* The bits of word i that belong to the range. */
static uint64_t
mask_of(struct range r, uint64_t i)
{
	uint64_t mask = ~UINT64_C(0);

	if (i == r.first / 64)
		mask <<= r.first % 64;
	if (i == r.end / 64)
		mask &= (UINT64_C(1) << r.end % 64) - 1;
	return mask;
}

/* One past the range's last word. */
static uint64_t
words_end(struct range r)
{
	assert(r.end <= BITS_BLOCKS);
	return r.first < r.end ? (r.end + 63) / 64 : 0;
}

uint64_t
bits_set(struct bits *b, struct range r)
{
	uint64_t n = 0;

	for (uint64_t i = r.first / 64; i < words_end(r); i++) {
		uint64_t mask = mask_of(r, i), old;

		assert(b->backed[i / BITS_BACK_WORDS]);
		old = atomic_fetch_or_explicit(
		    &b->words[i], mask, memory_order_release);

		n += __builtin_popcountll(mask & ~old);
	}
	return n;
}

uint64_t
bits_clear(struct bits *b, struct range r)
{
	uint64_t n = 0;

	for (uint64_t i = r.first / 64; i < words_end(r); i++) {
		uint64_t mask = mask_of(r, i);

		/* A page that is a hole stays one. */
		if ((bits_word(b, i) & mask) == 0)
			continue;
		n += __builtin_popcountll(
		    mask & atomic_fetch_and_explicit(
			       &b->words[i], ~mask, memory_order_acq_rel));
	}
	return n;
}

uint64_t
bits_count(const struct bits *b, struct range r)
{
	uint64_t n = 0;

	for (uint64_t i = r.first / 64; i < words_end(r); i++)
		n += __builtin_popcountll(bits_word(b, i) & mask_of(r, i));
	return n;
}

/* The first block whose bit, after flipping all by `flip`, is set. */
static uint64_t
find_bit(const struct bits *b, struct range r, uint64_t flip)
{
	for (uint64_t i = r.first / 64; i < words_end(r); i++) {
		uint64_t w = (bits_word(b, i) ^ flip) & mask_of(r, i);

		if (w != 0)
			return i * 64 + __builtin_ctzll(w);
	}
	return r.end;
}

uint64_t
bits_run(const struct bits *b, struct range r)
{
	return r.first < r.end ? find_bit(b, r, ~UINT64_C(0)) - r.first : 0;
}

uint64_t
bits_find(const struct bits *b, struct range r)
{
	return find_bit(b, r, 0);
}
