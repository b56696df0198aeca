#include "store/scrub.h"

#include <errno.h>
#include <fcntl.h>

#include "store/store_private.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fs.h"

static bool
is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static bool
is_right(const struct chunk *c, const void *bytes)
{
	struct digest d;

	if (c->codec == CHUNK_ZEROS)
		return is_zero(bytes, c->len);
	digest_of(&d, bytes, c->len);
	return digest_equal(&d, &c->digest);
}

/* Whatever the bits say. */
static bool
reads_right(struct store *s, uint64_t off, const struct chunk *c, void *buf)
{
	struct err e = ERR_INIT;

	return fs_pread(s->data, buf, c->len, off, &e) == 0 && is_right(c, buf);
}

enum scrub
store_scrub_chunk(
    struct store *s, uint64_t off, const struct chunk *c, void *buf)
{
	struct range r = range_of_bytes(off, c->len);
	struct err e = ERR_INIT;

	if (bits_count(&s->present.now, r) == 0)
		return SCRUB_ABSENT;
	/* What the cache holds says nothing of the disk. */
	posix_fadvise(s->data, off, c->len, POSIX_FADV_DONTNEED);
	if (store_read(s, buf, c->len, off, &e) == 0)
		return is_right(c, buf) ? SCRUB_RIGHT : SCRUB_WRONG;
	if (e.code != EAGAIN)
		return SCRUB_WRONG;
	/* It may have its bytes although a neighbour lacks some. */
	return reads_right(s, off, c, buf) ? SCRUB_RIGHT : SCRUB_PARTIAL;
}

/* ---- durable ---- */

/* Lock held.  One page of the bitmaps. */
static uint64_t
scrub_page(struct present *p, uint64_t page, bool is_repair)
{
	uint64_t n = 0;

	for (uint64_t i = page * BITS_PAGE_WORDS;
	     i < (page + 1) * BITS_PAGE_WORDS; i++) {
		uint64_t stray =
		    bits_word(&p->durable, i) & ~bits_word(&p->now, i);

		n += __builtin_popcountll(stray);
		if (stray != 0 && is_repair)
			atomic_fetch_and_explicit(
			    &p->durable.words[i], ~stray, memory_order_release);
	}
	return n;
}

int
store_scrub_durable(
    struct store *s, bool is_repair, uint64_t *n_blocks, struct err *e)
{
	struct present *p = &s->present;

	*n_blocks = 0;
	for (uint64_t page = 0; bits_next_page(&p->durable, &page); page++) {
		LOCK_SCOPE(&p->lock);

		*n_blocks += scrub_page(p, page, is_repair);
	}
	if (*n_blocks > 0 && is_repair && fdatasync(p->durable.fd) < 0)
		return err_sys(e, "sync of durable");
	return 0;
}
